package devicegate

import (
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
	mu       sync.Mutex
	live     map[identity]*winner
	provoked map[identity]time.Time
}

type identity struct{ service, device string }

type winner struct{ cut func() }

// NewWinners returns an empty registry.
func NewWinners() *Winners {
	return &Winners{live: map[identity]*winner{}, provoked: map[identity]time.Time{}}
}

// Claim makes the caller's session the one of the device. The session before, if
// any, is cut before Claim returns, so that the server behind sees it end first.
// cut must not block. The caller gives its place back with release, which does
// nothing once somebody else has it.
func (w *Winners) Claim(service, device string, cut func()) (release func()) {
	id, mine := identity{service, device}, &winner{cut}
	w.mu.Lock()
	old := w.live[id]
	w.live[id] = mine
	w.mu.Unlock()
	if old != nil {
		old.cut()
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.live[id] == mine {
			delete(w.live, id)
		}
	}
}

// Live is the number of proved sessions.
func (w *Winners) Live() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.live)
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
