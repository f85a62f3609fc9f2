package devicegate

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	// maxProvoked bounds the memory of sessions that the gateway itself ended.
	maxProvoked = 65536
	// provokedFor is how long a device may take to come back: its longest delay
	// between attempts is a minute.
	provokedFor = 2 * time.Minute
)

// Winners knows the one session of each proved device, across all gates and
// reloads, and which devices the gateway itself sent away lately.
type Winners struct {
	seed maphash.Seed

	mu sync.Mutex
	// slots is a hash table of sessions with linear probing: the sessions know their
	// own names, so that an entry takes a pointer and no more.
	slots    []*session
	live     int
	provoked map[identity]time.Time
}

type identity struct{ service, device string }

func (s *session) identity() identity { return identity{s.gate.cfg.Service, s.device} }

// NewWinners returns an empty registry.
func NewWinners() *Winners {
	return &Winners{seed: maphash.MakeSeed(), slots: make([]*session, 16), provoked: map[identity]time.Time{}}
}

// claim makes the session the one of its device. The session before, if any, is ended
// before claim returns, so that the server behind sees it end first.
func (w *Winners) claim(s *session) {
	w.mu.Lock()
	i := w.find(s.identity())
	old := w.slots[i]
	w.slots[i] = s
	if old == nil {
		if w.live++; w.live > len(w.slots)*3/4 {
			w.grow()
		}
	}
	w.mu.Unlock()
	if old != nil {
		old.beaten()
	}
}

// release gives the place back, unless somebody else has it.
func (w *Winners) release(s *session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := w.find(s.identity())
	if w.slots[i] != s {
		return
	}
	w.slots[i] = nil
	w.live--
	// Whoever was pushed on past the gap moves back.
	mask := len(w.slots) - 1
	for j := (i + 1) & mask; w.slots[j] != nil; j = (j + 1) & mask {
		if home := w.home(w.slots[j].identity()); (j-home)&mask >= (j-i)&mask {
			w.slots[i], w.slots[j], i = w.slots[j], nil, j
		}
	}
}

// find is the slot of the identity, or the free one where it would be.
func (w *Winners) find(id identity) int {
	i := w.home(id)
	for w.slots[i] != nil && w.slots[i].identity() != id {
		i = (i + 1) & (len(w.slots) - 1)
	}
	return i
}

func (w *Winners) home(id identity) int {
	return int(maphash.Comparable(w.seed, id) & uint64(len(w.slots)-1))
}

func (w *Winners) grow() {
	old := w.slots
	w.slots = make([]*session, 2*len(old))
	for _, s := range old {
		if s != nil {
			w.slots[w.find(s.identity())] = s
		}
	}
}

// Live is the number of proved sessions.
func (w *Winners) Live() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.live
}

// Provoke notes that the gateway ended the session of a proved device, so that
// its return is not held against it. At the cap the note is dropped.
func (w *Winners) Provoke(service, device string, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.provoked) >= maxProvoked {
		for id, until := range w.provoked {
			if !now.Before(until) {
				delete(w.provoked, id)
			}
		}
	}
	if len(w.provoked) < maxProvoked {
		w.provoked[identity{service, device}] = now.Add(provokedFor)
	}
}

// Provoked reports whether the device was sent away lately; forget takes the note
// back, which is done once the device has proved itself again.
func (w *Winners) Provoked(service, device string, now time.Time, forget bool) bool {
	id := identity{service, device}
	w.mu.Lock()
	defer w.mu.Unlock()
	until, ok := w.provoked[id]
	if ok && forget {
		delete(w.provoked, id)
	}
	return ok && now.Before(until)
}
