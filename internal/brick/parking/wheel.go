package parking

import "sync"

const (
	wheels = 16   // each with a lock, by place
	slots  = 1024 // ticks of one round
)

// wheel keeps the deadlines of places. A place lies in the slot of a tick at or
// before its deadline: one that moves later stays where it is until its slot comes,
// so that a busy connection costs the wheel nothing.
type wheel struct {
	slab *slab

	mu   sync.Mutex
	now  uint32
	head [slots]uint32 // index+1
}

// set gives a place its deadline; 0 means none.
func (w *wheel) set(index uint32, s *spot, due uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.due = due
	switch {
	case due == 0, s.slot != 0 && s.slot <= due:
		return
	case s.slot != 0:
		w.unlink(s, index)
	}
	w.link(s, index)
}

func (w *wheel) remove(index uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.slab.get(index)
	s.due = 0
	if s.slot != 0 {
		w.unlink(s, index)
	}
}

// advance goes on to tick now and adds to late whose deadline has passed.
func (w *wheel) advance(now uint32, late []uint32) []uint32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now > slots {
		w.now = max(w.now, now-slots) // one round finds every place
	}
	for w.now < now {
		w.now++
		late = w.sweep(now, late)
	}
	return late
}

// sweep empties the slot of the present tick.
func (w *wheel) sweep(now uint32, late []uint32) []uint32 {
	at := &w.head[w.now%slots]
	list := *at
	*at = 0
	for list != 0 {
		index := list - 1
		s := w.slab.get(index)
		list, s.slot, s.next, s.prev = s.next, 0, 0, 0
		switch {
		case s.due == 0:
		case s.due <= now:
			s.due = 0
			late = append(late, index)
		default:
			w.link(s, index)
		}
	}
	return late
}

// link puts the place into the slot of its deadline, or of the furthest tick before it.
func (w *wheel) link(s *spot, index uint32) {
	s.slot = min(max(s.due, w.now+1), w.now+slots-1)
	at := &w.head[s.slot%slots]
	s.next, s.prev = *at, 0
	if s.next != 0 {
		w.slab.get(s.next - 1).prev = index + 1
	}
	*at = index + 1
}

func (w *wheel) unlink(s *spot, index uint32) {
	if s.prev != 0 {
		w.slab.get(s.prev - 1).next = s.next
	} else {
		w.head[s.slot%slots] = s.next
	}
	if s.next != 0 {
		w.slab.get(s.next - 1).prev = s.prev
	}
	s.slot, s.next, s.prev = 0, 0, 0
}
