package devicegate

import (
	"net"
	"time"

	"haechi"
)

// cut ends the session at once; it is what [ingress.Sessions] calls.
func (s *session) cut(v haechi.Verdict) {
	e := Ending{Reason: v.Reason, Rule: v.Rule, Ref: v.Ref, Verdict: v.Action,
		Observed: v.Observed, Threshold: v.Threshold, Window: v.Window}
	switch v.Reason {
	case "":
		e.Reason = haechi.ReasonDecision
	case haechi.ReasonStatusChanged, haechi.ReasonKeyChanged, haechi.ReasonShutdown, haechi.ReasonUpstreamDown:
		e.Provoked = true
	}
	s.finish(e)
}

// superseded is the ending of a session whose device came back on another
// connection.
func superseded(a haechi.Actor, now time.Time) Ending {
	const rule = "gate/" + string(haechi.ReasonSuperseded)
	return Ending{Reason: haechi.ReasonSuperseded, Rule: rule, Verdict: haechi.Deny,
		Ref: haechi.NewReference(rule, about(&a), now)}
}

// finish closes both sockets. The first reason counts. It does not block.
func (s *session) finish(e Ending) {
	if !s.over.CompareAndSwap(nil, &e) {
		return
	}
	s.note(e)
	s.mu.Lock()
	s.gone = true
	up := s.up
	s.mu.Unlock()
	_ = bottom(s.conn.Conn).Close() // closing is all that is left to do
	if up != nil {
		_ = bottom(up).Close()
	}
	s.cancel()
}

// note tells that the gateway itself ends the session of a proved device. It comes
// before the device can see the end, and so before it can be back.
func (s *session) note(e Ending) {
	device := s.proved.Load()
	if e.Provoked && device != nil && s.noted.CompareAndSwap(false, true) {
		s.gate.deps.Winners.Provoke(s.gate.cfg.Service, *device, s.gate.deps.Now())
	}
}

// hangUp closes the upstream of a refused device. The error frame follows the last
// whole line; if the upstream stopped within a line, there is none.
func (s *session) hangUp() {
	s.mu.Lock()
	up := s.up
	s.up = nil
	s.mu.Unlock()
	if up != nil {
		_ = bottom(up).Close()
	}
}

// leave gives back everything and says how it ended.
func (s *session) leave() {
	s.in.free()
	g := s.gate
	e := s.m.Ending()
	if o := s.over.Load(); o != nil && (e.Reason == "" || o.Reason != haechi.ReasonPeerClosed) {
		e = *o
	}
	if e.Reason == "" {
		e = Ending{Reason: haechi.ReasonPeerClosed}
	}
	s.finish(e)
	s.pump.Wait()
	_ = s.conn.Close() // gives back the place in the connection cap
	g.unproved.Add(-s.unproved)
	if s.holding {
		g.held.Add(-1)
		g.holders.Release(s.conn.Actor.Client)
	}
	a := s.m.Actor()
	now := g.deps.Now()
	if s.release != nil {
		s.release()
	}
	s.note(e)
	ev := haechi.Event{Time: now, Kind: haechi.KindClose, Outcome: haechi.Success, Service: g.cfg.Service, Actor: a,
		Session: s.id, BytesIn: s.received, BytesOut: s.out.sent.Load(), Duration: now.Sub(s.begun)}
	if e.Reason != haechi.ReasonPeerClosed {
		ev.Outcome = haechi.Failure
	}
	e.mark(&ev)
	s.emit(&ev)
	if g.deps.Sessions != nil {
		g.deps.Sessions.Close(s.id)
	}
	g.live.Add(-1)
}

// emit completes an event with what the machine does not know.
func (s *session) emit(e *haechi.Event) {
	e.Time = e.Time.UTC()
	e.Port, e.LocalPort, e.TLS = s.conn.Port, s.conn.LocalPort, s.conn.TLS
	if e.Kind == haechi.KindHandshake || e.Kind == haechi.KindAuth && e.Outcome == haechi.Success {
		e.Provoked = e.Provoked || s.gate.deps.Winners.Provoked(e.Service, e.Device, e.Time, e.Kind == haechi.KindAuth)
	}
	s.gate.deps.Sink.Emit(e)
}

// tune sets what the servers behind set on their own sockets.
func tune(c net.Conn) {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	_ = t.SetNoDelay(true) // these are optimisations: without them it still works
	_ = t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second,
		Interval: 10 * time.Second, Count: 9})
}
