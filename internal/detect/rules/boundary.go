package rules

import (
	"fmt"
	"math"
	"time"

	"haechi"
	"haechi/internal/brick/window"
)

// boundaries tries the threshold N, with events made after the first of the rule's
// examples that it counts: N-1 and N must be silent, N+1 must fire. It also tries
// the edge of the window where that is exact.
func (r *rule) boundaries() (wrong []string) {
	template, ok := r.template()
	if !ok {
		return []string{r.id + ": no example has an event that the rule counts, so its threshold cannot be tried"}
	}
	try := func(what string, events []haechi.Event, want bool) {
		if got := r.play(events) > 0; got != want {
			wrong = append(wrong, fmt.Sprintf("%s: %s of threshold %v: fired %v, want %v", r.id, what, r.threshold, got, want))
		}
	}
	if r.agg == aggRatio {
		try("exactly the share", r.share(template, 0), false)
		try("just over the share", r.share(template, 1), true)
		return wrong
	}
	n := int(r.threshold)
	if n > 0 {
		try("N-1", r.amount(template, n-1), false)
	}
	try("N", r.amount(template, n), false)
	try("N+1", r.amount(template, n+1), true)
	if r.agg == aggCount && r.hours == nil && n > 0 && n <= window.MaxExact {
		try("N+1 within a window less 1 ns", r.edge(template, n, r.window-1), true)
		try("N and one more a whole window later", r.edge(template, n, r.window), false)
	}
	return wrong
}

// template is the first event of the must-fire examples that the rule counts.
func (r *rule) template() (haechi.Event, bool) {
	s := newState(r.fresh(), minKeys)
	for i := range r.mustFire {
		for _, e := range r.mustFire[i].events() {
			in := true
			if r.hours != nil {
				_, in = r.hours.period(e.Time, e.Service)
			}
			if in && s.subject(&e) != haechi.ScopeNone && s.counts(&e) {
				e.Count = 0
				return e, true
			}
		}
	}
	return haechi.Event{}, false
}

// amount makes events that come to n by the rule's own measure, within one window.
func (r *rule) amount(e haechi.Event, n int) []haechi.Event {
	if r.agg == aggSum {
		*r.field.size(&e) = int64(n)
		return []haechi.Event{e}
	}
	if r.agg == aggCount && n > window.MaxExact {
		e.Count = uint64(n)
		return []haechi.Event{e}
	}
	if r.agg == aggChanges {
		n++ // the first value is no change
	}
	out := make([]haechi.Event, max(0, n))
	step := r.window / time.Duration(4*(n+1)+1)
	if r.hours != nil {
		step = 1 // the example's event may be the last of its period
	}
	for i := range out {
		e.Time = e.Time.Add(step)
		out[i] = e
		if r.field.text != nil && r.agg != aggCount {
			*r.field.text(&out[i]) = fmt.Sprint("value ", i)
		}
	}
	return out
}

// edge makes n events at one instant and one more later.
func (r *rule) edge(e haechi.Event, n int, later time.Duration) []haechi.Event {
	out := make([]haechi.Event, n+1)
	for i := range out {
		out[i] = e
	}
	out[n].Time = e.Time.Add(later)
	return out
}

// share makes two events that stand for a thousand or more, of which the
// threshold's share, and so many over it, are failures. They come last, so that
// only the end tells.
func (r *rule) share(e haechi.Event, over uint64) []haechi.Event {
	all := max(1000, r.min)
	good, bad := e, e
	bad.Outcome, bad.Count = haechi.Failure, uint64(math.Floor(r.threshold*float64(all)))+over
	good.Outcome, good.Count = haechi.Success, all-bad.Count
	if bad.Count == 0 {
		return []haechi.Event{good}
	}
	return []haechi.Event{good, bad}
}
