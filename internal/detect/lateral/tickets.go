package lateral

import (
	"hash/maphash"
	"strings"
	"time"

	"haechi"
)

// tickets are the services that one host asked tickets for lately, that can be guessed at.
type tickets struct {
	services []ticket // at most maxTargets
}

type ticket struct {
	service uint64 // hash of its name
	at      time.Time
}

// roasts adds a ticket, and returns how many services are more than a program needs at
// once; 0 if they are not.
func (d *Detector) roasts(e *haechi.Event) int {
	t, _ := d.asked.Use(e.Addr, e.Time.UnixNano())
	if t == nil {
		return 0
	}
	service := maphash.String(d.seed, strings.ToLower(e.Name))
	kept := t.services[:0]
	for _, x := range t.services {
		if e.Time.Sub(x.at) <= d.cfg.Burst && x.service != service {
			kept = append(kept, x)
		}
	}
	if len(kept) == maxTargets {
		kept = kept[1:]
	}
	t.services = append(kept, ticket{service, e.Time})
	if n := len(t.services); n > d.cfg.Services {
		return n
	}
	return 0
}
