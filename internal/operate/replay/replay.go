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

// Run reads the source to its end and hands each finding to found, in order. tap sees
// every event and may be nil. The error is the source's.
func Run(ctx context.Context, s Source, detectors []Detector, tap func(*haechi.Event), found func(*Found)) error {
	r := &runner{source: s, detectors: detectors, tap: tap, found: found}
	err := s.Read(ctx, r.event)
	if !r.now.IsZero() {
		r.tick(r.now.Add(time.Second))
	}
	return err
}

type runner struct {
	source    Source
	detectors []Detector
	tap       func(*haechi.Event)
	found     func(*Found)
	now       time.Time // event time, never back
	out       []haechi.Finding
}

func (r *runner) event(e *haechi.Event) {
	if e.Time.After(r.now) {
		if e.Time.Unix() != r.now.Unix() && !r.now.IsZero() {
			r.tick(e.Time)
		}
		r.now = e.Time
	}
	if r.tap != nil {
		r.tap(e)
	}
	for _, d := range r.detectors {
		r.out = d.Observe(e, r.out[:0])
		r.tell()
	}
}

// tick lets the detectors notice that time has passed. A gap without events is one tick.
func (r *runner) tick(now time.Time) {
	for _, d := range r.detectors {
		r.out = d.Tick(now, r.out[:0])
		r.tell()
	}
}

func (r *runner) tell() {
	for i := range r.out {
		r.found(&Found{r.out[i], r.source.Units()})
	}
}
