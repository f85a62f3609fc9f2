package session

import (
	"cmp"
	"slices"

	"haechi"
)

// cutting is a function that ends a session.
type cutting func(haechi.Verdict)

func (f cutting) Cut(v haechi.Verdict) { f(v) }

// Open is [Enforcer.Enter] for a session that a function ends.
func (e *Enforcer) Open(service string, a haechi.Actor, cut func(haechi.Verdict)) (id uint64) {
	return e.Enter(service, a, cutting(cut))
}

// Enter registers a live session and returns its number. Its Cut is called at most
// once, from any goroutine, possibly before Enter returns; it must not block. A
// session that a decision in force refuses, or that is beyond MaxSessions, is cut
// at once; the latter gets number 0 and is not registered.
func (e *Enforcer) Enter(service string, a haechi.Actor, s interface{ Cut(haechi.Verdict) }) (id uint64) {
	now := e.cfg.Now()
	if e.live.count.Add(1) > int64(e.cfg.MaxSessions) {
		e.live.count.Add(-1)
		e.refusedSessions.Add(1)
		const limit = "session/live"
		s.Cut(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonOverload, Rule: limit, Threshold: float64(e.cfg.MaxSessions),
			Observed: float64(e.cfg.MaxSessions) + 1, Ref: haechi.NewReference(limit, a.Client.String(), now)})
		return 0
	}
	l := e.live.open(service, &a, s)
	// Registered first, looked up second: a decision that is applied in between
	// finds the session, one applied before is found here.
	e.cutIfRefused(l, now)
	return l.id
}

// Identify replaces what is known of the session's actor, and cuts the session if
// a decision in force refuses that actor. An unknown number is ignored.
//
// Whoever identifies a device must look its status up again afterwards: a change
// of status between the two would otherwise find no session to cut.
func (e *Enforcer) Identify(id uint64, a haechi.Actor) {
	if l := e.live.find(id); l != nil && e.live.identify(l, &a) {
		e.cutIfRefused(l, e.cfg.Now())
	}
}

// Close forgets the session. A device that left by itself is remembered as a good
// one of its address for a while.
func (e *Enforcer) Close(id uint64) {
	l := e.live.find(id)
	if l == nil {
		return
	}
	a, cut, first := e.live.close(l)
	if !first {
		return
	}
	e.live.count.Add(-1)
	if dev := deviceOf(&a); dev != "" && !cut {
		e.memory.add(dev, a.Addr, e.cfg.Now())
	}
}

// Session is a live session as listed.
type Session struct {
	ID      uint64
	Service string
	Actor   haechi.Actor
	Cut     bool // it was told to end and has not closed yet
}

// Live lists the live sessions, oldest first.
func (e *Enforcer) Live() []Session {
	all := e.live.all()
	out := make([]Session, 0, len(all))
	for _, l := range all {
		mu := e.live.lock(l)
		mu.Lock()
		out = append(out, Session{ID: l.id, Service: e.live.names.name(l.service), Actor: e.live.actor(l), Cut: l.done})
		mu.Unlock()
	}
	slices.SortFunc(out, func(a, b Session) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Count is the number of live sessions.
func (e *Enforcer) Count() int { return int(e.live.count.Load()) }

// LiveOn is the number of live sessions of one service.
func (e *Enforcer) LiveOn(service string) (n int) {
	at := e.live.names.of(service)
	for _, l := range e.live.all() {
		if l.service == at {
			n++
		}
	}
	return n
}
