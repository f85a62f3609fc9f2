package decide

import (
	"net/netip"

	"haechi"
	"haechi/internal/brick/clientkey"
)

// The broadest prefixes a rule's decision, and an operator's, may name. They keep
// one wrong finding or slip of the finger from shutting out a continent.
const (
	ruleMinV4, ruleMinV6         = 24, 48
	operatorMinV4, operatorMinV6 = 8, 16
)

const v4MappedBits = 96

// canonical writes equal scopes equally: prefixes are masked, IPv4-mapped ones are
// IPv4, and whatever is exactly one address or one client key is an address.
// ok is false for a scope that cannot be decided about.
func canonical(s haechi.Scope, v6Bits int) (haechi.Scope, bool) {
	switch s.Kind {
	case haechi.ScopeNone, haechi.ScopeService:
		return haechi.Scope{}, false
	case haechi.ScopeAddress, haechi.ScopePrefix:
		p, ok := plainPrefix(s.Prefix)
		if !ok {
			return haechi.Scope{}, false
		}
		kind := haechi.ScopePrefix
		if p.IsSingleIP() || (p.Addr().Is6() && p.Bits() == v6Bits) {
			kind = haechi.ScopeAddress
		}
		return haechi.Scope{Kind: kind, Prefix: p}, true
	default:
		return haechi.Scope{Kind: s.Kind, Value: s.Value}, s.Value != ""
	}
}

func plainPrefix(p netip.Prefix) (netip.Prefix, bool) {
	if !p.IsValid() {
		return p, false
	}
	a, bits := clientkey.Addr(p.Addr()), p.Bits()
	if p.Addr().Is4In6() {
		bits -= v4MappedBits
	}
	if bits < 0 { // broader than all of IPv4
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, bits).Masked(), true
}

func tooBroad(s haechi.Scope, minV4, minV6 int) bool {
	switch {
	case s.Kind != haechi.ScopePrefix && s.Kind != haechi.ScopeAddress:
		return false
	case s.Prefix.Addr().Is4():
		return s.Prefix.Bits() < minV4
	default:
		return s.Prefix.Bits() < minV6
	}
}

// verified reports whether the scope is an identity that only a proof gives.
func verified(k haechi.ScopeKind) bool {
	return k == haechi.ScopeDevice || k == haechi.ScopeCertificate || k == haechi.ScopeUser
}

// strongestFor weakens an action that makes no sense for the scope: the kernel
// knows addresses, not identities.
func strongestFor(s haechi.Scope, a haechi.Action) haechi.Action {
	if a == haechi.Drop && !s.IsSource() {
		return haechi.Deny
	}
	return a
}
