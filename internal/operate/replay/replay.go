package replay

import (
	"context"
	"time"

	"haechi"
)

// Source tells events, oldest first.
type Source interface {
	// Read calls emit for each event until there are no more. The event is used again
	// after the call. An error may come after events that count.
	Read(ctx context.Context, emit func(*haechi.Event)) error
	// Units is how many packets or lines have been read so far.
	Units() uint64
}

// Detector is as the pipeline's.
type Detector interface {
	Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding
	Tick(now time.Time, out []haechi.Finding) []haechi.Finding
}

// Found is a finding, and how much of the source had been read when it was made.
type Found struct {
	haechi.Finding
	Units uint64
}

// Passing is a source that also tells of time in which nothing happens.
type Passing interface {
	// Passes is called before Read with whom to tell.
	Passes(pass func(now time.Time))
}

// Run reads the source to its end and hands each finding to found, in order. tap sees
// every event and may be nil. The error is the source's.
func Run(ctx context.Context, s Source, detectors []Detector, tap func(*haechi.Event), found func(*Found)) error {
	r := &Runner{detectors: detectors, units: s.Units, told: func(f *haechi.Finding, units uint64) { found(&Found{*f, units}) }}
	emit := r.Event
	if tap != nil {
		emit = func(e *haechi.Event) {
			tap(e)
			r.Event(e)
		}
	} else if d, ok := alone(detectors); ok {
		r.wave.by = d
		emit = func(e *haechi.Event) { r.later(e, s.Units()) }
	}
	if p, ok := s.(Passing); ok {
		p.Passes(r.Pass)
	}
	err := s.Read(ctx, emit)
	r.End()
	return err
}

// Runner hands events to detectors, and lets them notice that time passes, on one
// goroutine. Whether the events are those of a file or of the wire, the same ones give
// the same findings.
type Runner struct {
	detectors []Detector
	told      func(f *haechi.Finding, units uint64)
	units     func() uint64
	now       time.Time // event time, never back
	out       []haechi.Finding
	wave      wave
}

// NewRunner returns a runner that hands what the detectors find to found.
func NewRunner(detectors []Detector, found func(*haechi.Finding)) *Runner {
	return &Runner{detectors: detectors, units: func() uint64 { return 0 }, told: func(f *haechi.Finding, _ uint64) { found(f) }}
}

// Swap exchanges the detectors. What the old ones had counted is gone with them.
func (r *Runner) Swap(detectors []Detector) { r.detectors = detectors }

// Event takes the next event.
func (r *Runner) Event(e *haechi.Event) {
	r.Pass(e.Time)
	for _, d := range r.detectors {
		r.out = d.Observe(e, r.out[:0])
		r.tell()
	}
}

// Pass lets time pass. A gap is one tick.
func (r *Runner) Pass(now time.Time) {
	if !now.After(r.now) {
		return
	}
	if now.Unix() != r.now.Unix() && !r.now.IsZero() {
		r.tick(now)
	}
	r.now = now
}

// End lets the detectors notice the last second's end.
func (r *Runner) End() {
	if !r.now.IsZero() {
		r.tick(r.now.Add(time.Second))
	}
}

func (r *Runner) tick(now time.Time) {
	r.flush()
	for _, d := range r.detectors {
		r.out = d.Tick(now, r.out[:0])
		r.tell()
	}
}

func (r *Runner) tell() {
	for i := range r.out {
		r.told(&r.out[i], r.units())
	}
}
