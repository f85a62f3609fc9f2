package scenario_test

import (
	"fmt"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
)

// crowd are good phones behind one address, converged and conversing.
type crowd []*phone

func (r *rig) crowd(n, addr int) crowd {
	r.t.Helper()
	var all crowd
	for i := range n {
		p := r.phone(r.enrol("착한봇", fmt.Sprintf("600d%012d", i), demo.Shape(i%2)), addr, func(c *demo.PhoneConfig) {
			c.Rooms, c.Every = []string{"가족방"}, 700*time.Millisecond
		})
		p.lives()
		all = append(all, p)
	}
	eventually(r.t, "everybody to converse", 30*time.Second, func() bool { return all.least(replies) > 0 })
	return all
}

func replies(c demo.PhoneCounts) uint64 { return c.Replies }

// least is the smallest of a count.
func (c crowd) least(of func(demo.PhoneCounts) uint64) uint64 {
	low := of(c[0].Counts())
	for _, p := range c {
		low = min(low, of(p.Counts()))
	}
	return low
}

// connects is how often all of them connected.
func (c crowd) connects() (n uint64) {
	for _, p := range c {
		n += p.Counts().Connects
	}
	return n
}

// TestOneBadDeviceAmongFifty is Must show 4: what one device does behind a shared
// address takes none of the others with it. The limits are the default ones.
func TestOneBadDeviceAmongFifty(t *testing.T) {
	r := run(t, settings{bots: "device: { hold: 2s }"})
	const shared = 9
	good := r.crowd(50, shared)
	before := good.connects()

	t.Run("one that reconnects without end is cut", func(t *testing.T) {
		r := r.with(t)
		p := r.phone(r.enrol("나쁜봇", "bad0000000000001", demo.V333), shared)
		p.reconnects(10)
		p.cutSoon(t)
		var d haechi.Decision
		eventually(t, "the decision about it", 5*time.Second, func() (ok bool) {
			d, ok = r.about("device:나쁜봇/bad0000000000001")
			return ok
		})
		if d.Rule != "device/rapid-reconnect" || d.Action != haechi.Deny || d.Observed != 11 || d.Threshold != 10 {
			t.Errorf("decided %+v", d)
		}
		if got := p.refused(t).Ref; got != string(d.ID) {
			t.Errorf("it was told %q, not %s", got, d.ID)
		}
	})
	t.Run("one that cannot sign is refused", func(t *testing.T) {
		r := r.with(t)
		id := r.enrol("나쁜봇", "bad0000000000002", demo.V333)
		id.Secret = haechi.Secret("guessed")
		p := r.phone(id, shared)
		for range 15 {
			p.refused(t)
		}
	})
	t.Run("one that floods is slowed down", func(t *testing.T) {
		r := r.with(t)
		p := r.phone(r.enrol("나쁜봇", "bad0000000000003", demo.V333), shared)
		s := p.connected()
		for range 400 {
			must(t, s.Send(s.Message("가족방", "!time")))
		}
		for range 300 {
			_, err := s.Until("messageResponse")
			must(t, err)
		}
		x := r.slowed(t, p)
		if x.Observed <= x.Threshold || x.Threshold != 300 {
			t.Errorf("observed %v against %v", x.Observed, x.Threshold)
		}
	})

	now := good.least(replies)
	eventually(t, "everybody to converse on", 20*time.Second, func() bool { return good.least(replies) > now+1 })
	if again := good.connects() - before; again != 0 {
		t.Errorf("good phones had to connect %d times again", again)
	}
	for _, d := range r.inForce() {
		// A throttle of an address leaves devices that have proved themselves alone.
		if d.Scope.IsSource() && d.Action > haechi.Throttle {
			t.Errorf("the shared address is refused: %+v", d)
		}
	}
	late := r.phone(r.enrol("착한봇", "600d99", demo.V333), shared)
	late.chats(late.connected(), "늦었어요")
}

// slowed is the recorded event of a message that its limit delayed.
func (r *rig) slowed(t *testing.T, p *phone) (e haechi.Event) {
	t.Helper()
	eventually(t, "the limit to speak", 5*time.Second, func() bool {
		es, err := r.api.Events(t.Context(), haechi.EventFilter{Device: "나쁜봇/bad0000000000003", Kinds: []haechi.Kind{haechi.KindMessage}, Limit: 1000})
		must(t, err)
		for _, e = range es {
			if e.Verdict == haechi.Throttle && e.Rule == "limit/device" {
				return true
			}
		}
		return false
	})
	return e
}
