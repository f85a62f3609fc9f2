package replay

import "haechi"

// WaveEvents is how many events are handed over together at most.
const WaveEvents = 32

// Together is a detector that may be handed several events at once: so it brings what it
// knows of all of them into the processor's cache, and asks each part of it about all of
// them before the next part.
type Together interface {
	Detector
	// Wave observes the events, up to WaveEvents of one second, in their order. It calls
	// found as Observe would have returned the findings, one event after the other.
	Wave(es []haechi.Event, found func(i int, f *haechi.Finding))
}

// alone is the only detector, if it takes waves: what several find in one would come in
// another order.
func alone(detectors []Detector) (Together, bool) {
	if len(detectors) != 1 {
		return nil, false
	}
	d, ok := detectors[0].(Together)
	return d, ok
}

// wave are events that came and that nobody observed yet.
type wave struct {
	by     Together
	events []haechi.Event
	units  []uint64 // of the source, as each came
}

// later takes the next event of a source that is read without a wait between its events;
// the detector sees it with those that follow.
func (r *Runner) later(e *haechi.Event, units uint64) {
	r.Pass(e.Time)
	r.wave.events = append(r.wave.events, *e)
	r.wave.units = append(r.wave.units, units)
	if len(r.wave.events) == WaveEvents {
		r.flush()
	}
}

// flush lets the detector observe what waits.
func (r *Runner) flush() {
	w := &r.wave
	if len(w.events) == 0 {
		return
	}
	w.by.Wave(w.events, func(i int, f *haechi.Finding) { r.told(f, w.units[i]) })
	w.events, w.units = w.events[:0], w.units[:0]
}
