package pipeline

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
)

// Pipeline carries events from the gates to everything that is not in-band.
//
//	Emit ─▶ shard queue ─▶ taps, detectors, records ─▶ findings ─▶ judge: decide, enforce, record
//	                            └─▶ roll-ups ─▶ cross shard ───────────┘
type Pipeline struct {
	cfg    Config
	deps   Deps
	route  router
	shards []*shard
	cross  *shard
	judge  *judge
	guard  *guard
	ran    atomic.Bool
}

// New builds a pipeline; [Pipeline.Run] starts it. Events emitted before that wait
// in the queues.
func New(cfg Config, deps Deps) *Pipeline {
	cfg, deps = cfg.withDefaults(), deps.withDefaults()
	p := &Pipeline{cfg: cfg, deps: deps, route: newRouter(cfg.Shards), guard: newGuard(deps.Log)}
	p.judge = newJudge(cfg, deps, p.guard)
	p.cross = &shard{queue: newQueue(cfg), found: p.judge.put, now: deps.Now, guard: p.guard}
	for range cfg.Shards {
		s := &shard{queue: newQueue(cfg), found: p.judge.put, now: deps.Now, guard: p.guard, taps: deps.Taps}
		s.rollup = newRollup(p.cross.queue.put)
		if deps.Recorder != nil {
			s.record = newDedupe(cfg.References, deps.Recorder.RecordEvent)
		}
		p.shards = append(p.shards, s)
	}
	p.Swap(deps.Detectors)
	return p
}

// Emit takes a copy of the event. It never blocks and never fails; it may be called
// from any goroutine. After the end of Run events are only counted.
func (p *Pipeline) Emit(e *haechi.Event) {
	actor, i := p.route.of(&e.Actor)
	p.shards[i].queue.put(e, actor)
}

// Find injects a finding that no detector of the pipeline made. It waits while the
// queue of findings is full, and does nothing after the end of Run.
func (p *Pipeline) Find(f *haechi.Finding) { p.judge.put(f) }

// Rest gives back the memory that the queues took in a busy time.
func (p *Pipeline) Rest() {
	p.cross.queue.rest()
	for _, s := range p.shards {
		s.queue.rest()
	}
}

// Swap exchanges the detectors: each shard takes the new ones before its next
// batch. What the old ones had counted is gone with them.
func (p *Pipeline) Swap(d Detectors) {
	if d.Actor == nil {
		d.Actor = func(int, int) []Detector { return nil }
	}
	for i, s := range p.shards {
		s.swap(d.Actor(i, len(p.shards)))
		s.rolls.Store(len(d.Cross) > 0)
	}
	p.cross.swap(d.Cross)
}

// Run carries events until ctx ends. Then it finishes, in order, what is queued in
// the shards, the roll-ups and the findings, and returns nil. It runs once.
func (p *Pipeline) Run(ctx context.Context) error {
	if p.ran.Swap(true) {
		return &haechi.Error{Kind: haechi.Conflict, Op: "run pipeline", Msg: "it ran already"}
	}
	var shards, cross, judge sync.WaitGroup
	crossStop, judgeStop := make(chan struct{}), make(chan struct{})
	judge.Go(func() { p.judge.run(context.WithoutCancel(ctx), judgeStop) })
	cross.Go(func() { p.cross.run(crossStop, p.cfg.Linger) })
	for _, s := range p.shards {
		shards.Go(func() { s.run(ctx.Done(), p.cfg.Linger) })
	}
	shards.Wait()
	close(crossStop)
	cross.Wait()
	close(judgeStop)
	judge.Wait()
	return nil
}

// shard owns the detectors of its actors. All of its state but the queue belongs to
// the goroutine of run.
type shard struct {
	queue     *queue
	detectors []Detector
	next      atomic.Pointer[[]Detector] // set by swap, taken before a batch
	rolls     atomic.Bool                // whether anybody wants roll-ups
	rollup    *rollup                    // nil on the cross shard
	record    *dedupe                    // nil on the cross shard
	taps      []Tap
	found     func(*haechi.Finding)
	findings  []haechi.Finding // reused
	now       func() time.Time
	guard     *guard
}

func (s *shard) swap(d []Detector) { s.next.Store(&d) }

func (s *shard) renew() {
	if d := s.next.Swap(nil); d != nil {
		s.detectors = *d
	}
}

func (s *shard) run(stop <-chan struct{}, linger time.Duration) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	pause := time.NewTimer(linger)
	defer pause.Stop()
	// While events come it looks after them by the clock: being woken by the first of each
	// batch as well would double what a steady stream costs.
	idle, soon := s.queue.some, false
	for {
		select {
		case <-idle:
			if idle = nil; !soon {
				pause.Reset(linger)
			}
			continue
		case <-s.queue.hurry:
			soon = true
			pause.Reset(min(linger, hurried))
			continue
		case <-s.queue.plenty:
		case <-pause.C:
		case <-tick.C:
			s.tick(s.now())
			continue
		case <-stop:
			s.queue.close()
			s.work()
			s.finish(s.now())
			return
		}
		soon = false
		if idle = s.queue.some; s.work() {
			idle = nil
			pause.Reset(linger)
		}
	}
}

// work handles all that waits, and reports whether anything did.
func (s *shard) work() bool {
	s.renew()
	batch, spilled := s.queue.take()
	for i := range batch {
		s.handle(&batch[i])
	}
	spilled.each(s.handle)
	s.queue.done(batch, spilled)
	return len(batch) > 0
}

// handle is the way of one event: shown, detected, recorded.
func (s *shard) handle(e *haechi.Event) {
	for _, t := range s.taps {
		s.guard.tap(t, e)
	}
	if !e.Allowed {
		for _, d := range s.detectors {
			s.findings = s.guard.observe(d, e, s.findings)
		}
		s.pass()
		if s.rollup != nil && s.rolls.Load() {
			s.rollup.add(e)
		}
	}
	if s.record != nil {
		s.guard.do("recorder", func() { s.record.take(e) })
	}
}

func (s *shard) tick(now time.Time) {
	s.renew()
	for _, d := range s.detectors {
		s.findings = s.guard.tick(d, now, s.findings)
	}
	s.pass()
	if s.rollup != nil {
		s.rollup.flush()
	}
	if s.record != nil {
		s.guard.do("recorder", func() { s.record.tick(now) })
	}
}

// finish passes on what is being held back.
func (s *shard) finish(now time.Time) {
	s.tick(now)
	if s.record != nil {
		s.guard.do("recorder", s.record.flush)
	}
}

// pass hands over the findings made so far.
func (s *shard) pass() {
	for i := range s.findings {
		s.found(&s.findings[i])
	}
	clear(s.findings)
	s.findings = s.findings[:0]
}
