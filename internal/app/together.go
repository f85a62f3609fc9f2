package app

import (
	"math/bits"
	"net/netip"

	"haechi"
	"haechi/internal/operate/replay"
	"haechi/internal/pipeline"
)

// together is how a wave of events is observed, and what it finds: used again.
type together struct {
	sorts [sortsHeard]uint64 // a bit for each event of a sort that is not of an allowed client
	some  sorts              // that there are
	all   uint64             // events of any
	out   []haechi.Finding
	at    []int // of the finding's event in the wave
}

// An event of a wave is a bit.
var _ [64 - replay.WaveEvents]struct{}

// Wave implements replay.Together: it asks one detector after the other about all of the
// events, and tells what they found as if each event had been seen by all of them before
// the next.
func (s screened) Wave(es []haechi.Event, found func(i int, f *haechi.Finding)) {
	w := s.together
	w.begin(es, s.allowed)
	for _, d := range s.list {
		if c, ok := d.(*counted); ok {
			c.wave(es, w)
			continue
		}
		w.observe(d, es, w.all)
	}
	for i := 0; len(w.out) > 0 && i < len(es); i++ {
		for k := range w.out {
			if w.at[k] == i {
				found(i, &w.out[k])
			}
		}
	}
	w.out, w.at = w.out[:0], w.at[:0]
}

// begin notes of which sort each event is.
func (w *together) begin(es []haechi.Event, allowed func(netip.Addr) bool) {
	w.sorts, w.some, w.all = [sortsHeard]uint64{}, 0, 0
	for i := range es {
		if e := &es[i]; !allowed(e.Addr) {
			s := sortOf(e)
			w.sorts[s] |= 1 << i
			w.some |= 1 << s
			w.all |= 1 << i
		}
	}
}

// heard are the events of some sorts.
func (w *together) heard(s sorts) (events uint64) {
	for s &= w.some; s != 0; s &= s - 1 {
		events |= w.sorts[bits.TrailingZeros64(uint64(s))]
	}
	return events
}

// observe shows a detector events, a bit for each.
func (w *together) observe(d pipeline.Detector, es []haechi.Event, events uint64) {
	for ; events != 0; events &= events - 1 {
		i := bits.TrailingZeros64(events)
		for w.out = d.Observe(&es[i], w.out); len(w.at) < len(w.out); {
			w.at = append(w.at, i)
		}
	}
}

// wave shows the detector those of the events that it looks at.
func (c *counted) wave(es []haechi.Event, w *together) {
	events, before := w.heard(c.hears), len(w.out)
	if events == 0 {
		return
	}
	c.idle = false
	w.observe(c.Detector, es, events)
	if n := len(w.out) - before; n > 0 {
		c.rule.Fired(n)
	}
}
