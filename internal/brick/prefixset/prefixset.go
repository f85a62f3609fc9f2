package prefixset

import (
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"

	"haechi/internal/brick/clientkey"
)

// mappedBits is the length of ::ffff:0:0/96, under which IPv4 lives in IPv6.
const mappedBits = 96

// Set is a set of prefixes. The zero value and a nil *Set are empty.
type Set struct {
	lite bart.Lite
}

// New returns the set of all addresses under the prefixes. Prefixes are masked;
// invalid ones are left out.
func New(prefixes ...netip.Prefix) *Set {
	s := &Set{}
	for _, p := range prefixes {
		if p = unmap(p); p.IsValid() {
			s.lite.Insert(p)
		}
	}
	return s
}

// Contains reports whether the address lies under a prefix of the set.
func (s *Set) Contains(addr netip.Addr) bool {
	return s != nil && s.lite.Size() > 0 && s.lite.Contains(clientkey.Addr(addr))
}

// Overlaps reports whether the prefix shares any address with the set.
func (s *Set) Overlaps(p netip.Prefix) bool {
	p = unmap(p)
	return s != nil && p.IsValid() && s.lite.OverlapsPrefix(p)
}

// Len is the number of distinct prefixes.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return s.lite.Size()
}

// Prefixes lists the set, in no order.
func (s *Set) Prefixes() []netip.Prefix {
	if s == nil {
		return nil
	}
	return slices.Collect(s.lite.All())
}

// unmap masks the prefix and turns one within ::ffff:0:0/96 into IPv4.
func unmap(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= mappedBits {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedBits).Masked()
	}
	return p.Masked()
}
