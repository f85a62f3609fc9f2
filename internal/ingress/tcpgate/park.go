package tcpgate

import (
	"time"

	"haechi/internal/brick/parking"
)

// berth is the place in the lot of one side of a session. A place that was parked owes
// one wake: until that has come, the place must neither be parked again nor be left.
type berth struct {
	s     *session
	place parking.Place
	taken bool
	owed  bool // guarded by the session's mutex
}

// park lets go of the session until something happens. False means that it has to go
// on, or is over. Whoever is woken meanwhile waits for the mutex.
func (s *session) park() bool {
	lot := s.gate.deps.Lot
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != nil || !s.quiet || !s.enter(lot) {
		return false
	}
	until := s.start.Add(time.Duration(s.last.Load()) + s.gate.cfg.Idle)
	for i := range s.berths {
		b := &s.berths[i]
		if b.owed { // still parked since the last time, when the other side woke it
			continue
		}
		if lot.Park(b.place, parking.Readable, until) != nil {
			return false
		}
		b.owed = true
	}
	s.state = parked
	s.gate.counts.parked.Add(1)
	return true
}

// enter takes the two places of the session. Where there is no room it goes on with
// goroutines of its own.
func (s *session) enter(lot *parking.Lot) bool {
	for i, d := range []*side{s.up.from, s.down.from} {
		b := &s.berths[i]
		if b.taken {
			continue
		}
		b.s = s
		var err error
		if cerr := d.raw.Control(func(fd uintptr) { b.place, err = lot.Take(int(fd), b) }); cerr != nil || err != nil {
			return false
		}
		b.taken = true
	}
	return true
}

// Wake implements [parking.Waker]. The first of the two sides that wakes runs the
// session; the last one that is still owed lets go of one that is over.
func (b *berth) Wake(why parking.Events) {
	s := b.s
	s.mu.Lock()
	b.owed = false
	run, last := s.state == parked, s.state == leaving && !s.owed()
	if run {
		s.state = running
		s.gate.counts.parked.Add(-1)
	}
	s.mu.Unlock()
	if last {
		s.gone()
	}
	if !run {
		return
	}
	if why&parking.Ending != 0 {
		s.finish(shutdown())
	}
	if d := time.Since(s.start) - time.Duration(s.last.Load()); d >= s.gate.cfg.Idle {
		s.silent(d)
	}
	s.resume()
}

// owed reports whether a wake is still to come. The mutex is held.
func (s *session) owed() bool { return s.berths[0].owed || s.berths[1].owed }

// kick wakes the session, if it is parked, and brings the wakes that are owed.
func (s *session) kick() {
	for i := range s.berths {
		s.gate.deps.Lot.Kick(s.berths[i].place)
	}
}

// unberth gives the places back, before the descriptors are closed.
func (s *session) unberth() {
	for i := range s.berths {
		if s.berths[i].taken {
			s.gate.deps.Lot.Leave(s.berths[i].place)
		}
	}
}
