package app

import (
	"time"

	"haechi"
	"haechi/internal/ingress"
)

// chain asks inspectors in order. The first verdict that does more than pass is
// the answer; a shadow verdict is reported only when nobody else speaks, since it
// changes nothing. An allowed actor is not even asked about (promise 2).
type chain []ingress.Inspector

// Inspect implements [ingress.Inspector].
func (c chain) Inspect(r *haechi.Request, now time.Time) haechi.Verdict {
	if r.Actor.Allowed {
		return haechi.Verdict{}
	}
	var shadow haechi.Verdict
	for _, in := range c {
		v := in.Inspect(r, now)
		switch {
		case v.Action == haechi.Pass:
		case !v.Shadow:
			return v
		case shadow.Action == haechi.Pass:
			shadow = v
		}
	}
	return shadow
}
