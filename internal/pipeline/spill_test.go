package pipeline

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"haechi"
)

func TestSpillNeverLosesACount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSpill(rapid.IntRange(0, 8).Draw(t, "cap"))
		want := map[string]uint64{}
		for range rapid.IntRange(1, 400).Draw(t, "events") {
			e := haechi.Event{
				Kind:    haechi.Kind(rapid.IntRange(1, 4).Draw(t, "kind")),
				Outcome: haechi.Outcome(rapid.IntRange(0, 2).Draw(t, "outcome")),
				Service: fmt.Sprint(rapid.IntRange(0, 200).Draw(t, "service")),
				Count:   rapid.Uint64Range(0, 5).Draw(t, "count"),
			}
			want[e.Kind.String()+e.Outcome.String()] += e.N()
			s.add(&e, rapid.Uint64Range(0, 20).Draw(t, "actor"))
		}
		got := map[string]uint64{}
		s.each(func(e *haechi.Event) { got[e.Kind.String()+e.Outcome.String()] += e.N() })
		for k, n := range want {
			if got[k] != n {
				t.Fatalf("%s: %d of %d", k, got[k], n)
			}
		}
		if len(s.buckets) > maxBuckets+36 {
			t.Fatalf("%d buckets", len(s.buckets))
		}
	})
}

func TestMergedEventSaysOnlyWhatHoldsForAll(t *testing.T) {
	s := newSpill(4)
	a := haechi.Event{Kind: haechi.KindRequest, Path: "/login", Host: "shop", Status: 200, Time: time.Unix(9, 0), BytesIn: 3}
	b := a
	b.Path, b.Time, b.BytesIn = "/", time.Unix(8, 0), 4
	c := a
	c.Status = 401
	for _, e := range []haechi.Event{a, b, c} {
		s.add(&e, 1)
	}
	if len(s.events) != 2 {
		t.Fatalf("%d events, want the two statuses apart", len(s.events))
	}
	m := s.events[0]
	if m.Path != "" || m.Host != "shop" || m.Count != 2 || m.BytesIn != 7 || !m.Time.Equal(a.Time) {
		t.Errorf("merged: %+v", m)
	}
}

func TestOverflowEstimatesDistinctActors(t *testing.T) {
	s := newSpill(1)
	r := newRouter(4)
	for i := range 20_000 {
		actor, _ := r.of(&haechi.Actor{Assurance: haechi.Authenticated, Device: fmt.Sprint("bot/", i)})
		e := haechi.Event{Kind: haechi.KindMessage}
		for range 3 {
			s.add(&e, actor)
		}
	}
	var last haechi.Event
	s.each(func(e *haechi.Event) { last = *e })
	if last.Count != 59_997 || last.Distinct < 18_000 || last.Distinct > 22_000 {
		t.Errorf("count %d (want 59,997), distinct %d (want about 20,000)", last.Count, last.Distinct)
	}
	s.reset()
	s.each(func(*haechi.Event) { t.Error("a reset spill still holds something") })
}
