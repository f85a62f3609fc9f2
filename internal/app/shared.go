package app

import (
	"time"

	"haechi"
	"haechi/internal/ingress"
)

// anyOf judges a connection to an address that several services share. Which one it
// is for is known only once it has asked for something, so it is refused only if
// every service refuses it; each request is judged for its own service.
type anyOf struct {
	judges   ingress.Inspector
	services []string
}

// Inspect implements [ingress.Inspector].
func (a anyOf) Inspect(r *haechi.Request, now time.Time) (v haechi.Verdict) {
	for _, name := range a.services {
		one := *r
		one.Service = name
		if v = a.judges.Inspect(&one, now); !v.Refuses() {
			return v
		}
	}
	return v
}
