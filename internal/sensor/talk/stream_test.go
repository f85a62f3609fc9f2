package talk_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"haechi"
	"haechi/internal/sensor"
	"haechi/internal/sensor/talk"
)

// records puts a hello into records of n bytes.
func records(hello []byte, n int) (out string) {
	for msg := hello[5:]; len(msg) > 0; {
		k := min(n, len(msg))
		out += string(append(binary.BigEndian.AppendUint16([]byte{22, 3, 1}, uint16(k)), msg[:k]...))
		msg = msg[k:]
	}
	return out
}

// Segments that come late, twice, or overlap change nothing.
func TestOrder(t *testing.T) {
	hello := clientHello(t, "late.example.com", false)
	want := play(t, 443, []said{in(string(hello))})
	if len(want) != 1 || want[0].Name != "late.example.com" || want[0].Protocol != "tls" {
		t.Fatalf("told %q", facts(want))
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		e := newEar(config())
		id := e.Open(ends(haechi.TCP, 443), start())
		type seg struct{ from, to int }
		segs := []seg{{0, 10}}
		for at := 10; at < len(hello); {
			n := min(1+r.IntN(len(hello)/4), len(hello)-at)
			segs = append(segs, seg{max(1, at-r.IntN(20)), at + n})
			if r.IntN(3) == 0 {
				segs = append(segs, seg{max(1, at-3), at + n})
			}
			at += n
		}
		r.Shuffle(len(segs)-1, func(i, j int) { segs[i+1], segs[j+1] = segs[j+1], segs[i+1] })
		for _, s := range segs {
			e.Data(id, sensor.Segment{Time: start(), FromClient: true, Seq: uint32(0xffffff00) + uint32(s.from), Bytes: hello[s.from:s.to], Length: s.to - s.from})
		}
		e.Close(id, start())
		if e.Stats().Gaps > 0 { // more pieces than are kept
			continue
		}
		check(t, e)
		same(t, "shuffled", e.events, want)
	}
}

// A capture that holds the first bytes of each packet only loses what was cut, and the
// conversation does not wait for it.
func TestCutCapture(t *testing.T) {
	e := newEar(config())
	id := e.Open(ends(haechi.TCP, 443), start())
	hello := clientHello(t, "cut.example.com", false)
	if _, more := e.Data(id, sensor.Segment{Time: start(), FromClient: true, Bytes: hello[:60], Length: len(hello)}); more {
		t.Error("goes on without the rest of the hello")
	}
	check(t, e)
	if s := e.Stats(); s.Gaps != 1 || len(e.events) != 0 {
		t.Errorf("%+v, told %q", s, facts(e.events))
	}
}

// What nobody understands is let go at once and allocates nothing.
func TestUnknownAllocatesNothing(t *testing.T) {
	e := newEar(config())
	for _, b := range [][]byte{[]byte("\x93\x00nothing of ours"), {0xff, 0xfe, 0xfd, 1, 2, 3}} {
		run := func() {
			for _, transport := range []haechi.Transport{haechi.TCP, haechi.UDP} {
				id := e.Open(ends(transport, 9000), start())
				if p, more := e.Data(id, sensor.Segment{Time: start(), FromClient: true, Bytes: b, Length: len(b)}); more || p != "" {
					t.Fatalf("%x is taken for %q", b, p)
				}
				e.Close(id, start())
			}
		}
		run()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
	if p, more := e.Data(12345, sensor.Segment{}); p != "" || more {
		t.Error("data of no conversation is heard")
	}
	if id := e.Open(ends(haechi.ICMP, 0), start()); id != 0 {
		t.Error("ICMP is heard")
	}
}

// The bounds hold, and what they refused is counted.
func TestBounds(t *testing.T) {
	e := newEar(talk.Config{Conversations: 300, Bytes: 20 << 10})
	part := clientHello(t, "a.example.com", false)[:100]
	var ids []uint32
	for range 400 {
		id := e.Open(ends(haechi.TCP, 443), start())
		if id != 0 {
			e.Data(id, sensor.Segment{Time: start(), FromClient: true, Bytes: part, Length: len(part)})
			ids = append(ids, id)
		}
	}
	s := e.Stats()
	if s.Bytes > 20<<10 || s.Open > 300 || s.Starved == 0 {
		t.Errorf("%+v", s)
	}
	for _, id := range ids {
		e.Close(id, start())
		e.Close(id, start()) // twice is once
	}
	check(t, e)
	for range 301 {
		e.Open(ends(haechi.TCP, 443), start())
	}
	if s := e.Stats(); s.Open != 300 || s.Full != 1 {
		t.Errorf("%+v", s)
	}
}

// decode makes a conversation of a fuzzer's bytes: a byte for side and size class, a
// length, what is said.
func decode(b []byte) (talk []said) {
	for len(b) > 2 && len(talk) < 64 {
		n := min(int(binary.BigEndian.Uint16(b)&0x7fff), len(b)-2)
		talk = append(talk, said{server: b[0]&0x80 != 0, text: string(b[2 : 2+n])})
		b = b[2+n:]
	}
	return talk
}

func encode(talk []said) (b []byte) {
	for _, s := range talk {
		n := uint16(len(s.text))
		if s.server {
			n |= 0x8000
		}
		b = append(binary.BigEndian.AppendUint16(b, n), s.text...)
	}
	return b
}

// FuzzConversation: the same events whatever the segments, and nothing is left behind.
func FuzzConversation(f *testing.F) {
	for port, talk := range conversations(f) {
		f.Add(encode(talk), port, uint64(7))
	}
	f.Fuzz(func(t *testing.T, b []byte, port uint16, seed uint64) {
		if port == 22 {
			port = 2222
		}
		talk := decode(b)
		for _, s := range talk {
			if len(s.text) > 3 && s.text[:4] == "SSH-" {
				return // which is judged by sizes
			}
		}
		want := play(t, port, talk)
		r := rand.New(rand.NewPCG(seed, 1))
		e := newEar(config())
		e.hear(port, talk, func() int { return 1 + r.IntN(1+int(seed%97)) })
		check(t, e)
		if e.Stats().Long == 0 {
			same(t, "in pieces", e.events, want)
		}
	})
}

// FuzzDatagrams: no datagrams panic, and what is told is clean.
func FuzzDatagrams(f *testing.F) {
	for _, d := range datagrams(f) {
		f.Add(encode(d), uint16(53))
		f.Add(encode(d), uint16(443))
	}
	f.Fuzz(func(t *testing.T, b []byte, port uint16) {
		e := newEar(config())
		e.datagrams(port, decode(b))
		check(t, e)
	})
}

// datagrams plays a conversation over UDP.
func (e *ear) datagrams(port uint16, talk []said) string {
	id, at, protocol := e.Open(ends(haechi.UDP, port), start()), start(), ""
	for _, s := range talk {
		at = at.Add(time.Millisecond)
		p, more := e.Data(id, sensor.Segment{Time: at, FromClient: !s.server, Bytes: []byte(s.text), Length: len(s.text)})
		if p != "" {
			protocol = p
		}
		if !more {
			return protocol
		}
	}
	e.Close(id, at)
	return protocol
}
