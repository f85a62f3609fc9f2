package devicegate

import (
	"time"

	"haechi"
	"haechi/internal/brick/strictjson"
)

const (
	// statusEvery is how often a held device's status is looked at again.
	statusEvery = time.Second
	// maxDiscard bounds what a held device may send, in bytes.
	maxDiscard = 1 << 20
)

// refusal is why a connection, or one frame, is refused.
type refusal struct {
	reason              haechi.Reason
	kind                haechi.Kind // of its event; 0: the close event is enough
	action              haechi.Action
	rule                string // default "gate/" and the reason
	ref                 haechi.Reference
	detail              string
	observed, threshold float64
	window              time.Duration
	hold                bool
	provoked            bool
}

// faulty is the refusal of a line that is no strict JSON.
func (m *Machine) faulty(f strictjson.Fault) refusal {
	r := refusal{reason: haechi.ReasonMalformed, kind: m.kind()}
	switch f {
	case strictjson.Duplicate, strictjson.Lookalike:
		r.reason = haechi.ReasonDuplicateKey
	case strictjson.Encoding:
		r.reason = haechi.ReasonEncoding
	}
	return r
}

// kindOf is the kind of event a refused frame is.
func kindOf(r haechi.Reason) haechi.Kind {
	switch r {
	case haechi.ReasonAuthMissing, haechi.ReasonIdentity, haechi.ReasonTimestamp:
		return haechi.KindAuth
	case haechi.ReasonHandshake:
		return haechi.KindHandshake
	}
	return haechi.KindMessage
}

// fromVerdict is the refusal that an inspector asks for. It is held: a device that
// is closed would be back in four seconds.
func fromVerdict(v haechi.Verdict, kind haechi.Kind) refusal {
	r := refusal{reason: v.Reason, kind: kind, action: v.Action, rule: v.Rule, ref: v.Ref, detail: v.Detail,
		observed: v.Observed, threshold: v.Threshold, window: v.Window, hold: true}
	if r.reason == "" {
		r.reason = haechi.ReasonDecision
	}
	return r
}

// ending completes a refusal with rule and reference.
func (m *Machine) ending(r refusal, now time.Time) Ending {
	if r.rule == "" {
		r.rule = "gate/" + string(r.reason)
	}
	if r.ref == "" {
		r.ref = haechi.NewReference(r.rule, about(&m.actor), now)
	}
	if r.action == haechi.Pass {
		r.action = haechi.Deny
	}
	return Ending{Reason: r.reason, Rule: r.rule, Ref: r.ref, Verdict: r.action,
		Observed: r.observed, Threshold: r.threshold, Window: r.window, Provoked: r.provoked}
}

// about is whom a refusal concerns: the device once it has proved itself, the
// client address before.
func about(a *haechi.Actor) string {
	if a.Assurance == haechi.Authenticated {
		return haechi.Scope{Kind: haechi.ScopeDevice, Value: a.Device}.String()
	}
	return haechi.Scope{Kind: haechi.ScopeAddress, Prefix: a.Client}.String()
}

func (e *Ending) mark(ev *haechi.Event) {
	ev.Reason, ev.Rule, ev.Ref, ev.Verdict = e.Reason, e.Rule, e.Ref, e.Verdict
	ev.Observed, ev.Threshold, ev.Window, ev.Provoked, ev.Shadow = e.Observed, e.Threshold, e.Window, e.Provoked, false
}

// refuse ends the conversation. The error frame, the event and the hold or close
// follow as actions of their own.
func (m *Machine) refuse(r refusal, now time.Time) {
	if m.state >= refused {
		return
	}
	r = m.instead(r)
	m.end = m.ending(r, now)
	m.failure = nil
	if r.kind != 0 {
		m.failure = m.event(new(Work), r.kind, haechi.Failure, now)
		m.end.mark(m.failure)
	}
	m.tell(r, m.end.Ref)
	m.state, m.deadline = refused, time.Time{}
	m.holdUntil = time.Time{}
	if m.holds(&r) && m.gate.cfg.Hold > 0 {
		m.holdUntil = now.Add(m.gate.cfg.Hold)
	}
	m.partial, m.whole, m.hello, m.early, m.wait = nil, false, nil, early{}, wait{}
}

// holds reports whether the profile keeps a refused device waiting.
func (m *Machine) holds(r *refusal) bool {
	switch m.gate.layout.Refusal.After {
	case haechi.AfterReason:
		return r.hold
	case haechi.AfterHold:
		return true
	}
	return false
}

// Refuse ends the conversation for a reason that the loop found.
func (m *Machine) Refuse(reason haechi.Reason, now time.Time) {
	m.refuse(refusal{reason: reason, kind: m.kind(), provoked: reason == haechi.ReasonOverload}, now)
}

// notice yields the error frame.
func (m *Machine) notice(w *Work) Action {
	m.state = ending
	a := Action{Op: OpSend, Final: true, Bytes: m.out}
	if m.failure != nil {
		w.event = *m.failure
		a.Event, m.failure = &w.event, nil
	}
	return a
}

// leave yields the hold or the close.
func (m *Machine) leave(now time.Time) Action {
	m.out = nil
	if !now.Before(m.holdUntil) {
		m.state, m.deadline = closed, time.Time{}
		return Action{Op: OpClose}
	}
	m.state = held
	m.deadline = earlier(m.holdUntil, now.Add(statusEvery))
	return Action{Op: OpHold, Delay: m.holdUntil.Sub(now)}
}

// Abandon closes a connection that would be held.
func (m *Machine) Abandon() {
	if m.state == held {
		m.state, m.deadline = closed, time.Time{}
	}
}

// discard throws input of a held device away, up to a bound.
func (m *Machine) discard(n int) {
	if m.discarded += n; m.discarded > maxDiscard {
		m.Abandon()
	}
}

// expire ends the present state when its time is over.
func (m *Machine) expire(now time.Time) {
	if m.deadline.IsZero() || now.Before(m.deadline) {
		return
	}
	switch m.state {
	case waiting:
		m.refuse(refusal{reason: haechi.ReasonHandshake, kind: haechi.KindHandshake}, now)
	case proving:
		m.refuse(refusal{reason: haechi.ReasonLiveness, kind: haechi.KindAuth,
			threshold: m.gate.cfg.ProofTimeout.Seconds(), observed: m.gate.cfg.ProofTimeout.Seconds()}, now)
	case open:
		m.refuse(refusal{reason: haechi.ReasonTimeout, kind: haechi.KindMessage}, now)
	case held:
		m.recheck(now)
	}
}

// recheck looks whether an operator changed the held device's status: then it is
// closed, so that it comes back at once.
func (m *Machine) recheck(now time.Time) {
	m.deadline = earlier(m.holdUntil, now.Add(statusEvery))
	if !now.Before(m.holdUntil) {
		m.Abandon()
		return
	}
	switch m.end.Reason {
	case haechi.ReasonUnauthorized, haechi.ReasonPending, haechi.ReasonStatusChanged:
	default:
		return
	}
	if dev, ok := m.gate.deps.Registry.Lookup(m.key); !ok || dev.Status != m.status {
		m.end.Provoked = true
		m.Abandon()
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
