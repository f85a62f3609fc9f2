package session

import (
	"time"

	"haechi"
)

// strongest returns the decision that answers the actor, or nil.
func (t *table) strongest(a *haechi.Actor, service string, now time.Time) (best *rule) {
	if a.Assurance == haechi.Authenticated {
		best = t.named(best, haechi.ScopeDevice, a.Device, a, service, now)
		best = t.named(best, haechi.ScopeCertificate, a.Certificate, a, service, now)
		best = t.named(best, haechi.ScopeUser, a.User, a, service, now)
	}
	best = t.named(best, haechi.ScopeFingerprint, a.Fingerprint, a, service, now)
	best = t.named(best, haechi.ScopeCountry, a.Country, a, service, now)
	if a.ASN != 0 {
		best = pick(best, t.asns.get(a.ASN), a, service, now)
	}
	if !a.Addr.IsValid() || t.prefixes.size.Load() == 0 {
		return best
	}
	in := t.lengths.Load()
	bits := in.v6
	if a.Addr.Is4() {
		bits = in.v4
	}
	for _, n := range bits {
		p, err := a.Addr.Prefix(n)
		if err != nil {
			break
		}
		best = pick(best, t.prefixes.get(p), a, service, now)
	}
	return best
}

func (t *table) named(best *rule, k haechi.ScopeKind, v string, a *haechi.Actor, service string, now time.Time) *rule {
	if v == "" {
		return best
	}
	return pick(best, t.names[k].get(v), a, service, now)
}

func pick(best *rule, from []*rule, a *haechi.Actor, service string, now time.Time) *rule {
	for _, r := range from {
		if (r.Service == "" || r.Service == service) && r.Applies(now) && !spares(r, a) && (best == nil || stronger(r, best)) {
			best = r
		}
	}
	return best
}

// spares reports whether a throttle about a source leaves a proved device alone.
func spares(r *rule, a *haechi.Actor) bool {
	return r.Action == haechi.Throttle && r.Scope.IsSource() && a.Assurance == haechi.Authenticated && a.Device != ""
}

// stronger orders decisions: by action, then the narrower scope, then the later end.
func stronger(a, b *rule) bool {
	switch {
	case a.Action != b.Action:
		return a.Action > b.Action
	case a.Scope.Kind != b.Scope.Kind:
		return a.Scope.Kind < b.Scope.Kind
	case a.Scope.Prefix.Bits() != b.Scope.Prefix.Bits():
		return a.Scope.Prefix.Bits() > b.Scope.Prefix.Bits()
	case !a.Until.Equal(b.Until):
		return a.Until.IsZero() || (!b.Until.IsZero() && a.Until.After(b.Until))
	}
	return a.ID < b.ID
}
