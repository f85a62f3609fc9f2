package enforce

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
)

// Ledger is what an enforcer in the kernel was told, by decision and by prefix: the
// kernel knows prefixes only, and several decisions may be about one. It is not safe for
// concurrent use.
type Ledger struct {
	cfg     LedgerConfig
	ds      map[haechi.Reference]haechi.Decision
	about   map[netip.Prefix][]haechi.Reference // the decisions about a prefix
	strange map[haechi.Reference]netip.Prefix   // what the kernel has and nobody decided
}

// LedgerConfig is what a Ledger is told. All must be set.
type LedgerConfig struct {
	// Name is the enforcer's.
	Name string
	// From is the mildest action that is enforced.
	From haechi.Action
	// Protected says why a prefix must never be dropped, if so. It answers for overlaps.
	Protected func(netip.Prefix) (why string, yes bool)
	// Most bounds the decisions in force: a batch beyond it is refused as a whole.
	Most int
}

// NewLedger makes an empty ledger.
func NewLedger(cfg LedgerConfig) *Ledger {
	return &Ledger{cfg: cfg, ds: map[haechi.Reference]haechi.Decision{}, about: map[netip.Prefix][]haechi.Reference{},
		strange: map[haechi.Reference]netip.Prefix{}}
}

// Changes says what becomes of each decision; nil: it is not in force in the kernel.
type Changes map[haechi.Reference]*haechi.Decision

// Len is how many decisions there are.
func (l *Ledger) Len() int { return len(l.ds) }

// Prefixes are those that decisions are about.
func (l *Ledger) Prefixes() []netip.Prefix { return slices.Collect(maps.Keys(l.about)) }

// Changes judges a batch. Errors: Invalid for what is no decision, Denied for a protected
// source, Exhausted beyond the bound.
func (l *Ledger) Changes(ds []haechi.Decision, now time.Time) (Changes, error) {
	out := make(Changes, len(ds))
	grow := 0
	for i := range ds {
		d := ds[i]
		p, isPrefix := Plain(d.Scope)
		if d.ID == "" || d.Action == haechi.Pass || d.Action == haechi.Hold || d.Action > haechi.Drop ||
			d.Scope.Kind == haechi.ScopeNone || d.Scope.Kind == haechi.ScopeService {
			return nil, &haechi.Error{Kind: haechi.Invalid, Op: "apply decision",
				Msg: fmt.Sprintf("decision %q, %s on %q, cannot be enforced", d.ID, d.Action, d.Scope)}
		}
		_, known := out[d.ID]
		out[d.ID] = nil
		if !isPrefix || d.Service != "" || d.Action < l.cfg.From || !d.Applies(now) {
			continue
		}
		if why, yes := l.cfg.Protected(p); yes {
			return nil, &haechi.Error{Kind: haechi.Denied, Op: "apply decision",
				Msg: fmt.Sprintf("%s is not dropped in the kernel: %s", d.Scope, why), Hint: "decide about a device, or about fewer addresses"}
		}
		d.Scope.Prefix = p
		out[d.ID] = &d
		if _, has := l.ds[d.ID]; !has && !known {
			grow++
		}
	}
	if len(l.ds)+grow > l.cfg.Most {
		return nil, &haechi.Error{Kind: haechi.Exhausted, Op: "apply decisions",
			Msg: fmt.Sprintf("more than %d decisions would be in force in the kernel", l.cfg.Most), Hint: "lift some, or decide about prefixes"}
	}
	return out, nil
}

// Book makes the changes, notes the prefixes that they are about, and returns what
// undoes it.
func (l *Ledger) Book(changes Changes, touched map[netip.Prefix]bool) Changes {
	inverse := make(Changes, len(changes))
	for id, d := range changes {
		inverse[id] = nil
		if p, ok := l.strange[id]; ok {
			touched[p] = true
			delete(l.strange, id)
		}
		if old, ok := l.ds[id]; ok {
			inverse[id] = &old
			touched[old.Scope.Prefix] = true
			l.forget(id)
		}
		if d != nil {
			l.ds[id] = *d
			p := d.Scope.Prefix
			l.about[p] = append(slices.Clip(l.about[p]), id)
			touched[p] = true
		}
	}
	return inverse
}

