package tcpgate

import (
	"sync/atomic"
	"time"

	"haechi"
)

// ending is why a session is over.
type ending struct {
	reason              haechi.Reason
	rule                string
	ref                 haechi.Reference
	verdict             haechi.Action
	observed, threshold float64
	window              time.Duration
	provoked            bool
}

func fromVerdict(v haechi.Verdict) ending {
	e := ending{reason: v.Reason, rule: v.Rule, ref: v.Ref, verdict: v.Action,
		observed: v.Observed, threshold: v.Threshold, window: v.Window}
	if e.reason == "" {
		e.reason = haechi.ReasonDecision
	}
	return e
}

func shutdown() ending { return ending{reason: haechi.ReasonShutdown, provoked: true} }

// cut ends the session at once; it is what [ingress.Sessions] calls.
func (s *session) cut(v haechi.Verdict) {
	e := fromVerdict(v)
	e.provoked = v.Reason == haechi.ReasonShutdown
	s.finish(e)
}

// refuse tells of a refusal in an event of its own, counts it and ends the session. The
// close event repeats rule and reference.
func (s *session) refuse(kind haechi.Kind, e ending, count *atomic.Uint64) {
	e.refer(s)
	if !s.finish(e) {
		return
	}
	count.Add(1)
	ev := s.event(kind, haechi.Failure)
	e.mark(ev)
	s.gate.deps.Sink.Emit(ev)
}

// shadow tells, once, what would have refused the session.
func (s *session) shadow(e ending) {
	if !s.shadowed.CompareAndSwap(false, true) {
		return
	}
	e.refer(s)
	ev := s.event(haechi.KindFlow, haechi.Success)
	e.mark(ev)
	ev.Shadow = true
	s.gate.deps.Sink.Emit(ev)
}

// refer gives the ending a reference, if it has none.
func (e *ending) refer(s *session) {
	if e.ref == "" {
		about := haechi.Scope{Kind: haechi.ScopeAddress, Prefix: s.conn.Actor.Client}
		e.ref = haechi.NewReference(e.rule, about.String(), s.gate.deps.Now())
	}
}

// finish ends the session; the first reason counts, and only it gets true. It does not
// block. Whoever runs the session notices, and leaves.
func (s *session) finish(e ending) bool {
	s.mu.Lock()
	if s.over != nil {
		s.mu.Unlock()
		return false
	}
	s.over = &e
	state, abort, open := s.state, s.abort, s.open
	s.mu.Unlock()
	close(s.done)
	if abort != nil {
		abort()
	}
	switch {
	case state == parked:
		s.kick()
	case open:
		// Deadlines and not a close: descriptors are closed by who runs the session.
		_ = s.conn.SetDeadline(past()) // one that is closed needs none
		_ = s.down.from.conn.SetDeadline(past())
	}
	return true
}

// leave ends the session, now or as soon as the last wake that is owed to it has come.
// Only who runs the session calls it, once.
func (s *session) leave() {
	s.finish(ending{reason: haechi.ReasonPeerClosed})
	s.mu.Lock()
	s.state = leaving
	owed := s.owed()
	s.mu.Unlock()
	if owed {
		s.kick()
		return
	}
	s.gone()
}

// gone gives back everything and says how it ended.
func (s *session) gone() {
	g := s.gate
	s.release()
	s.unberth()
	if s.uncertify != nil {
		s.uncertify()
	}
	if s.open {
		_ = s.down.from.conn.Close() // closing is all that is left to do
	}
	_ = s.conn.Close() // gives back the place in the connection cap
	e := *s.over
	ev := s.event(haechi.KindClose, haechi.Success)
	if e.reason != haechi.ReasonPeerClosed && e.reason != haechi.ReasonUpstreamClosed {
		ev.Outcome = haechi.Failure
	}
	e.mark(ev)
	ev.BytesIn, ev.BytesOut = s.up.bytes.Load(), s.down.bytes.Load()
	ev.Duration = ev.Time.Sub(s.begun.UTC())
	g.deps.Sink.Emit(ev)
	g.deps.Sessions.Close(s.id)
	g.mu.Lock()
	delete(g.live, s)
	g.mu.Unlock()
	g.counts.live.Add(-1)
	g.conns.Done()
}

func (e *ending) mark(ev *haechi.Event) {
	ev.Reason, ev.Rule, ev.Ref, ev.Verdict = e.reason, e.rule, e.ref, e.verdict
	ev.Observed, ev.Threshold, ev.Window, ev.Provoked = e.observed, e.threshold, e.window, e.provoked
}

// mark notes a verdict that did not refuse.
func mark(ev *haechi.Event, v haechi.Verdict) {
	ev.Verdict, ev.Rule, ev.Ref, ev.Shadow, ev.Reason = v.Action, v.Rule, v.Ref, v.Shadow, v.Reason
	ev.Observed, ev.Threshold, ev.Window = v.Observed, v.Threshold, v.Window
}

// event has what every event of the session has.
func (s *session) event(kind haechi.Kind, outcome haechi.Outcome) *haechi.Event {
	c := s.conn
	return &haechi.Event{Time: s.gate.deps.Now().UTC(), Kind: kind, Outcome: outcome, Service: s.gate.cfg.Service,
		Actor: c.Actor, Port: c.Port, LocalPort: c.LocalPort, Session: s.id, TLS: s.tls, Host: s.name}
}
