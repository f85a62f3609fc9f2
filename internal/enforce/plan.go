package enforce

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"haechi"
)

// tolerance is how far a read-back end may lie from the decided one: the kernel
// keeps timeouts of its own, in whole seconds.
const tolerance = 2 * time.Second

// byID is a set of decisions.
type byID map[haechi.Reference]haechi.Decision

// plan is what has to be done to one enforcer.
type plan struct {
	apply []haechi.Decision
	lift  []haechi.Reference
	added int // of apply, those that were missing
	drift Drift
}

// looks are what was desired at the last check, and before and after reading back
// in this one. Whatever an enforcer has that was desired at any of them is late,
// not drift: decisions are made first and enforced a moment later.
type looks struct{ last, before, after byID }

func (l *looks) ever(found *haechi.Decision) bool {
	for _, set := range []byID{l.last, l.before, l.after} {
		if d, ok := set[found.ID]; ok && same(&d, found) {
			return true
		}
	}
	return false
}

// plan compares what was found with what is desired now.
func (l *looks) plan(found []haechi.Decision, now time.Time, grace time.Duration) (p plan) {
	have := make(map[haechi.Reference]bool, len(found))
	for i := range found {
		f := &found[i]
		have[f.ID] = true
		want, wanted := l.after[f.ID]
		switch {
		case !wanted:
			p.lift = append(p.lift, f.ID)
			if !l.ever(f) && f.Open(now) {
				p.drift.Extra++
			}
		case !same(f, &want):
			p.apply = append(p.apply, want)
			if !l.ever(f) {
				p.drift.Changed++
			}
		}
	}
	for id, want := range l.after {
		if have[id] {
			continue
		}
		p.apply = append(p.apply, want)
		p.added++
		if _, was := l.before[id]; was && now.Sub(want.From) >= grace && !endsNow(&want, now) {
			p.drift.Missing++
		}
	}
	slices.SortFunc(p.apply, func(a, b haechi.Decision) int {
		return cmp.Or(a.From.Compare(b.From), strings.Compare(string(a.ID), string(b.ID)))
	})
	return p
}

// endsNow reports whether the decision ends about now, so that an enforcer whose
// clock was read a moment later may not have it any more.
func endsNow(d *haechi.Decision, now time.Time) bool {
	return !d.Until.IsZero() && d.Until.Sub(now) <= tolerance
}

// same reports whether two decisions mean the same to an enforcer.
func same(a, b *haechi.Decision) bool {
	if a.Scope != b.Scope || a.Service != b.Service || a.Action != b.Action || a.Until.IsZero() != b.Until.IsZero() {
		return false
	}
	return a.Until.Sub(b.Until).Abs() <= tolerance
}
