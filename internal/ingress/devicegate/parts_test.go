package devicegate_test

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"haechi/internal/ingress/devicegate"
)

func TestWinners(t *testing.T) {
	w := devicegate.NewWinners()
	var cut []string
	one := w.Claim("bots", "a/1", func() { cut = append(cut, "one") })
	w.Claim("other", "a/1", func() { cut = append(cut, "other service") })
	w.Claim("bots", "a/2", func() { cut = append(cut, "other device") })
	two := w.Claim("bots", "a/1", func() { cut = append(cut, "two") })
	if strings.Join(cut, ",") != "one" {
		t.Fatalf("cut %v", cut)
	}
	one() // the loser gives back nothing that is not its own
	if w.Live() != 3 {
		t.Errorf("%d live", w.Live())
	}
	if two(); w.Live() != 2 {
		t.Errorf("%d live", w.Live())
	}
}

func TestProvokedIsForgottenAfterTheProofAndAfterTime(t *testing.T) {
	w := devicegate.NewWinners()
	w.Provoke("bots", "a/1", start)
	for i, want := range []bool{true, true, true, false} {
		if got := w.Provoked("bots", "a/1", start, i == 2); got != want {
			t.Errorf("call %d: %t", i, got)
		}
	}
	w.Provoke("bots", "a/1", start)
	if w.Provoked("bots", "a/1", start.Add(2*time.Minute), false) || w.Provoked("bots", "a/2", start, false) {
		t.Error("provoked too long, or the wrong device")
	}
}

func TestRooms(t *testing.T) {
	var r devicegate.Rooms
	name := []byte("방 하나")
	if got := r.Name(name); got != "방 하나" {
		t.Errorf("%q", got)
	}
	if n := testing.AllocsPerRun(100, func() { r.Name(name) }); n != 0 {
		t.Errorf("%v allocations for a known room", n)
	}
	long := r.Name([]byte(strings.Repeat("방", 200)))
	if len(long) != 255 || !utf8.ValidString(long) {
		t.Errorf("%d bytes, valid %t", len(long), utf8.ValidString(long))
	}
	for i := range 100 {
		if s := strings.Repeat("x", i+1); r.Name([]byte(s)) != s {
			t.Errorf("room %d", i)
		}
	}
	if r.Name(nil) != "" {
		t.Error("no room has a name")
	}
}

// sink is a connection that keeps what is written.
type sink struct {
	net.Conn
	bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error)      { return s.Buffer.Write(p) }
func (s *sink) Read([]byte) (int, error)         { return 0, net.ErrClosed }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }

func TestNoticesNeverSplitALine(t *testing.T) {
	c := &sink{}
	d := devicegate.NewDeviceWriter(c)
	for _, p := range []string{"one\ntw", "o\nthr"} {
		if err := d.Write(p); err != nil {
			t.Fatal(err)
		}
		d.Tell("E\n")
	}
	if got := c.String(); got != "one\ntwo\nE\nthr" {
		t.Errorf("written %q", got)
	}
	_ = d.Write("ee\n")
	if got := c.String(); got != "one\ntwo\nE\nthree\nE\n" {
		t.Errorf("written %q", got)
	}
	_ = d.Write("mid")
	for range 10 {
		d.Tell(strings.Repeat("x", 1000))
	}
	if d.Dropped() != 6 {
		t.Errorf("%d dropped, want 6", d.Dropped())
	}
}
