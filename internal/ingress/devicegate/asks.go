package devicegate

import (
	"time"

	"haechi"
)

// asksEvery spaces the query events of one device: at the pace of people each query is
// an event of its own, as the document that counts their rows wants it (row A88); a
// device that asks faster costs no second event for each frame.
const asksEvery = 100 * time.Millisecond

// ask tells of a frame that asks the upstream for data; e is the frame's own event. It
// is the device's hand's.
func (s *session) ask(e *haechi.Event, now time.Time) {
	e.Kind = haechi.KindQuery
	h := s.still.habit()
	if at := int64(now.Sub(s.gate.born)); at-h.asked >= int64(asksEvery) || h.asked == 0 {
		h.asked = at
		s.tellAsks(h, e, 1)
		return
	}
	if h.asks.Add(1) == 1 {
		later := *e
		time.AfterFunc(asksEvery, func() { s.tellAsks(h, &later, 0) })
	}
}

// tellAsks emits the queries that were put off, and more beside them, as one event. A
// device without habits has asked nothing.
func (s *session) tellAsks(h *habits, e *haechi.Event, more uint32) {
	if h == nil {
		return
	}
	n := h.asks.Swap(0) + more
	if n == 0 {
		return
	}
	if n > 1 {
		e.Count = uint64(n)
	}
	s.emit(e)
}
