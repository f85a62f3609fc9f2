package app

import (
	"time"

	"haechi"
)

// present judges a live session of a device, which outlasts a reload, by the world
// that counts now. A session of a service that is no more keeps its own world's
// limits and lists.
type present struct {
	e   *estate
	own *world
}

// Inspect implements [ingress.Inspector].
func (p present) Inspect(r *haechi.Request, now time.Time) haechi.Verdict {
	if p.e.list.allowed(r.Actor.Addr) { // since the session began
		return haechi.Verdict{}
	}
	if w := p.e.current.Load(); w != nil && w != p.own && w.has(r.Service) {
		return w.judges.Inspect(r, now)
	}
	return p.own.judges.Inspect(r, now)
}

// has reports whether the world guards a service of that name.
func (w *world) has(service string) bool {
	for i := range w.cfg.Services {
		if w.cfg.Services[i].Name == service {
			return true
		}
	}
	return false
}

// presentLists asks about a connection of an opaque TCP service: decisions and access
// lists, of the world that counts. The limits were asked at the entrance and must not
// count it twice.
type presentLists struct {
	e   *estate
	own *world // whose lists count for a service that is no more; nil: nobody's
}

// Inspect implements [ingress.Inspector].
func (p presentLists) Inspect(r *haechi.Request, now time.Time) haechi.Verdict {
	w := p.own
	if c := p.e.current.Load(); c != nil && c.has(r.Service) {
		w = c
	}
	if w == nil || p.e.list.allowed(r.Actor.Addr) {
		return haechi.Verdict{}
	}
	return w.lists.Inspect(r, now)
}

// presentPacer charges bytes to the limits of the world that counts.
type presentPacer struct {
	e   *estate
	own *world
}

// Pace implements [tcpgate.Pacer] and [httpgate.Pacer].
func (p presentPacer) Pace(service string, a *haechi.Actor, out bool, size int, now time.Time) haechi.Verdict {
	w := p.own
	if c := p.e.current.Load(); c != nil && c.has(service) {
		w = c
	}
	if p.e.list.allowed(a.Addr) {
		return haechi.Verdict{}
	}
	return w.limiter.Pace(service, a, out, size, now)
}
