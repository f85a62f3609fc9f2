package talktest_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"haechi"
	"haechi/internal/sensor"
	"haechi/internal/sensor/talk"
	"haechi/internal/sensor/talk/talktest"
)

func stage() talktest.Stage { return talktest.Of(talktest.Hellos()) }

// lines are hellos of the test's protocol, with what they are told as.
func lines(n int) (text string, names []string) {
	for i := range n {
		name := strings.Repeat(string(rune('a'+i%26)), 20+i%70)
		text += talktest.Hello(name).Text
		names = append(names, name)
	}
	return text, names
}

// say hands one segment over.
func say(e *talktest.Ear, id uint32, seq int, text string) bool {
	_, more := e.Data(id, &sensor.Segment{Time: talktest.Start(), FromClient: true, Seq: uint32(0xffffff00) + uint32(seq), Bytes: []byte(text), Length: len(text)})
	return more
}

func names(events []haechi.Event) (out []string) {
	for _, e := range events {
		out = append(out, e.Name)
	}
	return out
}

// Segments that come late, twice, or overlap change nothing.
func TestOrder(t *testing.T) {
	text, _ := lines(40)
	want := stage().Play(t, 443, []talktest.Said{talktest.In(text)})
	if len(want) != 40 || want[0].Protocol != "tls" {
		t.Fatalf("told %q", talktest.Facts(want))
	}
	r := rand.New(rand.NewPCG(1, 1))
	tried := 0
	for range 300 {
		e := stage().Listen(talktest.Config())
		id := e.Open(talktest.Ends(haechi.TCP, 443), talktest.Start())
		type seg struct{ from, to int }
		segs := []seg{{0, 10}}
		for at := 10; at < len(text); {
			n := min(100+r.IntN(len(text)/4), len(text)-at)
			segs = append(segs, seg{max(1, at-r.IntN(20)), at + n})
			if r.IntN(3) == 0 {
				segs = append(segs, seg{max(1, at-3), at + n})
			}
			at += n
		}
		r.Shuffle(len(segs)-1, func(i, j int) { segs[i+1], segs[j+1] = segs[j+1], segs[i+1] })
		for _, s := range segs {
			say(e, id, s.from, text[s.from:s.to])
		}
		e.Close(id, talktest.Start())
		if e.Stats().Gaps > 0 { // more pieces than are kept
			continue
		}
		tried++
		talktest.Check(t, e)
		talktest.Same(t, "shuffled", e.Events, want)
	}
	if tried < 100 {
		t.Errorf("only %d orders were tried", tried)
	}
}

// What is waited for in vain is skipped, and told to who listens.
func TestGap(t *testing.T) {
	e := stage().Listen(talktest.Config())
	id := e.Open(talktest.Ends(haechi.TCP, 443), talktest.Start())
	say(e, id, 0, "\x16one\n\x16hal")
	for i := range 20 {
		say(e, id, 5000+1000*i, strings.Repeat("\x16x\n", 333)+"\n")
	}
	say(e, id, 8, "too late")
	e.Close(id, talktest.Start())
	talktest.Check(t, e)
	if got := names(e.Events); len(got) != 2+20*334 || got[0] != "one" || got[1] != "missing" || got[2] != "x" {
		t.Errorf("told of %d: %q", len(got), got[:3])
	}
	if s := e.Stats(); s.Gaps != 1 {
		t.Errorf("%+v", s)
	}
	id = e.Open(talktest.Ends(haechi.TCP, 443), talktest.Start())
	say(e, id, 0, "\x16one\n")
	say(e, id, 1<<25, "\x16far\n")
	if s := e.Stats(); s.Late != 1 {
		t.Errorf("%+v", s)
	}
}

// A capture that holds the first bytes of each packet only loses what was cut.
func TestCutCapture(t *testing.T) {
	e := stage().Listen(talktest.Config())
	id := e.Open(talktest.Ends(haechi.TCP, 443), talktest.Start())
	for i := range 3 {
		e.Data(id, &sensor.Segment{Time: talktest.Start(), FromClient: true, Seq: uint32(1000 * i), Bytes: []byte("\x16name\n\x16ha"), Length: 1000})
	}
	e.Close(id, talktest.Start())
	talktest.Check(t, e)
	if got := strings.Join(names(e.Events), " "); got != "name missing name missing name missing" {
		t.Errorf("told %s", got)
	}
}

// A capture that begins in the middle has the sides the wrong way round; who says what a
// client says is the client.
func TestTheWrongSide(t *testing.T) {
	e := stage().Listen(talktest.Config())
	id := e.Open(talktest.Ends(haechi.TCP, 50000), talktest.Start())
	e.Data(id, &sensor.Segment{Time: talktest.Start(), Bytes: []byte("\x16a\n"), Length: 3})
	if len(e.Events) != 1 || e.Events[0].Addr.String() != "198.51.100.9" || e.Events[0].LocalPort != 40000 || e.Events[0].Assurance != haechi.Seen {
		t.Errorf("told %q", talktest.Facts(e.Events))
	}
	e.Data(id, &sensor.Segment{Time: talktest.Start(), FromClient: true, Bytes: []byte("x"), Length: 1})
	e.Data(id, &sensor.Segment{Time: talktest.Start(), Seq: 3, Bytes: []byte("\x16b\n"), Length: 3})
	if len(e.Events) != 2 || e.Events[1].Assurance != haechi.Handshaken {
		t.Errorf("told %q", talktest.Facts(e.Events))
	}
}

