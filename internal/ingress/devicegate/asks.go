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
	if at := int64(now.Sub(s.gate.born)); at-s.asked >= int64(asksEvery) || s.asked == 0 {
		s.asked = at
		s.tellAsks(e, 1)
		return
	}
	if s.asks.Add(1) == 1 {
		later := *e
		time.AfterFunc(asksEvery, func() { s.tellAsks(&later, 0) })
	}
}

// tellAsks emits the queries that were put off, and more beside them, as one event.
func (s *session) tellAsks(e *haechi.Event, more uint32) {
	n := s.asks.Swap(0) + more
	if n == 0 {
		return
	}
	if n > 1 {
		e.Count = uint64(n)
	}
	s.emit(e)
}
