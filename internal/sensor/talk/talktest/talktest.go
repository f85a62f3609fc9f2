package talktest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"haechi"
	"haechi/internal/sensor"
	"haechi/internal/sensor/talk"
)

// Said is what one side says in one go.
type Said struct {
	Server bool
	Text   string
}

// In is what the client says, Out what the server does.
func In(text string) Said { return Said{Text: text} }

// Out is what the server says.
func Out(text string) Said { return Said{Server: true, Text: text} }

// Start is when every conversation begins.
func Start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// Ends are 192.0.2.7:40000 and a port of 198.51.100.9.
func Ends(transport haechi.Transport, port uint16) sensor.Ends {
	return sensor.Ends{Client: netip.MustParseAddrPort("192.0.2.7:40000"), Server: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.9"), port), Transport: transport}
}

// Ear is a listener that keeps what it tells.
type Ear struct {
	*talk.Listener
	Events []haechi.Event
}

// Stage makes listeners that understand the same accents.
type Stage struct{ accents [][]talk.Accent }

// Of returns a stage with the accents.
func Of(accents ...[]talk.Accent) Stage { return Stage{accents} }

// Config knows one pair of default credentials: root and 12345, on the list "mirai".
func Config() talk.Config {
	return talk.Config{Default: func(user, password []byte) string {
		if string(user) == "root" && string(password) == "12345" {
			return "mirai"
		}
		return ""
	}}
}

// Listen returns a new listener.
func (s Stage) Listen(cfg talk.Config) *Ear {
	e := &Ear{}
	e.Listener = talk.New(cfg, func(ev *haechi.Event) { e.Events = append(e.Events, *ev) }, s.accents...)
	return e
}

// Stream plays a conversation over TCP in segments of the sizes that next gives, and
// returns the protocol's name.
func (e *Ear) Stream(port uint16, conversation []Said, next func() int) string {
	return e.stream(port, conversation, next, func([]sensor.Segment) {})
}

// mostBehind bounds how many others pass by before a segment whose turn it is: fewer than
// a listener keeps for so long.
const mostBehind = 6

// Shuffled plays it like Stream, but neighbours of one message may pass by in the wrong
// order. What a server says before its client has said anything is left in order: where it
// begins is not known.
func (e *Ear) Shuffled(port uint16, conversation []Said, next func() int, r *rand.Rand) string {
	return e.stream(port, conversation, next, func(all []sensor.Segment) {
		behind := 0 // how many others the segment before passed by already
		for i := 1; i < len(all); i++ {
			if r.IntN(3) > 0 || behind == mostBehind {
				behind = 0
			} else {
				behind++
				all[i-1].Seq, all[i].Seq = all[i].Seq, all[i-1].Seq
				all[i-1].Bytes, all[i].Bytes = all[i].Bytes, all[i-1].Bytes
				all[i-1].Length, all[i].Length = all[i].Length, all[i-1].Length
			}
		}
	})
}

// stream plays a conversation as the flow table tells of one whose SYN it saw.
func (e *Ear) stream(port uint16, conversation []Said, next func() int, mix func([]sensor.Segment)) (protocol string) {
	id := e.Open(Ends(haechi.TCP, port), Start())
	seq, at, start := [2]uint32{1 << 31, 0xfffffff0}, Start(), uint32(1<<31)
	spoke := false // the client
	for _, s := range conversation {
		side := 0
		if s.Server {
			side = 1
		}
		var all []sensor.Segment
		for b := []byte(s.Text); len(b) > 0; {
			n := min(max(1, next()), len(b))
			at = at.Add(time.Millisecond)
			all = append(all, sensor.Segment{Time: at, FromClient: !s.Server, Seq: seq[side], Ack: seq[1-side], Start: start, Bytes: b[:n:n], Length: n})
			seq[side] += uint32(n)
			b, start = b[n:], 0
		}
		if spoke = spoke || !s.Server && len(all) > 0; spoke {
			mix(all)
		}
		for _, x := range all {
			p, more := e.Data(id, &x)
			if p != "" {
				protocol = p
			}
			if !more {
				return protocol
			}
		}
	}
	e.Close(id, at)
	return protocol
}

// Datagrams plays a conversation over UDP, and returns the protocol's name.
func (e *Ear) Datagrams(port uint16, conversation []Said) string {
	id, at, protocol := e.Open(Ends(haechi.UDP, port), Start()), Start(), ""
	for _, s := range conversation {
		at = at.Add(time.Millisecond)
		p, more := e.Data(id, &sensor.Segment{Time: at, FromClient: !s.Server, Bytes: []byte(s.Text), Length: len(s.Text)})
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

// Whole is the size of a segment for each message in one piece.
func Whole() int { return 1 << 30 }

// Play hears a conversation over TCP in whole messages and returns its events.
func (s Stage) Play(t testing.TB, port uint16, conversation []Said) []haechi.Event {
	t.Helper()
	e := s.Listen(Config())
	e.Stream(port, conversation, Whole)
	Check(t, e)
	return e.Events
}

// AnyCut shows that the events do not depend on the segments, nor on the order of
// neighbours, and returns them.
func (s Stage) AnyCut(t testing.TB, port uint16, conversation []Said) []haechi.Event {
	t.Helper()
	want := s.Play(t, port, conversation)
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 20 {
		most := 1 + i*i
		e := s.Listen(Config())
		e.Stream(port, conversation, func() int { return 1 + r.IntN(most) })
		Check(t, e)
		Same(t, fmt.Sprintf("in pieces of at most %d", most), e.Events, want)
		e = s.Listen(Config())
		e.Shuffled(port, conversation, func() int { return 1 + r.IntN(most) }, r)
		Check(t, e)
		Same(t, fmt.Sprintf("in shuffled pieces of at most %d", most), e.Events, want)
	}
	return want
}

// Check tells what an ear left behind, and text of a peer that is not clean.
func Check(t testing.TB, e *Ear) {
	t.Helper()
	if s := e.Stats(); s.Open != 0 || s.Bytes != 0 || s.Panics != 0 {
		t.Errorf("left behind: %+v", s)
	}
	for _, ev := range e.Events {
		for _, text := range []string{ev.Name, ev.Type, ev.User, ev.Host, ev.Path, ev.UserAgent, ev.Method, ev.Protocol} {
			if len(text) > 512 || slices.ContainsFunc([]rune(text), func(r rune) bool { return r < ' ' || r == 127 }) {
				t.Errorf("text %q", text)
			}
		}
	}
}

// Facts are the events without what depends on when the segments came.
func Facts(events []haechi.Event) (all []string) {
	for _, e := range events {
		all = append(all, fmt.Sprintf("%s %s>%s:%d %s %s name=%q type=%q user=%q %q %q %q %d ua=%q %s %v %d/%d", e.Kind, e.Addr, e.Target, e.LocalPort, e.Protocol,
			e.Outcome, e.Name, e.Type, e.User, e.Method, e.Host, e.Path, e.Status, e.UserAgent, e.Fingerprint, e.Answers, e.BytesIn, e.BytesOut))
	}
	return all
}

// Same fails unless both are the same events.
func Same(t testing.TB, what string, got, want []haechi.Event) {
	t.Helper()
	if g, w := Facts(got), Facts(want); !slices.Equal(g, w) {
		t.Fatalf("%s:\n got %q\nwant %q", what, g, w)
	}
}

// Logins are the user, the outcome and the type of each login.
func Logins(events []haechi.Event) (out []string) {
	for _, e := range events {
		if e.Kind == haechi.KindAuth {
			out = append(out, e.User+" "+e.Outcome.String()+" "+e.Type)
		}
	}
	return out
}
