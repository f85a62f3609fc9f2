package detect

import (
	"net/netip"
	"time"

	"haechi"
)

// Rule is what all findings of one detector have in common. app fills it from the
// detector's file in rules/.
type Rule struct {
	ID        string // "network/port-scan"
	Version   int
	Detector  string // the class, "port_scan"
	Technique string // MITRE ATT&CK
	Severity  haechi.Severity
	Mode      haechi.Mode
	Score     float64
	Want      haechi.Action
	For       time.Duration
}

// Finding returns a finding of the rule about a source: everything but what was
// observed, and about whom else.
func (r *Rule) Finding(at time.Time, source haechi.Actor) haechi.Finding {
	f := haechi.Finding{Time: at, Rule: r.ID, Version: r.Version, Detector: r.Detector, Technique: r.Technique,
		Severity: r.Severity, Mode: r.Mode, Score: r.Score, Want: r.Want, For: r.For, Actor: source}
	if source.Client.IsValid() {
		f.About = haechi.Scope{Kind: haechi.ScopeAddress, Prefix: source.Client}
	}
	return f
}

// Role is what a host of the site is known to do, so that doing it is no finding.
type Role uint8

// The roles, which may be or-ed together.
const (
	Monitoring Role = 1 << iota // polls everything
	Backup                      // moves great amounts
	Directory                   // is asked by everybody: domain controllers, DNS
	Scanner                     // scans on the operator's order
	Admin                       // administers other hosts
)

// Site says which addresses are ours, and what the hosts there do.
type Site interface {
	// Internal reports whether the address is in a special-purpose registry's private
	// space or in one of the networks of the site.
	Internal(netip.Addr) bool
	// Role returns the roles of a host, 0 for none.
	Role(netip.Addr) Role
	// Listed reports whether the address is on a deny list of the operator's: it has a
	// bad reputation.
	Listed(netip.Addr) bool
}
