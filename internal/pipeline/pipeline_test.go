package pipeline_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"haechi"
	"haechi/internal/pipeline"
)

func TestAnEventsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dec := &deny{}
		h := newHarness(pipeline.Config{Shards: 1}, dec)
		h.start()
		h.Emit(&haechi.Event{Time: start, Kind: haechi.KindAuth, Outcome: haechi.Failure, Actor: from(1)})
		time.Sleep(3 * time.Second) // fake time
		synctest.Wait()
		h.stop(t)
		if len(h.tapped) != 1 || len(h.events) != 1 || len(h.findings) != 1 || len(h.decisions) != 1 {
			t.Fatalf("%d shown, %d recorded, %d findings, %d decisions; want one of each",
				len(h.tapped), len(h.events), len(h.findings), len(h.decisions))
		}
		apply, decision := slices.Index(h.log, "apply"), slices.Index(h.log, "decision")
		if apply < 0 || apply > decision {
			t.Errorf("a decision must be in force before it is journalled: %v", h.log)
		}
		if dec.ticks != 3 || len(h.detectors[0].ticks) < 3 {
			t.Errorf("in 3 s the decider ticked %d times, the detector %d", dec.ticks, len(h.detectors[0].ticks))
		}
	})
}

func TestOneActorOneShardInOrder(t *testing.T) {
	h := newHarness(pipeline.Config{Shards: 4}, nil)
	h.start()
	for i := range 4000 {
		h.Emit(&haechi.Event{Time: start, Kind: haechi.KindRequest, Actor: from(i % 50), Session: uint64(i)})
	}
	h.stop(t)
	home := map[string]int{}
	busy := 0
	for s, d := range h.detectors {
		last := map[string]uint64{}
		if len(d.seen) > 0 {
			busy++
		}
		for _, e := range d.seen {
			who := e.Addr.String()
			if at, ok := home[who]; ok && at != s {
				t.Fatalf("%s is on shards %d and %d", who, at, s)
			}
			if home[who] = s; e.Session < last[who] {
				t.Fatalf("%s: %d after %d", who, e.Session, last[who])
			}
			last[who] = e.Session
		}
	}
	if busy < 2 {
		t.Errorf("%d of 4 shards work", busy)
	}
}

func TestActorIsTheDeviceOnlyOnceAuthenticated(t *testing.T) {
	h := newHarness(pipeline.Config{Shards: 16}, nil)
	h.start()
	for i := range 64 {
		a := from(i)
		a.Device, a.Assurance = "bot/1", haechi.Authenticated
		h.Emit(&haechi.Event{Time: start, Kind: haechi.KindMessage, Actor: a})
		a.Assurance = haechi.Handshaken // a mere claim
		h.Emit(&haechi.Event{Time: start, Kind: haechi.KindAuth, Actor: a})
	}
	h.stop(t)
	proved, claimed := 0, 0
	for _, d := range h.detectors {
		if slices.ContainsFunc(d.seen, func(e haechi.Event) bool { return e.Kind == haechi.KindMessage }) {
			proved++
		}
		if slices.ContainsFunc(d.seen, func(e haechi.Event) bool { return e.Kind == haechi.KindAuth }) {
			claimed++
		}
	}
	if proved != 1 || claimed < 2 {
		t.Errorf("one device from 64 addresses: proved on %d shards (want 1), claimed on %d (want many)", proved, claimed)
	}
}

func TestAllowedActorsAreShownAndNeverJudged(t *testing.T) {
	h := newHarness(pipeline.Config{Shards: 1}, &deny{})
	a := from(1)
	a.Allowed = true
	h.start()
	for range 100 {
		h.Emit(&haechi.Event{Time: start, Kind: haechi.KindAuth, Outcome: haechi.Failure, Actor: a})
	}
	h.stop(t)
	if len(h.detectors[0].seen) != 0 || len(h.cross.seen) != 0 || len(h.findings) != 0 {
		t.Errorf("a detector saw an allowed actor")
	}
	if len(h.tapped) != 100 || len(h.events) != 100 {
		t.Errorf("%d shown and %d recorded of 100", len(h.tapped), len(h.events))
	}
}

