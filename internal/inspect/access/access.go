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
	// AllowCerts and DenyCerts are names of client certificates, by the same rule: a *
	// at the end or at the beginning stands for anything. Who shows no certificate is
	// not judged by them.
	AllowCerts, DenyCerts []string
}

// Access judges by the lists of all services. It is safe for concurrent use.
type Access struct {
	services map[string]*list
}

type list struct {
	shadow      bool
	byAddr      bool // there is a list of addresses
	allow, deny *prefixset.Set
	certs       *certs // nil: none
}

// New returns an inspector of the lists, by service name. A service without a list
// admits everybody.
func New(services map[string]List) *Access {
	a := &Access{services: make(map[string]*list, len(services))}
	for name, l := range services {
		certs := newCerts(l.AllowCerts, l.DenyCerts)
		if l.Mode == haechi.Off || len(l.Allow)+len(l.Deny) == 0 && certs == nil {
			continue
		}
		a.services[name] = &list{
			shadow: l.Mode == haechi.Shadow, byAddr: len(l.Allow)+len(l.Deny) > 0, certs: certs,
			allow: prefixset.New(l.Allow...), deny: prefixset.New(l.Deny...),
		}
	}
	return a
}

// Inspect passes the actor or denies it with ReasonAccess. An actor without a valid
// address is denied where there is a list.
func (a *Access) Inspect(r *haechi.Request, now time.Time) haechi.Verdict {
	l := a.services[r.Service]
	if l == nil || r.Actor.Allowed {
		return haechi.Verdict{}
	}
	about := ""
	switch name := r.Actor.Certificate; {
	case !l.admits(r.Actor.Addr):
		about = r.Actor.Client.String()
	case name != "" && !l.certs.admits(name):
		about = haechi.Scope{Kind: haechi.ScopeCertificate, Value: name}.String()
	default:
		return haechi.Verdict{}
	}
	return haechi.Verdict{
		Action: haechi.Deny,
		Reason: haechi.ReasonAccess,
		Rule:   Rule,
		Ref:    haechi.NewReference(Rule+"/"+r.Service, about, now),
		Shadow: l.shadow,
	}
}

func (l *list) admits(addr netip.Addr) bool {
	switch {
	case !l.byAddr:
		return true
	case !addr.IsValid():
		return false
	case l.allow.Contains(addr):
		return true
	case l.deny.Len() == 0:
		return false
	}
	return !l.deny.Contains(addr)
}
