package pipeline

import (
	"iter"
	"time"

	"haechi"
)

// maxReplay bounds how many findings and decisions a replay keeps.
const maxReplay = 100_000

// Replayed is what a replay found.
type Replayed struct {
	Events    uint64 // observations, see [haechi.Event.N]
	Findings  []haechi.Finding
	Decisions []haechi.Decision
	// Dropped counts findings and decisions beyond the first 100,000 of each.
	Dropped uint64
	// Panics counts detectors and deciders that failed on an event.
	Panics uint64
}

// Replay runs recorded events, oldest first, through one shard: no queue, no
// goroutine, no clock but the events' own. The same events give the same result.
// Nothing is enforced or recorded. A nil decider only finds.
func Replay(events iter.Seq[*haechi.Event], detectors Detectors, decider Decider) *Replayed {
	deps := Deps{Detectors: detectors}.withDefaults()
	r := &replay{result: new(Replayed), decider: decider}
	r.cross = &shard{found: r.find, guard: newGuard(deps.Log), detectors: detectors.Cross}
	r.shard = &shard{found: r.find, guard: r.cross.guard, detectors: deps.Detectors.Actor(0, 1),
		rollup: newRollup(func(e *haechi.Event, _ uint64) { r.cross.handle(e) })}
	r.shard.rolls.Store(len(detectors.Cross) > 0)
	for e := range events {
		r.tick(e.Time)
		r.result.Events += e.N()
		r.shard.handle(e)
	}
	if !r.now.IsZero() {
		r.tick(r.now.Add(time.Second))
	}
	r.result.Panics = r.shard.guard.panics.v.Load()
	return r.result
}

type replay struct {
	shard, cross *shard
	decider      Decider
	now          time.Time // event time, never back
	result       *Replayed
}

// tick calls everybody's Tick when event time enters another second. A gap without
// events is one tick.
func (r *replay) tick(now time.Time) {
	if !now.After(r.now) {
		return
	}
	before := r.now
	r.now = now
	if second := now.Truncate(time.Second); second.After(before) && !before.IsZero() {
		r.shard.tick(second)
		r.cross.tick(second)
		if r.decider != nil {
			r.shard.guard.do("decider", func() { r.decider.Tick(second) })
		}
	}
}

func (r *replay) find(f *haechi.Finding) {
	r.result.Findings = r.keep(r.result.Findings, *f)
	if r.decider == nil {
		return
	}
	r.shard.guard.do("decider", func() {
		for _, d := range r.decider.Decide(f, r.now, nil) {
			if len(r.result.Decisions) < maxReplay {
				r.result.Decisions = append(r.result.Decisions, d)
			} else {
				r.result.Dropped++
			}
		}
	})
}

func (r *replay) keep(fs []haechi.Finding, f haechi.Finding) []haechi.Finding {
	if len(fs) < maxReplay {
		return append(fs, f)
	}
	r.result.Dropped++
	return fs
}
