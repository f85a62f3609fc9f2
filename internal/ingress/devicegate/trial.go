package devicegate

import (
	"time"

	"haechi"
)

// Trial judges recorded frames as a connection would, one by one and on its own: it
// connects nowhere, waits for no answer to a ping, and goes on after a refusal. The
// recording's handshake says who it is.
type Trial struct {
	gate *Gate
	m    *Machine
	work *Work
	over bool
}

// Judgement is what became of one recorded frame.
type Judgement struct {
	// Reason is why it is refused; empty: it is accepted.
	Reason haechi.Reason
	// Handshake, Duplicate and Query say what an accepted frame is.
	Handshake, Duplicate, Query bool
	Event                       string
	Observed, Threshold         float64
}

// Trial begins with a recorded connection.
func (g *Gate) Trial(a haechi.Actor, session uint64, now time.Time) *Trial {
	return &Trial{gate: g, m: g.Machine(a, session, now), work: g.NewWork()}
}

// As goes on as that device, for a recording without its handshake.
func (t *Trial) As(bot, serial string) {
	t.m.bot, t.m.serial, t.m.key = bot, serial, haechi.DeviceKey(bot, serial)
	t.m.actor.Device, t.m.actor.Assurance = t.m.key, haechi.Authenticated
	t.m.state, t.m.deadline = open, time.Time{}
}

// Device is who the recording is of; empty before its handshake.
func (t *Trial) Device() string { return t.m.key }

// Over reports whether the rest cannot be cut into frames any more.
func (t *Trial) Over() bool { return t.over }

// Take judges what came, in any pieces, and returns a judgement for each frame that
// ended in it. Frames before the handshake are judged after it.
func (t *Trial) Take(p []byte, now time.Time) (out []Judgement) {
	for !t.over {
		t.m.deadline = time.Time{} // a recording has its own time
		before := *t.m
		n, a := t.m.Step(t.work, p, now)
		p = p[n:]
		switch {
		case a.Op == OpNone:
			return out
		case a.Final:
			e := t.m.end
			out = append(out, Judgement{Reason: e.Reason, Observed: e.Observed, Threshold: e.Threshold, Event: before.wait.info.name})
			t.again(&before, n)
		case a.Op == OpSend && t.m.state == proving:
			out = append(out, Judgement{Handshake: true})
			t.m.actor.Assurance, t.m.state = haechi.Authenticated, delivering
			t.m.hello = nil
		case a.Op == OpDial:
			out = append(out, Judgement{Handshake: true})
			t.m.hello = nil
			t.m.Dialed(nil, now)
		case a.Op == OpForward, a.Op == OpNote:
			out = append(out, Judgement{Event: a.Event.Frame, Query: a.Query, Duplicate: a.Event.Reason == haechi.ReasonDuplicateFrame})
		}
	}
	return out
}

// again puts the machine where it was before a frame that it refused.
func (t *Trial) again(before *Machine, taken int) {
	whole := before.whole
	*t.m = *before
	t.m.partial, t.m.whole, t.m.nest, t.m.wait = nil, false, nest{}, wait{}
	if before.state == delivering {
		t.m.early.drop()
		return
	}
	t.over = taken == 0 && !whole
}
