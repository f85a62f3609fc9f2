package haechi

import (
	"fmt"
	"net/netip"
	"strings"
)

// ScopeKind says what a decision is about.
type ScopeKind uint8

// The scopes, from the narrowest and most certain to the broadest.
const (
	ScopeNone ScopeKind = iota
	ScopeDevice
	ScopeCertificate
	ScopeUser
	ScopeFingerprint
	ScopeAddress // one client key: an IPv4 address or an IPv6 client prefix
	ScopePrefix  // any other prefix
	ScopeASN
	ScopeCountry
	ScopeService // everything that reaches one service; only for findings, never a ban
)

func scopeNames() []string {
	return []string{"none", "device", "cert", "user", "fingerprint", "ip", "prefix", "asn", "country", "service"}
}

// String names the kind as it is written before the colon of a scope.
func (k ScopeKind) String() string { return enumText(scopeNames(), k) }

// Scope is the thing a decision or a finding is about. It is comparable and
// serves as a map key.
type Scope struct {
	Kind   ScopeKind
	Prefix netip.Prefix // for ScopeAddress and ScopePrefix, masked
	Value  string       // for all others
}

// String writes the scope as kind:value, for example "ip:203.0.113.7",
// "ip:2001:db8::/64" or "device:LOA.i/0123456789abcdef".
func (s Scope) String() string {
	switch s.Kind {
	case ScopeAddress, ScopePrefix:
		if s.Kind == ScopeAddress && s.Prefix.IsSingleIP() {
			return "ip:" + s.Prefix.Addr().String()
		}
		return s.Kind.String() + ":" + s.Prefix.String()
	case ScopeNone:
		return ""
	default:
		return s.Kind.String() + ":" + s.Value
	}
}

// ParseScope reads what String writes. Errors are of kind Invalid.
func ParseScope(text string) (Scope, error) {
	if text == "" {
		return Scope{}, nil
	}
	name, value, ok := strings.Cut(text, ":")
	kind, err := parseEnum[ScopeKind]("scope", scopeNames(), name)
	if !ok || err != nil || value == "" || kind == ScopeNone {
		return Scope{}, &Error{Kind: Invalid, Op: "parse scope", Msg: fmt.Sprintf("%q is no scope", text),
			Hint: "write kind:value, for example ip:203.0.113.7 or device:bot/id", Err: err}
	}
	if kind != ScopeAddress && kind != ScopePrefix {
		return Scope{Kind: kind, Value: value}, nil
	}
	p, err := parsePrefix(value)
	if err != nil {
		return Scope{}, &Error{Kind: Invalid, Op: "parse scope", Err: err, Hint: "write an address or a CIDR prefix"}
	}
	return Scope{Kind: kind, Prefix: p}, nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// MarshalText implements encoding.TextMarshaler.
func (s Scope) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Scope) UnmarshalText(b []byte) (err error) {
	*s, err = ParseScope(string(b))
	return err
}

// IsSource reports whether the scope names where traffic comes from (an address,
// prefix, network or country) rather than a verified identity.
func (s Scope) IsSource() bool {
	switch s.Kind {
	case ScopeAddress, ScopePrefix, ScopeASN, ScopeCountry:
		return true
	}
	return false
}

// Covers reports whether the actor falls under the scope. A device, certificate
// or user is covered only when it is authenticated: a claimed identity never
// brings another one's decision upon itself, and never escapes its own address.
func (s Scope) Covers(a *Actor) bool {
	switch s.Kind {
	case ScopeAddress, ScopePrefix:
		return a.Addr.IsValid() && s.Prefix.Contains(a.Addr)
	case ScopeDevice:
		return a.Assurance == Authenticated && a.Device == s.Value
	case ScopeCertificate:
		return a.Assurance == Authenticated && a.Certificate == s.Value
	case ScopeUser:
		return a.Assurance == Authenticated && a.User == s.Value
	case ScopeFingerprint:
		return a.Fingerprint != "" && a.Fingerprint == s.Value
	case ScopeCountry:
		return a.Country != "" && a.Country == s.Value
	case ScopeASN:
		return a.ASN != 0 && fmt.Sprint(a.ASN) == s.Value
	}
	return false
}
