package session

import (
	"time"

	"haechi"
)

// Cut ends every live session that the scope covers, whatever its service, and
// returns how many. Sessions of actors on the allow list go on.
func (e *Enforcer) Cut(scope haechi.Scope, v haechi.Verdict) int {
	if plain, ok := storable(scope); ok {
		scope = plain
	}
	return e.end(e.live.within(scope), v, func(a *haechi.Actor) bool { return !a.Allowed && scope.Covers(a) })
}

// CutDevice ends every live session of a device that has lost its approval or its
// key, and returns how many. The allow list does not keep it: it exempts from
// limits and decisions, and does not stand in for an approval.
func (e *Enforcer) CutDevice(device string, v haechi.Verdict) int {
	e.memory.forget(device)
	return e.end(e.live.byDevice.list(device), v, func(a *haechi.Actor) bool { return deviceOf(a) == device })
}

// CutJudged ends every live session that judge refuses by now, and returns how many: judge
// is somebody who refuses without a decision, and has learned something. It must not block.
func (e *Enforcer) CutJudged(judge func(*haechi.Request, time.Time) haechi.Verdict) (n int) {
	now := e.cfg.Now()
	for _, l := range e.live.all() {
		service := e.live.names.name(l.service)
		if e.cutOne(l, func(a *haechi.Actor) (haechi.Verdict, bool) {
			v := judge(&haechi.Request{Service: service, Actor: a}, now)
			return v, v.Refuses()
		}) {
			n++
		}
	}
	return n
}

func (e *Enforcer) end(among []*live, v haechi.Verdict, which func(*haechi.Actor) bool) (n int) {
	for _, l := range among {
		if e.cutOne(l, func(a *haechi.Actor) (haechi.Verdict, bool) { return v, which(a) }) {
			n++
		}
	}
	return n
}

// cutRefused ends the live sessions that a batch of fresh decisions refuses. Broad
// decisions share one walk over all sessions.
func (e *Enforcer) cutRefused(fresh []*rule, now time.Time) {
	var broad bool
	for _, r := range fresh {
		switch {
		case r.Action < haechi.Deny:
		case e.live.narrow(r.Scope):
			for _, l := range e.live.within(r.Scope) {
				e.cutIfRefused(l, now)
			}
		default:
			broad = true
		}
	}
	if !broad {
		return
	}
	for _, l := range e.live.all() {
		e.cutIfRefused(l, now)
	}
}

func (e *Enforcer) cutIfRefused(l *live, now time.Time) {
	service := e.live.names.name(l.service)
	e.cutOne(l, func(a *haechi.Actor) (haechi.Verdict, bool) {
		v := e.judge(a, service, now)
		return v, v.Action >= haechi.Deny
	})
}

// cutOne asks about the session's actor and cuts it if so, at most once in its
// life. The callback runs without any lock held, so it may close the session.
func (e *Enforcer) cutOne(l *live, ask func(*haechi.Actor) (haechi.Verdict, bool)) bool {
	mu := e.live.lock(l)
	mu.Lock()
	if l.done || l.closed {
		mu.Unlock()
		return false
	}
	a := e.live.actor(l)
	v, yes := ask(&a)
	l.done = yes
	mu.Unlock()
	if !yes {
		return false
	}
	e.cuts.Add(1)
	l.session.Cut(v)
	return true
}
