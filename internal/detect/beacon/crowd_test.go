package beacon_test

import (
	"testing"
	"time"

	"haechi"
	"haechi/internal/detect/beacon"
)

// crowd is a client with connections to one port on which it sends a little every five
// seconds, as slowhttptest does with TLS, and as an implant does with one connection.
type crowd struct {
	d    *beacon.Detector
	at   time.Time
	open uint16
	out  []haechi.Finding
}

func (c *crowd) flow(phase haechi.FlowPhase, state haechi.FlowState, out uint64) {
	e := base(haechi.KindFlow, "203.0.113.5", 4041)
	e.Time, e.Phase, e.State, e.PacketsIn, e.PacketsOut = c.at, phase, state, out+1, out
	c.out = c.d.Observe(&e, c.out)
}

// opens opens connections, each over a fiftieth of a second.
func (c *crowd) opens(n uint16) {
	for range n {
		c.flow(haechi.FlowBegin, haechi.FlowAttempt, 0)
		c.flow(haechi.FlowUpdate, haechi.FlowHalfOpen, 1)
		c.flow(haechi.FlowUpdate, haechi.FlowEstablished, 1)
		hello := base(haechi.KindHello, "203.0.113.5", 4041)
		hello.Time, hello.Protocol = c.at, "tls"
		c.out = c.d.Observe(&hello, c.out)
		c.at = c.at.Add(20 * time.Millisecond)
	}
	c.open += n
}

func (c *crowd) closes(n uint16) {
	for range n {
		c.flow(haechi.FlowUpdate, haechi.FlowClosed, 9)
		c.flow(haechi.FlowEnd, haechi.FlowClosed, 9)
	}
	c.open -= n
}

func (c *crowd) drips(rounds int) {
	for range rounds {
		c.at = c.at.Add(5 * time.Second)
		for i := range c.open {
			e := turn("203.0.113.5", 4041, "tls")
			e.Time = c.at.Add(time.Duration(i) * time.Millisecond)
			c.out = c.d.Observe(&e, c.out)
		}
		c.flow(haechi.FlowUpdate, haechi.FlowEstablished, 5) // one that goes on
	}
}

func (c *crowd) found() int { return len(c.out) }

// TestManyConversationsAtOnceAreNoBeacon: a flood of held connections keeps a rhythm, and
// is no program that calls home.
func TestManyConversationsAtOnceAreNoBeacon(t *testing.T) {
	begun := func(n uint16) *crowd {
		c := &crowd{d: newDetector(), at: begin()}
		c.opens(n)
		return c
	}
	for n, want := range map[uint16]bool{1: true, 6: true, 7: false, 60: false} {
		c := begun(n)
		if c.drips(30); c.found() > 0 != want {
			t.Errorf("%d connections at once: %d findings", n, c.found())
		}
	}
	c := begun(60)
	c.drips(10)
	c.closes(58)
	if c.drips(30); c.found() > 0 {
		t.Errorf("the rest of a crowd is found: %v", c.out[0].Reasons)
	}
	c.closes(2)
	c.opens(1)
	if c.drips(30); c.found() == 0 {
		t.Error("who comes back after a crowd is not found")
	}
}

// TestAnImplantWhoseServerIsAwayIsNoCrowd: attempts that nobody answers are no open
// connections.
func TestAnImplantWhoseServerIsAwayIsNoCrowd(t *testing.T) {
	c := &crowd{d: newDetector(), at: begin()}
	for range 30 {
		c.flow(haechi.FlowBegin, haechi.FlowAttempt, 0)
	}
	c.opens(1)
	for range 30 {
		c.flow(haechi.FlowEnd, haechi.FlowAttempt, 0)
	}
	if c.drips(30); c.found() == 0 {
		t.Error("not found")
	}
}
