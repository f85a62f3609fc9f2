package devicegate

import (
	"net"
	"syscall"
	"time"

	"haechi"
	"haechi/internal/brick/parking"
)

// Cut ends the session at once; it is what [Sessions] calls.
func (s *session) Cut(v haechi.Verdict) {
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

// shutdown is the ending of every session when the gateway stops.
func shutdown() Ending { return Ending{Reason: haechi.ReasonShutdown, Provoked: true} }

// finish ends both connections. The first reason counts. It does not block. Bare
// descriptors are shut, not closed: a hand may be using them. It is woken to find out.
func (s *session) finish(e Ending) {
	if !s.end(e) {
		return
	}
	s.note(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mark(signGone)
	s.shut(s.dev)
	s.shut(s.up)
	if l := s.loose; l != nil {
		l.dev.abort()
		l.up.abort()
		if l.stop != nil {
			l.stop()
		}
	}
}

// shut ends a bare connection, if it is one, and wakes its hand. The mutex is held.
func (s *session) shut(p parking.Place) {
	if p.Taken() {
		lot := s.gate.deps.Idle
		parking.Shut(lot.FD(p))
		lot.Kick(p)
	}
}

// end keeps how the session ends, unless that is known already.
func (s *session) end(e Ending) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mark(signOver) {
		return false
	}
	s.loosen().ending = &e
	return true
}

// ending is how the session ends; nil: it goes on.
func (s *session) ending() *Ending {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loose == nil {
		return nil
	}
	return s.loose.ending
}

// note tells that the gateway itself ends the session of a proved device. It comes
// before the device can see the end, and so before it can be back.
func (s *session) note(e Ending) {
	if e.Provoked && s.is(signProved) && !s.mark(signNoted) {
		s.gate.deps.Winners.Provoke(s.gate.cfg.Service, s.device, s.gate.deps.Now())
	}
}

// beaten ends a session whose device came back on another connection.
func (s *session) beaten() {
	const rule = "gate/" + string(haechi.ReasonSuperseded)
	about := haechi.Scope{Kind: haechi.ScopeDevice, Value: s.device}.String()
	s.finish(Ending{Reason: haechi.ReasonSuperseded, Rule: rule, Verdict: haechi.Deny,
		Ref: haechi.NewReference(rule, about, s.gate.deps.Now())})
}

// hangUp closes the upstream of a refused device. The error frame follows the last
// whole line; if the upstream stopped within a line, there is none.
func (s *session) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mark(signHung)
	s.shut(s.up)
	if s.loose != nil {
		s.loose.up.abort()
	}
}

const (
	lingerFor   = time.Second
	lingerBytes = 4 << 20
)

// lastWord lets the peer read the error frame: closing at once with input unread
// would make the kernel throw it away. False means that there is nothing to wait for.
func (s *session) lastWord() bool {
	s.out.settle(s)
	if s.over() || !s.closeWrite() {
		return false
	}
	s.talk.linger, s.talk.left = s.gate.deps.Now().Add(lingerFor), lingerBytes
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loose != nil && s.loose.dev != nil {
		s.loose.dev.passed()
	}
	return true
}

// closeWrite ends the sending half towards the device.
func (s *session) closeWrite() bool {
	if s.dev.Taken() {
		return syscall.Shutdown(s.gate.deps.Idle.FD(s.dev), syscall.SHUT_WR) == nil
	}
	c, ok := bottom(s.loose.dev.conn).(interface{ CloseWrite() error })
	return ok && c.CloseWrite() == nil
}

// leave gives back everything and says how it ended. Both hands are done.
func (s *session) leave() {
	g := s.gate
	e := Ending{}
	if s.talk != nil {
		e = s.talk.m.Ending()
	}
	if o := s.ending(); o != nil && (e.Reason == "" || o.Reason != haechi.ReasonPeerClosed) {
		e = *o
	}
	if e.Reason == "" {
		e = Ending{Reason: haechi.ReasonPeerClosed}
	}
	s.finish(e)
	g.deps.Winners.release(s)
	a := s.actor()
	s.let(&a)
	now := g.deps.Now()
	s.note(e)
	s.tellAsks(s.still.habits, &haechi.Event{Time: now, Kind: haechi.KindQuery, Outcome: haechi.Success, Service: g.cfg.Service, Actor: a, Session: s.id}, 0)
	ev := haechi.Event{Time: now, Kind: haechi.KindClose, Outcome: haechi.Success, Service: g.cfg.Service, Actor: a,
		Session: s.id, BytesIn: s.received, BytesOut: s.out.sent.Load(), Duration: now.Sub(g.timeOf(s.begun))}
	if e.Reason != haechi.ReasonPeerClosed {
		ev.Outcome = haechi.Failure
	}
	e.mark(&ev)
	s.emit(&ev)
	if g.deps.Sessions != nil {
		g.deps.Sessions.Close(s.id)
	}
	g.crowd.remove(s)
}

// let gives back sockets and places.
func (s *session) let(a *haechi.Actor) {
	s.mu.Lock()
	bare, released := s.dev.Taken(), s.loose.released // that it has ended is loose too
	s.close(&s.dev)
	s.close(&s.up)
	s.mu.Unlock()
	if from := s.gate.from; bare && from != nil {
		from.Gone()
	}
	if released != nil {
		released()
	}
	t := s.talk
	if t == nil {
		return
	}
	if t.conn != nil {
		_ = t.conn.Close() // gives back the place in the connection cap
	}
	s.gate.unproved.Add(-t.unproved)
	if t.holding {
		s.gate.held.Add(-1)
		s.gate.holders.Release(a.Client)
	}
}

// emit completes an event with what the machine does not know.
func (s *session) emit(e *haechi.Event) {
	e.Time = e.Time.UTC()
	e.Port, e.LocalPort, e.TLS = s.still.port, s.still.localPort, s.is(signTLS)
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
