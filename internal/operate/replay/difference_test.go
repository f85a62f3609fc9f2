package replay_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/replay"
)

func at(second int) time.Time {
	return time.Date(2026, 11, 1, 9, 0, second, 0, time.UTC)
}

// finding is one of an attack that began and goes on.
func finding(rule, source string, incident string, first, last int, change func(*haechi.Finding)) *replay.Found {
	f := &replay.Found{Units: uint64(last)}
	f.Rule, f.Incident, f.First, f.Last, f.Time = rule, haechi.Reference(incident), at(first), at(last), at(last)
	f.Severity, f.Mode, f.Observed, f.Threshold = haechi.Medium, haechi.Shadow, 11, 10
	if source != "" {
		f.Addr = netip.MustParseAddr(source)
	}
	if change != nil {
		change(&f.Finding)
	}
	return f
}

func collect(found ...*replay.Found) *replay.Incidents {
	i := &replay.Incidents{}
	for _, f := range found {
		i.Add(f)
	}
	return i
}

func told(ds []replay.Difference) (out []string) {
	for _, d := range ds {
		kind := "changed"
		if d.Before == nil {
			kind = "gained"
		} else if d.After == nil {
			kind = "lost"
		}
		i := d.Incident()
		out = append(out, fmt.Sprintf("%s %s %s %d %v", kind, i.Rule, i.Addr, i.First.Second(), d.Fields))
	}
	return out
}

func TestDifferences(t *testing.T) {
	target := func(a string) func(*haechi.Finding) {
		return func(f *haechi.Finding) { f.Target = netip.MustParsePrefix(a) }
	}
	before := collect(
		finding("scan", "10.0.0.1", "A", 1, 5, nil), finding("scan", "10.0.0.1", "A", 1, 9, func(f *haechi.Finding) { f.Observed = 40 }),
		finding("scan", "10.0.0.2", "B", 2, 6, nil),
		finding("scan", "10.0.0.3", "C", 3, 4, nil), finding("scan", "10.0.0.3", "D", 30, 34, nil),
		finding("flood", "", "E", 7, 8, target("192.0.2.1/32")), finding("flood", "", "F", 7, 8, target("192.0.2.2/32")),
		finding("odd", "10.0.0.5", "", 20, 20, nil), finding("odd", "10.0.0.5", "", 21, 21, nil),
	)
	after := collect(
		finding("scan", "10.0.0.1", "A2", 1, 7, func(f *haechi.Finding) { f.Severity, f.Observed = haechi.High, 40 }),
		finding("scan", "10.0.0.2", "B", 2, 6, nil),
		finding("scan", "10.0.0.3", "D", 30, 34, nil), finding("scan", "10.0.0.4", "G", 10, 11, nil),
		finding("flood", "", "E", 7, 8, func(f *haechi.Finding) {
			target("192.0.2.1/32")(f)
			f.Mode, f.Want, f.For, f.Score, f.Threshold = haechi.Enforce, haechi.Deny, time.Hour, 5, 9
		}),
		finding("odd", "10.0.0.5", "", 21, 21, nil),
	)
	ds, equal := replay.Differences(before, after)
	want := []string{
		"changed scan 10.0.0.1 1 [severity detected]",
		"lost scan 10.0.0.3 3 []",
		"lost flood invalid IP 7 []",
		"changed flood invalid IP 7 [mode action for score threshold]",
		"gained scan 10.0.0.4 10 []",
		"lost odd 10.0.0.5 20 []",
	}
	got := told(ds)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || equal != 3 {
		t.Errorf("%d are the same, and\n%q, not\n%q", equal, got, want)
	}
	if !slices.IsSortedFunc(ds, func(a, b replay.Difference) int { return a.Incident().First.Compare(b.Incident().First) }) {
		t.Error("not by time")
	}
	if ds, equal := replay.Differences(after, after); len(ds) > 0 || equal != 6 {
		t.Errorf("of itself it differs in %q", told(ds))
	}
	if ds, equal := replay.Differences(&replay.Incidents{}, &replay.Incidents{}); len(ds)+equal > 0 {
		t.Error("nothing differs from nothing")
	}
}

// ticking tells three events, and of time without any.
type ticking struct {
	pass func(time.Time)
	n    uint64
}

func (s *ticking) Passes(f func(time.Time)) { s.pass = f }
func (s *ticking) Units() uint64            { return s.n }
func (s *ticking) Read(_ context.Context, emit func(*haechi.Event)) error {
	for i := range 3 {
		s.n++
		emit(&haechi.Event{Time: at(i)})
	}
	s.pass(at(8))
	return context.Canceled
}

// every finds every n-th event, and one for each tick.
type every struct{ n, seen, ticks int }

func (d *every) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if d.seen++; d.seen%d.n == 0 {
		out = append(out, haechi.Finding{Rule: fmt.Sprint("every ", d.n), Time: e.Time})
	}
	return out
}

func (d *every) Tick(time.Time, []haechi.Finding) []haechi.Finding { d.ticks++; return nil }

// Both sides see every event and every second that passes, and what they find is told
// apart.
func TestCompareRunsBothSidesOverTheSameEvents(t *testing.T) {
	a, b := &every{n: 1}, &every{n: 2}
	var got []string
	err := replay.Compare(t.Context(), &ticking{}, []replay.Detector{a}, []replay.Detector{b}, func(changed bool, f *replay.Found) {
		got = append(got, fmt.Sprint(changed, f.Rule, f.Units))
	})
	if want := []string{"falseevery 11", "falseevery 12", "trueevery 22", "falseevery 13"}; !slices.Equal(got, want) || err != context.Canceled {
		t.Errorf("%q, %v", got, err)
	}
	if a.seen != 3 || b.seen != 3 || a.ticks != 4 || b.ticks != a.ticks {
		t.Errorf("%+v, %+v", a, b)
	}
}
