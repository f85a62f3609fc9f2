package access

import (
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/brick/prefixset"
)

// Rule is the rule id of every verdict of this package.
const Rule = "access"

// List is the access list of one service.
type List struct {
	// Mode off ignores the list, shadow reports what it would refuse. Unset means
	// enforce.
	Mode        haechi.Mode
	Allow, Deny []netip.Prefix
}

// Access judges by the lists of all services. It is safe for concurrent use.
type Access struct {
	services map[string]*list
}

type list struct {
	shadow      bool
	allow, deny *prefixset.Set
}

// New returns an inspector of the lists, by service name. A service without a list
// admits everybody.
func New(services map[string]List) *Access {
	a := &Access{services: make(map[string]*list, len(services))}
	for name, l := range services {
		if l.Mode == haechi.Off || len(l.Allow)+len(l.Deny) == 0 {
			continue
		}
		a.services[name] = &list{
			shadow: l.Mode == haechi.Shadow,
			allow:  prefixset.New(l.Allow...), deny: prefixset.New(l.Deny...),
		}
	}
	return a
}

// Inspect passes the actor or denies it with ReasonAccess. An actor without a valid
// address is denied where there is a list.
func (a *Access) Inspect(r *haechi.Request, now time.Time) haechi.Verdict {
	l := a.services[r.Service]
	if l == nil || r.Actor.Allowed || l.admits(r.Actor.Addr) {
		return haechi.Verdict{}
	}
	return haechi.Verdict{
		Action: haechi.Deny,
		Reason: haechi.ReasonAccess,
		Rule:   Rule,
		Ref:    haechi.NewReference(Rule+"/"+r.Service, r.Actor.Client.String(), now),
		Shadow: l.shadow,
	}
}

func (l *list) admits(addr netip.Addr) bool {
	switch {
	case !addr.IsValid():
		return false
	case l.allow.Contains(addr):
		return true
	case l.deny.Len() == 0:
		return false
	}
	return !l.deny.Contains(addr)
}
