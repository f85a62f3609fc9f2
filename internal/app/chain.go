package app

import (
	"time"

	"haechi"
	"haechi/internal/ingress"
)

// chain asks inspectors in order. The first that refuses is the answer. Else it is
// the longest wait that any asks for: somebody who is slowed down is still to be
// counted, and let in only where others let him in. A shadow verdict is reported
// only when nobody else speaks, since it changes nothing. An allowed actor is not
// even asked about (promise 2).
type chain []ingress.Inspector

// Inspect implements [ingress.Inspector].
func (c chain) Inspect(r *haechi.Request, now time.Time) haechi.Verdict {
	if r.Actor.Allowed {
		return haechi.Verdict{}
	}
	var wait, shadow haechi.Verdict
	for _, in := range c {
		v := in.Inspect(r, now)
		switch {
		case v.Action == haechi.Pass:
		case v.Refuses():
			return v
		case v.Shadow:
			if shadow.Action == haechi.Pass {
				shadow = v
			}
		case wait.Action == haechi.Pass || v.Delay > wait.Delay:
			wait = v
		}
	}
	if wait.Action != haechi.Pass {
		return wait
	}
	return shadow
}