// What nobody understands is let go at once and allocates nothing.
func TestUnknownAllocatesNothing(t *testing.T) {
	e := stage().Listen(talktest.Config())
	for _, b := range [][]byte{[]byte("\x93\x00nothing of ours"), {0xff, 0xfe, 0xfd, 1, 2, 3}} {
		run := func() {
			for _, transport := range []haechi.Transport{haechi.TCP, haechi.UDP} {
				id := e.Open(talktest.Ends(transport, 9000), talktest.Start())
				if p, more := e.Data(id, &sensor.Segment{Time: talktest.Start(), FromClient: true, Bytes: b, Length: len(b)}); more || p != "" {
					t.Fatalf("%x is taken for %q", b, p)
				}
				e.Close(id, talktest.Start())
			}
		}
		run()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
	if p, more := e.Data(12345, &sensor.Segment{}); p != "" || more {
		t.Error("data of no conversation is heard")
	}
	if id := e.Open(talktest.Ends(haechi.ICMP, 0), talktest.Start()); id != 0 {
		t.Error("ICMP is heard")
	}
}

// A segment of a message that goes on allocates nothing, in order or before its turn.
func TestSegmentsAllocateNothing(t *testing.T) {
	e := stage().Listen(talktest.Config())
	id := e.Open(talktest.Ends(haechi.TCP, 443), talktest.Start())
	say(e, id, 0, "\x16")
	seq, part := uint32(0xffffff01), []byte(strings.Repeat("x", 100))
	data := func(at uint32) {
		e.Data(id, &sensor.Segment{Time: talktest.Start(), FromClient: true, Seq: at, Bytes: part, Length: len(part)})
	}
	if n := testing.AllocsPerRun(100, func() {
		data(seq + 100)
		data(seq)
		seq += 200
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if s := e.Stats(); s.Open != 1 || s.Gaps != 0 {
		t.Errorf("%+v", s)
	}
}

// The bounds hold, and what they refused is counted.
func TestBounds(t *testing.T) {
	e := stage().Listen(talk.Config{Conversations: 300, Bytes: 20 << 10})
	var ids []uint32
	for range 400 {
		if id := e.Open(talktest.Ends(haechi.TCP, 443), talktest.Start()); id != 0 {
			say(e, id, 0, "\x16"+strings.Repeat("x", 100))
			ids = append(ids, id)
		}
	}
	s := e.Stats()
	if s.Bytes > 20<<10 || s.Open > 300 || s.Starved == 0 {
		t.Errorf("%+v", s)
	}
	for _, id := range ids {
		e.Close(id, talktest.Start())
		e.Close(id, talktest.Start()) // twice is once
	}
	talktest.Check(t, e)
	for range 301 {
		e.Open(talktest.Ends(haechi.TCP, 443), talktest.Start())
	}
	if s := e.Stats(); s.Open != 300 || s.Full != 1 {
		t.Errorf("%+v", s)
	}
}

// A message without end is let go.
func TestEndless(t *testing.T) {
	e := stage().Listen(talktest.Config())
	id, seq := e.Open(talktest.Ends(haechi.TCP, 443), talktest.Start()), 0
	say(e, id, seq, "\x16")
	for seq = 1; seq < 1<<20; seq += 1000 {
		if !say(e, id, seq, strings.Repeat("x", 1000)) {
			break
		}
	}
	talktest.Check(t, e)
	if s := e.Stats(); s.Long != 1 || seq > 64<<10 {
		t.Errorf("%+v after %d", s, seq)
	}
}

// A parser that fails ends its own conversation and nothing else.
func TestPanic(t *testing.T) {
	bad := []talk.Accent{{Name: "bad", Match: func(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
		return talk.Begins(b, "!"), talk.FromClient
	}, Make: func(*talk.Conversation) talk.Speaker { panic("a defect") }}}
	e := talktest.Of(bad, talktest.Hellos()).Listen(talktest.Config())
	first, second := e.Open(talktest.Ends(haechi.TCP, 1), talktest.Start()), e.Open(talktest.Ends(haechi.TCP, 2), talktest.Start())
	if say(e, first, 0, "!") || !say(e, second, 0, "\x16a\n") {
		t.Error("the wrong one ended")
	}
	e.Close(second, talktest.Start())
	if s := e.Stats(); s.Panics != 1 || s.Open != 0 || len(e.Events) != 1 {
		t.Errorf("%+v", s)
	}
}

func FuzzConversation(f *testing.F) {
	text, _ := lines(5)
	stage().Fuzz(f, []talktest.Scene{{Port: 443, Said: []talktest.Said{talktest.In(text), talktest.Out("x"), talktest.Hello("y")}}})
}

func BenchmarkUnknown(b *testing.B) {
	e := stage().Listen(talk.Config{})
	data := make([]byte, 1400)
	data[0] = 0x93
	b.ReportAllocs()
	for b.Loop() {
		id := e.Open(talktest.Ends(haechi.TCP, 9000), talktest.Start())
		e.Data(id, &sensor.Segment{Time: talktest.Start(), FromClient: true, Bytes: data, Length: len(data)})
	}
}
