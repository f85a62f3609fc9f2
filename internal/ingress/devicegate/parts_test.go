package devicegate_test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"haechi"
	"haechi/internal/ingress/devicegate"
)

func TestWinners(t *testing.T) {
	w := devicegate.NewWinners()
	one, two := devicegate.NewRival("bots", "a/1"), devicegate.NewRival("bots", "a/1")
	others := []devicegate.Rival{devicegate.NewRival("other", "a/1"), devicegate.NewRival("bots", "a/2")}
	w.Claim(one)
	w.Claim(others[0])
	w.Claim(others[1])
	w.Claim(two)
	if one.Beaten() != haechi.ReasonSuperseded || two.Beaten() != "" || others[0].Beaten() != "" || others[1].Beaten() != "" {
		t.Fatalf("ended: %q %q %q %q", one.Beaten(), two.Beaten(), others[0].Beaten(), others[1].Beaten())
	}
	w.Release(one) // the loser gives back nothing that is not its own
	if w.Live() != 3 {
		t.Errorf("%d live", w.Live())
	}
	if w.Release(two); w.Live() != 2 {
		t.Errorf("%d live", w.Live())
	}
}

// TestWinnersModel compares with a plain map.
func TestWinnersModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, want, beaten := devicegate.NewWinners(), map[string]devicegate.Rival{}, map[devicegate.Rival]bool{}
		var all []devicegate.Rival
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			if len(all) > 0 && rapid.IntRange(0, 2).Draw(t, "release") == 0 {
				r := all[rapid.IntRange(0, len(all)-1).Draw(t, "who")]
				w.Release(r)
				for name, winner := range want {
					if winner == r {
						delete(want, name)
					}
				}
			} else {
				name := fmt.Sprint("a/", rapid.IntRange(0, 40).Draw(t, "device"))
				r := devicegate.NewRival("bots", name)
				w.Claim(r)
				if old, ok := want[name]; ok {
					beaten[old] = true
				}
				want[name], all = r, append(all, r)
			}
			if w.Live() != len(want) {
				t.Fatalf("%d live, want %d", w.Live(), len(want))
			}
			for _, r := range all {
				if (r.Beaten() != "") != beaten[r] {
					t.Fatal("the wrong one was ended")
				}
			}
		}
	})
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