func (l *Ledger) forget(id haechi.Reference) {
	p := l.ds[id].Scope.Prefix
	delete(l.ds, id)
	l.about[p] = slices.DeleteFunc(slices.Clone(l.about[p]), func(other haechi.Reference) bool { return other == id })
	if len(l.about[p]) == 0 {
		delete(l.about, p)
	}
}

// Want is when the prefix should be let in again: with the end of the longest decision
// about it; zero: never. wanted is false when no decision is about it.
func (l *Ledger) Want(p netip.Prefix, now time.Time) (until time.Time, wanted bool) {
	for _, id := range l.about[p] {
		d := l.ds[id]
		switch {
		case !d.Applies(now):
		case d.Until.IsZero():
			return time.Time{}, true
		case !wanted || d.Until.After(until):
			until, wanted = d.Until, true
		}
	}
	return until, wanted
}

// Found says, of what was read from the kernel with its ends, which decisions are in
// force, the oldest first. A prefix that nobody decided about is listed under a reference
// of its own. What is over is forgotten.
func (l *Ledger) Found(has map[netip.Prefix]time.Time, now time.Time) (out []haechi.Decision) {
	for id, d := range l.ds {
		if !d.Applies(now) {
			l.forget(id)
			continue
		}
		end, ok := has[d.Scope.Prefix]
		if !ok {
			continue
		}
		want, _ := l.Want(d.Scope.Prefix, now)
		if want.IsZero() != end.IsZero() || want.Sub(end).Abs() > tolerance {
			d.Until = end
		}
		d.Findings = slices.Clone(d.Findings)
		out = append(out, d)
	}
	clear(l.strange)
	for p, until := range has {
		if len(l.about[p]) > 0 || !until.IsZero() && until.Sub(now) < tolerance {
			continue
		}
		id := haechi.Reference(l.cfg.Name + " " + p.String())
		l.strange[id] = p
		out = append(out, haechi.Decision{ID: id, Scope: haechi.Scope{Kind: haechi.ScopePrefix, Prefix: p}, Action: haechi.Drop,
			Mode: haechi.Enforce, Reason: "found in the kernel", From: now, Until: until})
	}
	slices.SortFunc(out, func(a, b haechi.Decision) int {
		return cmp.Or(a.From.Compare(b.From), strings.Compare(string(a.ID), string(b.ID)))
	})
	return out
}

// Takes says which decisions a kernel enforces: those about an address or a prefix that
// is not protected, for all services, and severe enough.
func Takes(from haechi.Action, protected func(netip.Prefix) (string, bool)) func(*haechi.Decision) bool {
	return func(d *haechi.Decision) bool {
		if d.Mode != haechi.Enforce || d.Service != "" || d.Action < from || d.Action > haechi.Drop {
			return false
		}
		p, ok := Plain(d.Scope)
		if !ok {
			return false
		}
		_, no := protected(p)
		return !no
	}
}

// Plain is the scope's prefix in the form in which a kernel keeps it. ok is false for a
// scope that a kernel does not know, and for everybody.
func Plain(s haechi.Scope) (netip.Prefix, bool) {
	if s.Kind != haechi.ScopeAddress && s.Kind != haechi.ScopePrefix {
		return netip.Prefix{}, false
	}
	p := s.Prefix
	if !p.IsValid() || p.Addr().Is4In6() || p.Bits() < 1 {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(clientkey.Addr(p.Addr()), p.Bits()).Masked(), true
}

// Distinct are the prefixes that a kernel takes, sorted, each once.
func Distinct(ps []netip.Prefix) []netip.Prefix {
	all := make([]netip.Prefix, 0, len(ps))
	for _, p := range ps {
		if p, ok := Plain(haechi.Scope{Kind: haechi.ScopePrefix, Prefix: p}); ok {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	return slices.Compact(all)
}
