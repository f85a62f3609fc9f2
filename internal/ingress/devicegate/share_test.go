package devicegate_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"haechi"
	"haechi/internal/ingress"
	"haechi/internal/ingress/devicegate"
)

// A few connections that hold as much as they may must not keep phones out, whose
// handshake is a few hundred bytes.
func TestFullBudgetStillAdmitsAHandshake(t *testing.T) {
	r := newRig(t, devicegate.Config{Unproved: 128 << 10})
	r.gate.Occupy(128 << 10)
	r.dial().prove()
	big := r.dial()
	big.say(`{"event":"` + strings.Repeat("x", 20<<10)).hear("UNAVAILABLE")
	big.closed()
}

// That there is a reserve does not mean that there is no bound.
func TestTheReserveIsBounded(t *testing.T) {
	r := newRig(t, devicegate.Config{Unproved: 128 << 10})
	r.gate.Occupy(128<<10 + 64<<10)
	c := r.dial()
	c.say(c.hello33()).hear("UNAVAILABLE")
}

// A device that is kept waiting has been answered: it must not keep the place that
// another one behind the same address needs in order to prove itself.
func TestHeldConnectionGivesItsPlaceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := newWorld(), newPhone()
		w.set(device, haechi.Pending)
		dev, inner := net.Pipe()
		released := false
		g := w.gate(t, devicegate.Config{}, devicegate.Deps{Dial: func(context.Context) (net.Conn, error) { return nil, io.EOF }})
		done := make(chan struct{})
		go func() {
			g.Serve(ingress.NewConn(inner, actor("192.0.2.7"), 1, 2, func() { released = true }))
			close(done)
		}()
		go func() { _, _ = io.Copy(io.Discard, dev) }()
		fmt.Fprint(dev, p.hello33())
		synctest.Wait()
		if !released {
			t.Error("a held connection keeps its place in the connection cap")
		}
		<-time.After(time.Minute)
		synctest.Wait()
		_ = dev.Close()
		<-done
	})
}

// Nobody alone takes all places of those who are kept waiting.
func TestHeldConnectionsOfOneClientAreCapped(t *testing.T) {
	r := newRig(t, devicegate.Config{HeldPerClient: 1})
	r.w.set(device, haechi.Blocked)
	one := r.dial()
	one.say(one.hello33()).hear("UNAUTHORIZED")
	for r.gate.Stats()[1].Value == 0 {
		runtime.Gosched() // the place is taken right after the frame was sent
	}
	two := r.dial()
	two.say(two.hello33()).hear("UNAUTHORIZED")
	two.closed()
	if c := r.gate.Stats()[2]; c.Value != 1 {
		t.Errorf("%s = %d", c.Name, c.Value)
	}
}

// cutter is a registry of sessions that cuts whoever identifies itself.
type cutter struct{ cut func(haechi.Verdict) }

func (c *cutter) Enter(_ string, _ haechi.Actor, s interface{ Cut(haechi.Verdict) }) uint64 {
	c.cut = s.Cut
	return 1
}
func (c *cutter) Identify(uint64, haechi.Actor) {
	c.cut(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonDecision, Rule: "decision"})
}
func (c *cutter) Close(uint64) {}

// A session that a decision cuts as it proves itself must not end the good one that
// its device has already.
func TestCutNewcomerLeavesTheOldSession(t *testing.T) {
	winners := devicegate.NewWinners()
	old := devicegate.NewRival("bots", device)
	winners.Claim(old)
	over(t, devicegate.Deps{Winners: winners, Sessions: &cutter{}}, func(w *world, p *phone, dev, _ net.Conn) {
		go func() { _, _ = io.Copy(io.Discard, dev) }()
		fmt.Fprint(dev, p.hello33()+p.pong())
		synctest.Wait()
		if e := w.await(haechi.KindClose, 1)[0]; e.Reason != haechi.ReasonDecision {
			t.Errorf("close %+v", e)
		}
	})
	if old.Beaten() != "" {
		t.Error("the session that was there before was ended")
	}
}