func TestPanicsDoNotSpread(t *testing.T) {
	h := newHarness(pipeline.Config{Shards: 1}, &deny{})
	h.start()
	for range 3 {
		h.Emit(&haechi.Event{Time: start, Text: "panic", Actor: from(1)})
	}
	h.Emit(&haechi.Event{Time: start, Outcome: haechi.Failure, Actor: from(1)})
	h.stop(t)
	if got := h.stat(t, "pipeline_panics"); got < 3 {
		t.Errorf("%d panics counted, want 3", got)
	}
	if len(h.events) != 4 || len(h.findings) != 1 {
		t.Errorf("after a panic %d events and %d findings; want 4 and 1", len(h.events), len(h.findings))
	}
}

func TestEnforcerFailureIsCountedAndRecorded(t *testing.T) {
	h := newHarness(pipeline.Config{Shards: 1}, &deny{reason: "fail"})
	h.start()
	h.Emit(&haechi.Event{Time: start, Outcome: haechi.Failure, Actor: from(1)})
	h.stop(t)
	if h.stat(t, "pipeline_enforce_failures") != 1 || len(h.decisions) != 1 {
		t.Error("a failed enforcer must be counted, and the decision kept for the reconciler")
	}
}

func TestEmitNeverBlocksAndLosesNoCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		h := newHarness(pipeline.Config{Shards: 1, Queue: 8, Coalesce: 4, Findings: 1}, &deny{gate: gate})
		h.start()
		const n = 10_000
		for i := range n { // the decider stands still, so the shard does, so the queue fills
			h.Emit(&haechi.Event{Time: start, Kind: haechi.KindAuth, Outcome: haechi.Failure, Service: "bots", Actor: from(i)})
			if i%100 == 0 {
				time.Sleep(2 * time.Millisecond) // fake time: let it take what it can
			}
		}
		close(gate)
		synctest.Wait()
		h.stop(t)
		if got := total(h.tapped); got != n {
			t.Errorf("%d of %d observations arrived", got, n)
		}
		if got := total(h.events); got != n {
			t.Errorf("%d of %d observations recorded", got, n)
		}
		if got := total(h.cross.seen); got != n {
			t.Errorf("%d of %d observations rolled up", got, n)
		}
		if h.stat(t, "pipeline_overflow") == 0 || h.stat(t, "pipeline_events") != n {
			t.Errorf("stats: %v", h.Stats())
		}
	})
}

func TestAfterTheEndNothingBlocks(t *testing.T) {
	h := newHarness(pipeline.Config{Shards: 2, Findings: 1}, &deny{})
	h.start()
	h.stop(t)
	for i := range 10 {
		h.Emit(&haechi.Event{Time: start, Actor: from(i)})
		h.Find(&haechi.Finding{})
	}
	if got := h.stat(t, "pipeline_after_end"); got != 10 {
		t.Errorf("%d late events counted, want 10", got)
	}
	if err := h.Run(t.Context()); haechi.KindOf(err) != haechi.Conflict {
		t.Errorf("a second Run: %v", err)
	}
}

func TestInjectedFindingIsJudged(t *testing.T) {
	h := newHarness(pipeline.Config{Shards: 1}, &deny{})
	h.start()
	h.Find(&haechi.Finding{Rule: "console/login"})
	h.stop(t)
	if len(h.decisions) != 1 || h.decisions[0].Rule != "console/login" {
		t.Errorf("decisions: %+v", h.decisions)
	}
}

func TestSwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(pipeline.Config{Shards: 1}, nil)
		h.start()
		e := haechi.Event{Time: start, Actor: from(1)}
		h.Emit(&e)
		time.Sleep(time.Second)
		synctest.Wait()
		fresh := new(every)
		h.Swap(pipeline.Detectors{Actor: func(int, int) []pipeline.Detector { return []pipeline.Detector{fresh} }})
		h.Emit(&e)
		h.stop(t)
		if len(h.detectors[0].seen) != 1 || len(fresh.seen) != 1 {
			t.Errorf("old detector saw %d, new one %d; want 1 and 1", len(h.detectors[0].seen), len(fresh.seen))
		}
	})
}

func TestRollups(t *testing.T) {
	h := newHarness(pipeline.Config{Shards: 1}, nil)
	h.start()
	for i := range 3000 { // 1,000 a second, two services
		h.Emit(&haechi.Event{Time: start.Add(time.Duration(i) * time.Millisecond), Kind: haechi.KindRequest,
			Service: fmt.Sprint("s", i%2), Path: fmt.Sprint(i), Actor: from(i)})
	}
	h.stop(t)
	if len(h.cross.seen) != 6 {
		t.Errorf("%d roll-ups, want 2 services in 3 seconds", len(h.cross.seen))
	}
	for _, e := range h.cross.seen {
		if e.Count != 500 || e.Path != "" || e.Addr.IsValid() {
			t.Errorf("roll-up %+v", e)
		}
	}
}

