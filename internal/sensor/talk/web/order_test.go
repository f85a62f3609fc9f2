package web_test

import (
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/sensor"
	"haechi/internal/sensor/talk/talktest"
)

// wired is what passes by, in the order in which it does.
type wired struct {
	server bool
	at     int // of the whole text of that side
	text   string
}

const clientStart, serverStart = 0xfffffff0, 5001

// heard plays it as the flow table does for a conversation whose SYN was seen.
func heard(t *testing.T, began bool, all ...wired) string {
	t.Helper()
	e := newEar(talktest.Config())
	id := e.Open(talktest.Ends(haechi.TCP, 80), talktest.Start())
	next := [2]uint32{clientStart, serverStart} // what each side has got of the other
	for i, w := range all {
		s := sensor.Segment{Time: talktest.Start().Add(time.Duration(i) * time.Millisecond), FromClient: !w.server, Seq: clientStart + uint32(w.at),
			Ack: next[1], Bytes: []byte(w.text), Length: len(w.text)}
		if w.server {
			s.Seq, s.Ack = serverStart+uint32(w.at), next[0]
		}
		if i == 0 && began {
			s.Start = clientStart
		}
		e.Data(id, &s)
		if side := map[bool]int{false: 0, true: 1}[w.server]; int32(s.Seq+uint32(s.Length)-next[side]) > 0 {
			next[side] = s.Seq + uint32(s.Length)
		}
	}
	e.Close(id, talktest.Start())
	talktest.Check(t, e)
	var got []string
	for _, x := range e.Events {
		got = append(got, x.Path+" "+x.Outcome.String())
	}
	return strings.Join(got, "|")
}

func cut(server bool, text string, at ...int) (out []wired) {
	from := 0
	for _, to := range append(at, len(text)) {
		out = append(out, wired{server, from, text[from:to]})
		from = to
	}
	return out
}

// The first segments of either side may pass by in any order.
func TestTheFirstSegmentsOutOfOrder(t *testing.T) {
	asked := get("/first", "User-Agent: x") + get("/second")
	answered := status("200 OK", "Content-Length: 5") + "hello" + status("404 Not Found", "Content-Length: 0")
	q, a := cut(false, asked, 3, 40), cut(true, answered, 9, 30)
	for _, o := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		got := heard(t, true, q[o[0]], q[o[1]], q[o[2]], a[o[0]], a[o[1]], a[o[2]])
		if got != "/first success|/second failure" {
			t.Errorf("in the order %v: %q", o, got)
		}
	}
}

// What the other side has got and was not seen is not waited for: the rest is heard as
// where a capture begins later.
func TestAFirstSegmentThatWasLost(t *testing.T) {
	lost := get("/lost")
	q, a := get("/next"), status("204 No Content")
	one, two := wired{false, len(lost), q}, wired{true, 0, a}
	if got := heard(t, true, one, two); got != "/next success" {
		t.Errorf("%q", got)
	}
	if got := heard(t, false, one, two); got != "/next success" {
		t.Errorf("without a begin: %q", got)
	}
	head, rest := a[:10], a[10:]
	if got := heard(t, true, wired{false, 0, q}, wired{true, 10, rest}, wired{true, 0, head}); got != "/next success" {
		t.Errorf("an answer in the wrong order: %q", got)
	}
}
