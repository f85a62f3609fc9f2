package devicegate

import (
	"time"

	"haechi"
)

// wait is the frame at hand, verified.
type wait struct {
	info    frameInfo
	active  bool           // it was delayed, and its delay is over
	verdict haechi.Verdict // the inspector's, unless it is a plain pass
}

// judge asks the inspector about the frame at hand. If it does not pass, the
// action says what to do, or the machine refuses.
//
// A throttled frame goes on after its delay; it is not judged again, because it is
// counted already. A limit that asks for more than the gate may wait refuses.
func (m *Machine) judge(w *Work, now time.Time) (a Action, pass bool) {
	inspector := m.gate.deps.Inspector
	resumed := m.wait.active
	m.wait.active = false
	if inspector == nil || m.actor.Allowed || resumed {
		return Action{}, true
	}
	w.request = haechi.Request{Kind: haechi.KindMessage, Service: m.gate.cfg.Service, Actor: &m.actor,
		Class: m.wait.info.name, Size: int64(m.wait.info.size)}
	v := inspector.Inspect(&w.request, now)
	if v.Action != haechi.Pass {
		m.wait.verdict = v
	}
	most, limited := m.gate.cfg.MaxPause, v.Reason == haechi.ReasonRateLimit
	switch {
	case v.Shadow, v.Action <= haechi.Watch:
		return Action{}, true
	case v.Action == haechi.Throttle && v.Delay <= 0:
		return Action{}, true
	case v.Action == haechi.Throttle && (v.Delay <= most || !limited):
		m.wait.active = true
		return Action{Op: OpPause, Delay: min(v.Delay, most)}, false
	case limited:
		return m.limit(w, v, now), false
	}
	m.refuse(fromVerdict(v, m.kind()), now)
	return Action{}, false
}

// limit refuses one frame because of a limit, or cuts when it is one too many. A
// device that a limit refuses at its proof is not let in.
func (m *Machine) limit(w *Work, v haechi.Verdict, now time.Time) Action {
	m.refused++
	r := fromVerdict(v, haechi.KindMessage)
	if m.refused >= m.gate.cfg.MaxRefused || m.state == proving {
		m.refuse(r, now)
		return Action{}
	}
	end := m.ending(r, now)
	m.tell(r, end.Ref)
	e := m.event(w, haechi.KindMessage, haechi.Failure, now)
	end.mark(e)
	return Action{Op: OpSend, Bytes: m.out, Event: e}
}

// event fills the working event with what every event of the connection has.
func (m *Machine) event(w *Work, kind haechi.Kind, outcome haechi.Outcome, now time.Time) *haechi.Event {
	in, v := &m.wait.info, &m.wait.verdict
	w.event = haechi.Event{Time: now, Kind: kind, Outcome: outcome, Service: m.gate.cfg.Service,
		Actor: m.actor, Session: m.session}
	e := &w.event
	if kind == haechi.KindMessage || kind == haechi.KindAuth {
		e.Frame, e.Room, e.BytesIn = in.name, in.room, int64(in.size)
		if v.Action != haechi.Pass {
			e.Verdict, e.Rule, e.Ref, e.Shadow = v.Action, v.Rule, v.Ref, v.Shadow
			e.Reason, e.Observed, e.Threshold, e.Window = v.Reason, v.Observed, v.Threshold, v.Window
		}
	}
	return e
}
