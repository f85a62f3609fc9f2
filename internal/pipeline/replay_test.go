package pipeline_test

import (
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"net/netip"

	"haechi"
	"haechi/internal/pipeline"
)

func recorded(n int) iter.Seq[*haechi.Event] {
	return func(yield func(*haechi.Event) bool) {
		for i := range n {
			e := haechi.Event{Time: start.Add(time.Duration(i) * 100 * time.Millisecond), Kind: haechi.KindAuth,
				Outcome: haechi.Outcome(i % 3), Service: "bots", Actor: from(i % 7)}
			if !yield(&e) {
				return
			}
		}
	}
}

func TestReplayIsDeterministic(t *testing.T) {
	run := func() (*pipeline.Replayed, *every, *every) {
		actor, cross := new(every), new(every)
		return pipeline.Replay(recorded(200), pipeline.Detectors{
			Actor: func(int, int) []pipeline.Detector { return []pipeline.Detector{actor} },
			Cross: []pipeline.Detector{cross},
		}, &deny{}), actor, cross
	}
	a, actor, cross := run()
	b, _, _ := run()
	if d := cmp.Diff(a, b, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); d != "" {
		t.Error(d)
	}
	if a.Events != 200 || len(a.Decisions) != len(a.Findings) || len(a.Findings) < 66 {
		t.Errorf("%d events, %d findings, %d decisions", a.Events, len(a.Findings), len(a.Decisions))
	}
	if len(actor.ticks) != 20 || !actor.ticks[0].Equal(start.Add(time.Second)) {
		t.Errorf("20 s of events tick %d times, first at %v", len(actor.ticks), actor.ticks[0])
	}
	if total(cross.seen) != 200 {
		t.Errorf("%d of 200 rolled up", total(cross.seen))
	}
	if d := a.Decisions[0].From; !d.Equal(a.Findings[0].Time) {
		t.Errorf("a replayed decision is of event time %v, not %v", a.Findings[0].Time, d)
	}
}

func TestReplayOfNothing(t *testing.T) {
	r := pipeline.Replay(recorded(0), pipeline.Detectors{}, nil)
	if r.Events != 0 || len(r.Findings) != 0 {
		t.Errorf("%+v", r)
	}
}
