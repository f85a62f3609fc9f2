package simulate

import "net/netip"

// Scenario is one play, and what it must give.
type Scenario struct {
	Name  string     // "port-scan"
	Row   string     // the source documents' row that it plays, or the one of what it shows
	Gives []Incident // empty: honest traffic, nothing may be found
	play  func(*stage)
}

// Incident is one that must be found.
type Incident struct {
	Detector string     // its class, "port_scan"
	Source   netip.Addr // invalid where nobody is to blame: who floods may be forged
	Target   netip.Addr // invalid where there are several
}

// Scenarios lists all plays: the documents' two, one for each detector, and honest ones.
func Scenarios() []Scenario {
	out := documents()
	for _, part := range [][]Scenario{probes(), logins(), leaving(), floods(), habits(), honest()} {
		out = append(out, part...)
	}
	return out
}

// Find returns the scenario of a name.
func Find(name string) (Scenario, bool) {
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}

// one is the incident of a scenario that gives a single one; an empty address is not asked for.
func one(detector, source, target string) []Incident {
	return []Incident{{Detector: detector, Source: address(source), Target: address(target)}}
}

// address reads an address of the scenarios; empty is none.
func address(text string) netip.Addr {
	a, _ := netip.ParseAddr(text) // empty is meant to be invalid
	return a
}

// door is a port of a host of the scenarios.
func door(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

// host is one of a network of the scenarios: the address with its last byte so much
// greater.
func host(first string, more int) netip.Addr {
	raw := address(first).As4()
	raw[3] += byte(more)
	return netip.AddrFrom4(raw)
}