// TestMemoryIsFlat pushes many sources through a small pipeline; the benchmark in
// bench/sources does it with 10,000,000 and the shipped rules.
func TestMemoryIsFlat(t *testing.T) {
	p := pipeline.New(pipeline.Config{Shards: 2, Queue: 512, Coalesce: 256}, pipeline.Deps{Recorder: discard{}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	defer func() { cancel(); <-done }()
	push := func(from1, to int) uint64 {
		for i := from1; i < to; i++ {
			e := haechi.Event{Time: start, Kind: haechi.KindAuth, Outcome: haechi.Failure, Actor: from(i), Ref: haechi.Reference(fmt.Sprint(i))}
			p.Emit(&e)
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	early := push(0, 50_000)
	late := push(50_000, 250_000)
	if late > early+4<<20 {
		t.Errorf("heap grew from %d to %d KiB over 200,000 more sources", early>>10, late>>10)
	}
}

type discard struct{}

func (discard) RecordEvent(*haechi.Event)       {}
func (discard) RecordFinding(*haechi.Finding)   {}
func (discard) RecordDecision(*haechi.Decision) {}

func TestEmitAllocatesNothing(t *testing.T) {
	p := pipeline.New(pipeline.Config{Shards: 2, Queue: 4096}, pipeline.Deps{})
	e := haechi.Event{Time: start, Kind: haechi.KindRequest, Actor: from(1)}
	if n := testing.AllocsPerRun(2000, func() { p.Emit(&e) }); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
}

// A queue that rested takes as much as one that did not.
func TestRestKeepsTheBound(t *testing.T) {
	const most = 600
	p := pipeline.New(pipeline.Config{Shards: 1, Queue: most, Coalesce: 1}, pipeline.Deps{Recorder: discard{}})
	e := haechi.Event{Kind: haechi.KindConnect}
	for range 2 {
		p.Rest() // also with events that wait: they stay
		for range most / 2 {
			p.Emit(&e)
		}
	}
	coalesced := func() (n uint64) {
		for _, c := range p.Stats() {
			if c.Name == "pipeline_coalesced" {
				n += c.Value
			}
		}
		return n
	}
	if n := coalesced(); n != 0 {
		t.Errorf("%d events were coalesced before the queue was full", n)
	}
	for range 3 {
		p.Emit(&e)
	}
	if n := coalesced(); n != 3 {
		t.Errorf("%d of 3 events beyond the bound were coalesced", n)
	}
}

// What failed is judged within a millisecond, whether it comes into silence or into a
// stream of what is in order, which is looked at every four.
func TestWhatFailedIsJudgedSoon(t *testing.T) {
	for name, before := range map[string]int{"into silence": 0, "into a batch": 1, "into a stream": 40} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(pipeline.Config{Shards: 1}, &deny{})
				h.start()
				for range before {
					h.Emit(&haechi.Event{Time: start, Kind: haechi.KindRequest, Outcome: haechi.Success, Actor: from(1)})
					time.Sleep(300 * time.Microsecond)
				}
				h.Emit(&haechi.Event{Time: start, Kind: haechi.KindAuth, Outcome: haechi.Failure, Actor: from(1)})
				time.Sleep(time.Millisecond)
				synctest.Wait()
				if len(h.decisions) != 1 {
					t.Errorf("%d decisions", len(h.decisions))
				}
				h.stop(t)
			})
		})
	}
}

// What is in order waits for others, and 4 ms at most, whatever came before it.
func TestWhatIsInOrderWaitsForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(pipeline.Config{Shards: 1}, nil)
		h.start()
		h.Emit(&haechi.Event{Time: start, Kind: haechi.KindRequest, Outcome: haechi.Success, Actor: from(1)})
		time.Sleep(3 * time.Millisecond)
		synctest.Wait()
		if len(h.tapped) != 0 {
			t.Error("it was not waited for others")
		}
		for i := range 30 { // silences between, shorter and longer than a shard lingers
			h.Emit(&haechi.Event{Time: start, Kind: haechi.KindRequest, Outcome: haechi.Success, Actor: from(1)})
			time.Sleep(time.Duration(i) * time.Millisecond / 2)
		}
		time.Sleep(4 * time.Millisecond)
		synctest.Wait()
		if len(h.tapped) != 31 {
			t.Errorf("%d of 31 events are shown", len(h.tapped))
		}
		h.stop(t)
	})
}
