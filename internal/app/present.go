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
