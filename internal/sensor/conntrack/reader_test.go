package conntrack_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/sensor/conntrack"
)

// attr is one attribute of netlink, padded.
func attr(kind uint16, values ...[]byte) []byte {
	v := bytes.Join(values, nil)
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(v)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), v...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

func be(n uint64, size int) []byte { return binary.BigEndian.AppendUint64(nil, n)[8-size:] }

// message is one of ctnetlink about a connection.
func message(kind uint16, attrs ...[]byte) []byte {
	body := append([]byte{2, 0, 0, 0}, bytes.Join(attrs, nil)...)
	b := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	return append(append(b, make([]byte, 10)...), body...)
}

const nested = 1 << 15

func tcp(src, dst string, dstPort uint16, status, state byte) [][]byte {
	return [][]byte{
		attr(1|nested, attr(1|nested, attr(1, netip.MustParseAddr(src).AsSlice()), attr(2, netip.MustParseAddr(dst).AsSlice())),
			attr(2|nested, attr(1, []byte{6}), attr(2, be(40000, 2)), attr(3, be(uint64(dstPort), 2)))),
		attr(3, be(uint64(status), 4)), attr(4|nested, attr(1|nested, attr(1, []byte{state}))),
	}
}

const destroyed = 1<<8 | 2

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// TestWhatBecameOfIt: the table's states in our words.
func TestWhatBecameOfIt(t *testing.T) {
	for _, c := range []struct {
		status, state byte
		want          haechi.FlowState
	}{
		{0, 1, haechi.FlowAttempt}, {0, 9, haechi.FlowAttempt}, {2, 2, haechi.FlowHalfOpen}, {6, 3, haechi.FlowEstablished}, {6, 4, haechi.FlowClosed},
		{6, 7, haechi.FlowClosed}, {0, 8, haechi.FlowRejected}, {2, 8, haechi.FlowRejected}, {6, 8, haechi.FlowReset}, {0, 3, haechi.FlowMidstream}, {6, 0, haechi.FlowUnknown},
	} {
		var got haechi.FlowState
		r := conntrack.New(conntrack.Config{}, func(e *haechi.Event) { got = e.Flow.State })
		if r.Messages(message(destroyed, tcp("192.0.2.7", "192.0.2.1", 22, c.status, c.state)...), noon); got != c.want {
			t.Errorf("status %d, state %d: %v, want %v", c.status, c.state, got, c.want)
		}
	}
}

// TestWhatIsNotTold: other messages, connections within the machine, and broken ones; what
// stands before a broken one is told.
func TestWhatIsNotTold(t *testing.T) {
	told := 0
	r := conntrack.New(conntrack.Config{}, func(e *haechi.Event) {
		if told++; e.Time != noon || e.Flow.Start != noon || e.Duration != 0 {
			t.Errorf("from %v to %v, %v", e.Flow.Start, e.Time, e.Duration) // the kernel did not say since when
		}
	})
	good := message(destroyed, tcp("2001:db8::7", "2001:db8::1", 22, 6, 7)...)
	r.Messages(bytes.Join([][]byte{
		message(1<<8, tcp("192.0.2.7", "192.0.2.1", 22, 6, 3)...), message(destroyed, tcp("127.0.0.1", "127.0.0.1", 22, 6, 7)...),
		message(destroyed), message(destroyed, tcp("192.0.2.7", "2001:db8::1", 22, 6, 7)...), good, good[:len(good)-3],
	}, nil), noon)
	if s := r.Stats(); told != 1 || s != (conntrack.Stats{Told: 1, Local: 1, Broken: 3, Uncounted: 1}) {
		t.Errorf("%d told, %+v", told, s)
	}
	if n := testing.AllocsPerRun(100, func() { r.Messages(good, noon) }); n != 0 {
		t.Errorf("%v allocations for a message", n)
	}
}

// TestHowLongItWas: from the kernel's own stamps, as far as they can be.
func TestHowLongItWas(t *testing.T) {
	stamp := func(at time.Time) []byte { return be(uint64(at.UnixNano()), 8) }
	for _, c := range []struct {
		name        string
		start, stop time.Time
		since       time.Time
		length      time.Duration
	}{
		{"both", noon.Add(-time.Hour), noon.Add(-time.Minute), noon.Add(-time.Hour), 59 * time.Minute},
		{"no end", noon.Add(-time.Hour), time.Unix(0, 0), noon.Add(-time.Hour), time.Hour},
		{"an end to come", noon.Add(-time.Hour), noon.Add(time.Hour), noon.Add(-time.Hour), time.Hour},
		{"a start to come", noon.Add(time.Hour), noon, noon, 0},
	} {
		var e haechi.Event
		r := conntrack.New(conntrack.Config{}, func(got *haechi.Event) { e = *got })
		r.Messages(message(destroyed, append(tcp("192.0.2.7", "192.0.2.1", 22, 6, 7), attr(20|nested, attr(1, stamp(c.start)), attr(2, stamp(c.stop))),
			attr(9|nested, attr(1, be(5, 8)), attr(2, be(500, 8))), attr(10|nested, attr(1, be(4, 8)), attr(2, be(1<<60, 8))))...), noon)
		if !e.Flow.Start.Equal(c.since) || e.Duration != c.length || e.BytesIn != 500 || e.Flow.PacketsOut != 4 || e.BytesOut != 1<<50 {
			t.Errorf("%s: since %v for %v, %d and %d bytes", c.name, e.Flow.Start, e.Duration, e.BytesIn, e.BytesOut)
		}
	}
}

// FuzzMessages: whatever comes, a flow has two ends of one family that are not this machine
// alone, a start that is no later than its end, and amounts that are no less than none.
func FuzzMessages(f *testing.F) {
	f.Add(message(destroyed, tcp("192.0.2.7", "192.0.2.1", 22, 6, 7)...))
	f.Add(message(destroyed, append(tcp("2001:db8::7", "2001:db8::1", 22, 0, 8), attr(9|nested, attr(1, be(1, 8)), attr(2, be(60, 8))))...))
	f.Add(append(message(1<<8), message(destroyed, attr(1, attr(1, attr(1, []byte{1, 2, 3}))))...))
	f.Fuzz(func(t *testing.T, b []byte) {
		told := uint64(0)
		r := conntrack.New(conntrack.Config{}, func(e *haechi.Event) {
			told++
			if f := &e.Flow; !e.Addr.IsValid() || e.Addr.Is4() != f.Target.Is4() || e.Addr.IsLoopback() || f.Start.After(e.Time) || e.Duration < 0 || e.BytesIn < 0 || e.BytesOut < 0 {
				t.Errorf("%+v", e)
			}
		})
		if r.Messages(b, noon); r.Stats().Told != told {
			t.Errorf("%d told, counted %d", told, r.Stats().Told)
		}
	})
}
