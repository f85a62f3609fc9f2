package replay

import "haechi"

// waveEvents is how many events are handed over together.
const waveEvents = 32

// Together is a detector that may be handed several events at once: so it brings what it
// knows of all of them into the processor's cache, and asks each part of it about all of
// them before the next part.
type Together interface {
	Detector
	// Wave observes the events, which are of one second, in their order. It calls found as
	// Observe would have returned the findings, one event after the other.
	Wave(es []haechi.Event, found func(i int, f *haechi.Finding))
}

// wave are events that came and that nobody observed yet.
type wave struct {
	events []haechi.Event
	units  []uint64 // of the source, as each came
}

// later takes the next event of a source that is read without a wait between its events;
// the detectors see it with those that follow.
func (r *Runner) later(e *haechi.Event, units uint64) {
	r.Pass(e.Time)
	r.wave.events = append(r.wave.events, *e)
	r.wave.units = append(r.wave.units, units)
	if len(r.wave.events) == waveEvents {
		r.flush()
	}
}

// flush lets the detectors observe what waits.
func (r *Runner) flush() {
	w := &r.wave
	if len(w.events) == 0 {
		return
	}
	if len(r.detectors) == 1 {
		if d, ok := r.detectors[0].(Together); ok {
			d.Wave(w.events, func(i int, f *haechi.Finding) { r.told(f, w.units[i]) })
			w.events, w.units = w.events[:0], w.units[:0]
			return
		}
	}
	for i := range w.events {
		for _, d := range r.detectors {
			r.out = d.Observe(&w.events[i], r.out[:0])
			for k := range r.out {
				r.told(&r.out[k], w.units[i])
			}
		}
	}
	w.events, w.units = w.events[:0], w.units[:0]
}
