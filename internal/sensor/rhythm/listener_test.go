package rhythm_test

import (
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/sensor"
	"haechi/internal/sensor/rhythm"
)

func begin() time.Time { return time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC) }

func ends(t haechi.Transport) sensor.Ends {
	return sensor.Ends{Client: netip.MustParseAddrPort("[2001:db8::7]:40000"), Server: netip.MustParseAddrPort("192.0.2.1:8219"), Transport: t}
}

// other is a listener that knows everything after two segments and then wants no more.
type other struct{ data, closed int }

func (o *other) Open(sensor.Ends, time.Time) uint32 { return 7 }
func (o *other) Data(id uint32, _ *sensor.Segment) (string, bool) {
	if o.data++; id != 7 {
		panic("a number that it did not give")
	}
	if o.data == 1 {
		return "", true
	}
	return "odd", false
}
func (o *other) Close(uint32, time.Time) { o.closed++ }

// talk plays segments: seconds, from the client or not, sequence number, length.
type said struct {
	at     float64
	client bool
	seq    uint32
	n      int
}

func play(l *rhythm.Listener, id uint32, all []said) (name string, more bool) {
	for _, s := range all {
		name, more = l.Data(id, &sensor.Segment{Time: begin().Add(time.Duration(s.at * float64(time.Second))), FromClient: s.client, Seq: s.seq, Length: s.n})
	}
	return name, more
}

func TestTurnsBeginAfterAPause(t *testing.T) {
	var told []haechi.Event
	next := &other{}
	l := rhythm.New(rhythm.Defaults(), next, func(e *haechi.Event) { told = append(told, *e) })
	id := l.Open(ends(haechi.TCP), begin())
	name, more := play(l, id, []said{
		{0, true, 1 << 31, 7}, {0.1, true, 1<<31 + 7, 100}, {0.3, false, 0, 50},
		{5, true, 1<<31 + 107, 7}, // a turn
		{5.2, true, 1<<31 + 114, 10},
		{8, true, 1<<31 + 114, 10},     // sent again: none
		{9, true, 1<<31 + 123, 1},      // TCP keepalive: none
		{12, false, 0, 20},             // the server speaks
		{12.1, true, 1<<31 + 124, 300}, // and is answered: none
		{20, true, 1<<31 + 424, 7},     // a turn
	})
	l.Close(id, begin())
	if name != "odd" || !more || next.data != 2 || next.closed != 1 {
		t.Errorf("name %q, more %v, the other heard %d and %d ends", name, more, next.data, next.closed)
	}
	if len(told) != 2 {
		t.Fatalf("%d turns", len(told))
	}
	a, b := told[0], told[1]
	if a.Time != begin().Add(5*time.Second) || a.BytesIn != 7 || a.BytesOut != 50 || a.Assurance != haechi.Handshaken || a.Kind != haechi.KindTurn {
		t.Errorf("first: %+v", a)
	}
	if b.BytesIn != 7 || b.BytesOut != 20 || b.Protocol != "odd" || b.Client != netip.MustParsePrefix("2001:db8::/64") || b.LocalPort != 8219 {
		t.Errorf("second: %+v", b)
	}
}

func TestTransfersAreGivenUp(t *testing.T) {
	cfg := rhythm.Defaults()
	cfg.Patience = 100
	l := rhythm.New(cfg, nil, func(*haechi.Event) { t.Error("a transfer has no turns") })
	id := l.Open(ends(haechi.TCP), begin())
	n := 0
	for more := true; more; n++ {
		_, more = l.Data(id, &sensor.Segment{Time: begin().Add(time.Duration(n) * time.Millisecond), FromClient: true, Seq: uint32(n * 10), Length: 10})
	}
	if n > 110 {
		t.Errorf("given up after %d segments", n)
	}
}

func TestOnlyTheOtherHearsDatagramsAndWhatFoundNoRoom(t *testing.T) {
	cfg := rhythm.Defaults()
	cfg.Conversations = 1
	next := &other{}
	l := rhythm.New(cfg, next, func(*haechi.Event) { t.Error("nothing to tell") })
	l.Open(ends(haechi.TCP), begin())
	for _, transport := range []haechi.Transport{haechi.UDP, haechi.TCP} {
		next.data = 0
		id := l.Open(ends(transport), begin())
		if name, more := play(l, id, []said{{0, true, 0, 1}, {9, true, 1, 1}}); name != "odd" || more {
			t.Errorf("%v: %q, %v", transport, name, more)
		}
		l.Close(id, begin())
	}
	if next.closed != 2 || l.Refused() != 1 {
		t.Errorf("%d ends, %d refused", next.closed, l.Refused())
	}
	if id := rhythm.New(cfg, nil, nil).Open(ends(haechi.UDP), begin()); id != 0 {
		t.Errorf("nobody listens, but the number is %d", id)
	}
}

func TestPlacesAreUsedAgainAndNothingIsAllocated(t *testing.T) {
	cfg := rhythm.Defaults()
	cfg.Conversations = 4
	l := rhythm.New(cfg, nil, func(*haechi.Event) {})
	at := begin()
	var s sensor.Segment
	if n := testing.AllocsPerRun(1000, func() {
		id := l.Open(ends(haechi.TCP), at)
		for range 3 {
			at = at.Add(2 * time.Second)
			s = sensor.Segment{Time: at, FromClient: true, Seq: s.Seq + 5, Length: 5}
			l.Data(id, &s)
		}
		l.Close(id, at)
	}); n != 0 || l.Refused() != 0 {
		t.Errorf("%v allocations, %d refused", n, l.Refused())
	}
}

func FuzzData(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200, 5, 6, 7, 8}, uint32(1))
	f.Fuzz(func(t *testing.T, steps []byte, id uint32) {
		last := time.Time{}
		l := rhythm.New(rhythm.Defaults(), &other{}, func(e *haechi.Event) {
			if e.Time.Sub(last) < time.Second {
				t.Fatalf("two turns within %v", e.Time.Sub(last))
			}
			last = e.Time
		})
		l.Data(id&0xffff, &sensor.Segment{Length: 1})
		own, at := l.Open(ends(haechi.TCP), begin()), begin()
		for _, b := range steps {
			at = at.Add(time.Duration(b&15) * 200 * time.Millisecond)
			l.Data(own, &sensor.Segment{Time: at, FromClient: b&16 != 0, Seq: uint32(b) << 24, Length: int(b >> 4)})
		}
		l.Close(own, at)
		l.Close(id&0xffff|2, at)
	})
}

func BenchmarkData(b *testing.B) {
	l := rhythm.New(rhythm.Defaults(), nil, func(*haechi.Event) {})
	id := l.Open(ends(haechi.TCP), begin())
	s := sensor.Segment{Time: begin(), FromClient: true, Length: 100}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Time, s.Seq = s.Time.Add(time.Duration(i&1023)*time.Millisecond), s.Seq+100
		l.Data(id, &s)
	}
}
