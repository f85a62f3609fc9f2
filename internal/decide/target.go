package decide

import (
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
)

// target is whom a finding leads to, and how far it may go.
type target struct {
	scope haechi.Scope
	// shared is set for a source with several good devices behind it.
	shared bool
	// ours is set for a host of ours that a detector found something about.
	ours bool
}

// aim finds the narrowest scope that stops the harm. ok is false, and the reason
// counted, when nobody may be acted on.
func (d *Decider) aim(f *haechi.Finding, now time.Time) (t target, ok bool) {
	if f.Spoofable || f.Assurance < haechi.Handshaken {
		d.count.spoofable++
		return t, false
	}
	raw, ok := narrowest(f, d.cfg.V6Bits)
	if !ok {
		return t, false
	}
	if t.scope, ok = canonical(raw, d.cfg.V6Bits); !ok {
		return t, false
	}
	switch {
	case tooBroad(t.scope, ruleMinV4, ruleMinV6):
		d.count.broad++
		return t, false
	case d.allowed(t.scope):
		d.count.allowed++
		return t, false
	}
	if _, yes := d.deps.Protected(t.scope); yes {
		d.count.protected++
		return t, false
	}
	t.ours = f.Detector != "" && t.scope.IsSource() && d.deps.Internal(t.scope.Prefix)
	t.shared = t.scope.IsSource() && d.cfg.Shared > 0 && d.deps.GoodDevices(t.scope.Prefix, now) >= d.cfg.Shared
	return t, true
}

// narrowest chooses the scope. The finding is at least handshaken and not spoofable.
func narrowest(f *haechi.Finding, v6Bits int) (haechi.Scope, bool) {
	if s, ok := provedIdentity(f); ok {
		return s, true
	}
	switch f.About.Kind {
	case haechi.ScopeFingerprint, haechi.ScopeAddress, haechi.ScopePrefix:
		return f.About, true
	case haechi.ScopeASN, haechi.ScopeCountry, haechi.ScopeService:
		return haechi.Scope{}, false
	}
	// About an identity nobody proved, or about nobody: what did prove itself by
	// its handshake is the address.
	client := f.Client
	if !client.IsValid() {
		client = clientkey.Of(f.Addr, v6Bits)
	}
	return haechi.Scope{Kind: haechi.ScopeAddress, Prefix: client}, client.IsValid()
}

// provedIdentity returns the identity that the finding may be laid upon. A finding
// grouped by something else names an identity only if all of its evidence does:
// the last one seen behind a shared address need not be the bad one.
func provedIdentity(f *haechi.Finding) (haechi.Scope, bool) {
	if f.Assurance != haechi.Authenticated {
		return haechi.Scope{}, false
	}
	for _, id := range []haechi.Scope{
		{Kind: haechi.ScopeDevice, Value: f.Device},
		{Kind: haechi.ScopeCertificate, Value: f.Certificate},
		{Kind: haechi.ScopeUser, Value: f.User},
	} {
		if id.Value != "" && (f.About == id || (!verified(f.About.Kind) && allBy(f.Evidence, id))) {
			return id, true
		}
	}
	if verified(f.About.Kind) && f.About.Covers(&f.Actor) {
		return f.About, true
	}
	return haechi.Scope{}, false
}

func allBy(evidence []haechi.Event, id haechi.Scope) bool {
	for i := range evidence {
		if !id.Covers(&evidence[i].Actor) {
			return false
		}
	}
	return true
}

// allowed reports whether a source scope touches the allow list. Identities are
// judged by the address they act from, see allowedActor.
func (d *Decider) allowed(s haechi.Scope) bool {
	return (s.Kind == haechi.ScopeAddress || s.Kind == haechi.ScopePrefix) && d.deps.Allowed(s.Prefix)
}

// allowedActor reports whether the finding's actor is on the allow list.
func (d *Decider) allowedActor(f *haechi.Finding) bool {
	if f.About.Kind == haechi.ScopeService {
		return false
	}
	if f.Allowed {
		return true
	}
	a := clientkey.Addr(f.Addr)
	return a.IsValid() && d.deps.Allowed(netip.PrefixFrom(a, a.BitLen()))
}
