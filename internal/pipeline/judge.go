package pipeline

import (
	"context"
	"log/slog"
	"time"

	"haechi"
)

// judge is the one goroutine that turns findings into decisions in force. A
// decision is applied first and recorded beside that.
type judge struct {
	deps    Deps
	timeout time.Duration
	queue   chan haechi.Finding
	ended   chan struct{}
	guard   *guard
	ds      []haechi.Decision // reused

	findings, decisions, failed counter
}

func newJudge(c Config, d Deps, g *guard) *judge {
	return &judge{deps: d, timeout: c.ApplyTimeout, guard: g,
		queue: make(chan haechi.Finding, c.Findings), ended: make(chan struct{})}
}

// put waits while the queue is full; after the end it does nothing.
func (j *judge) put(f *haechi.Finding) {
	select {
	case j.queue <- *f:
	case <-j.ended:
	}
}

func (j *judge) run(ctx context.Context, stop <-chan struct{}) {
	defer close(j.ended)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case f := <-j.queue:
			j.rule(ctx, &f)
		case <-tick.C:
			if j.deps.Decider != nil {
				j.guard.do("decider", func() { j.deps.Decider.Tick(j.deps.Now()) })
			}
		case <-stop:
			j.drain(ctx)
			return
		}
	}
}

func (j *judge) drain(ctx context.Context) {
	for {
		select {
		case f := <-j.queue:
			j.rule(ctx, &f)
		default:
			return
		}
	}
}

// rule is the way of one finding: decided, enforced, recorded.
func (j *judge) rule(ctx context.Context, f *haechi.Finding) {
	j.findings.add(1)
	j.ds = j.ds[:0]
	if j.deps.Decider != nil {
		j.guard.do("decider", func() { j.ds = j.deps.Decider.Decide(f, j.deps.Now(), j.ds) })
	}
	j.enforce(ctx)
	if j.deps.Recorder == nil {
		return
	}
	j.guard.do("recorder", func() {
		j.deps.Recorder.RecordFinding(f)
		for i := range j.ds {
			j.deps.Recorder.RecordDecision(&j.ds[i])
		}
	})
}

// enforce applies the decisions. An enforcer that fails is counted and logged; what
// is missing there is the reconciler's to repair.
func (j *judge) enforce(ctx context.Context) {
	if len(j.ds) == 0 {
		return
	}
	j.decisions.add(uint64(len(j.ds)))
	if j.deps.Enforcer == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, j.timeout)
	defer cancel()
	j.guard.do("enforcer", func() {
		if err := j.deps.Enforcer.Apply(ctx, j.ds); err != nil {
			j.failed.add(1)
			j.deps.Log.Error("decisions not enforced", slog.Int("decisions", len(j.ds)), slog.Any("error", err))
		}
	})
}
