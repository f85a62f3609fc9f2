package detect

import (
	"net/netip"
	"strings"

	"haechi"
	"haechi/internal/brick/lru"
)

// Domain is where the registered domain begins in a DNS name, and -1 if the name ends in
// no label that a registry could have given out: top-level domains are letters, or an
// A-label (RFC 3696 section 2). Below a country's domain the usual second levels
// ("co.uk", "or.kr") count as part of the suffix. It is a heuristic that needs no list:
// where it takes a suffix for a domain, names of different owners are seen together.
func Domain(name string) int {
	name = strings.TrimSuffix(name, ".")
	last := strings.LastIndexByte(name, '.')
	if !topLevel(name[last+1:]) {
		return -1
	}
	if last < 0 {
		return 0
	}
	second := strings.LastIndexByte(name[:last], '.')
	if len(name)-last-1 != 2 || second < 0 || !secondLevel(name[second+1:last]) {
		return second + 1
	}
	return strings.LastIndexByte(name[:second], '.') + 1
}

func topLevel(label string) bool {
	if len(label) >= 4 && strings.EqualFold(label[:4], "xn--") {
		return true
	}
	for i := range len(label) {
		if c := label[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return len(label) >= 2
}

// secondLevel knows what registries of countries delegate below.
func secondLevel(label string) bool {
	switch strings.ToLower(label) {
	case "ac", "ad", "co", "com", "ed", "edu", "es", "go", "gob", "gouv", "gov", "gr", "hs", "kg", "lg", "ltd", "me",
		"mil", "ms", "ne", "net", "nom", "or", "org", "pe", "plc", "re", "sc", "sch", "web":
		return true
	}
	return false
}

// Names remembers by which name an address was reached: from the answers of lookups, the
// SNI of hellos and the Host of requests. It holds a bounded number of addresses; what
// found no room is refused and counted.
type Names struct {
	table *lru.Table[netip.Addr, string]
}

// namesIdle is how long a name is kept at least, in seconds: longer than most DNS answers
// may be cached.
const namesIdle = 24 * 60 * 60

// NewNames remembers at most max addresses.
func NewNames(max int) *Names {
	return &Names{table: lru.New[netip.Addr, string](max, namesIdle, lru.Addr)}
}

// Learn takes what an event says about names.
func (n *Names) Learn(e *haechi.Event) {
	switch e.Kind {
	case haechi.KindLookup:
		for _, a := range e.Answers {
			n.set(a, e.Name, e)
		}
	case haechi.KindHello:
		n.set(e.Target, e.Name, e)
	case haechi.KindRequest:
		n.set(e.Target, HostName(e.Host), e)
	}
}

func (n *Names) set(a netip.Addr, name string, e *haechi.Event) {
	if !a.IsValid() || name == "" {
		return
	}
	if v, _ := n.table.Use(a, e.Time.Unix()); v != nil {
		*v = name
	}
}

// Of is the name by which the address was last reached, empty if none is known.
func (n *Names) Of(a netip.Addr) string {
	if v := n.table.Peek(a); v != nil {
		return *v
	}
	return ""
}

// Refused counts the addresses that found no room.
func (n *Names) Refused() uint64 { return n.table.Refused() }

// HostName is the name in a Host header, without a port; empty if it is an address.
func HostName(host string) string {
	if host == "" || host[0] == '[' {
		return ""
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	if c := host[max(len(host)-1, 0):]; c >= "0" && c <= "9" {
		if _, err := netip.ParseAddr(host); err == nil {
			return ""
		}
	}
	return host
}
