package devicegate

import (
	"errors"
	"syscall"
	"time"

	"haechi"
	"haechi/internal/brick/parking"
)

// bufferSize is what a hand reads at once, in bytes.
const bufferSize = 16 << 10

// The two hands of a session, as the lot of idle connections knows them.
type (
	deviceHand   session
	upstreamHand session
)

// Wake implements [parking.Waker].
func (h *deviceHand) Wake(why parking.Events) {
	s := (*session)(h)
	s.mind(why)
	s.guarded(func() bool { return s.hear(why&parking.HungUp != 0) })
}

// Wake implements [parking.Waker].
func (h *upstreamHand) Wake(why parking.Events) {
	s := (*session)(h)
	s.mind(why)
	s.guarded(func() bool { return s.relay(why&parking.HungUp != 0) })
}

func (s *session) mind(why parking.Events) {
	if why&parking.Ending != 0 {
		s.finish(shutdown())
	}
}

// strip takes the device's connection out of package net's hands, which costs more
// memory than all that the gate keeps of it. Where that is not possible, because of
// TLS or of something read but not taken yet, everything stays as it is.
func (s *session) strip() bool {
	lot, c := s.gate.deps.Idle, s.talk.conn
	if lot == nil || c == nil {
		return false
	}
	b, ok := c.Detach()
	if !ok {
		return false
	}
	place, err := lot.TakeReader(b.FD, (*deviceHand)(s))
	if err != nil {
		_ = syscall.Close(b.FD)
		if b.From != nil {
			b.From.Gone()
		}
		s.finish(Ending{Reason: haechi.ReasonOverload, Provoked: true})
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dev, s.loose.dev = place, nil
	if s.is(signGone) {
		parking.Shut(b.FD)
	}
	return true
}

// hear is the device's hand: it takes what there is, then parks. A read that takes less
// than there is room for has taken all; but an end that came with it is told only once,
// so if the peer may have hung up, it reads until there is nothing or the end.
func (s *session) hear(hungUp bool) (over bool) {
	fd := s.gate.deps.Idle.FD(s.dev)
	for !s.over() {
		buf := s.gate.buffers.Get().(*[]byte)
		n, err := parking.Read(fd, *buf)
		if errors.Is(err, parking.ErrWait) {
			s.gate.buffers.Put(buf)
			return s.rest(false)
		}
		s.resume()
		goOn := s.take((*buf)[:n], err)
		s.gate.buffers.Put(buf)
		if !goOn {
			return true
		}
		if n < bufferSize && !hungUp {
			return s.rest(true)
		}
	}
	return true
}

// rest parks the device's hand, unless its time is over. fresh says that it has just
// done something; else the deadline has to be looked at first.
func (s *session) rest(fresh bool) (over bool) {
	until := s.until()
	if !fresh && !until.IsZero() && !s.gate.deps.Now().Before(until) {
		s.resume()
		if !s.take(nil, nil) {
			return true
		}
		until = s.until()
	}
	s.putAway()
	if s.dropLoose(); s.over() {
		return true
	}
	// From here on it may be somebody else's.
	return s.parked(s.gate.deps.Idle.Park(s.dev, parking.Readable, until))
}

// parked is what became of parking a hand. Why it failed does not matter: nothing
// will wake it, so it has to end.
func (s *session) parked(err error) (over bool) {
	if err == nil {
		return false
	}
	if errors.Is(err, parking.ErrClosed) {
		s.finish(shutdown())
	} else {
		s.finish(Ending{Reason: haechi.ReasonInternal, Provoked: true})
	}
	return true
}

// until is when the device's hand has something to do even without input.
func (s *session) until() time.Time {
	if s.talk == nil {
		return s.still.deadline(s.gate.Gate)
	}
	return earliest(s.talk.m.Deadline(), s.talk.linger)
}

// dropLoose forgets what package net had.
func (s *session) dropLoose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.loose; l != nil && l.dev == nil && l.up == nil && l.stop == nil && l.ending == nil && l.released == nil {
		s.loose = nil
	}
}

// loosen is what the session has loose, made if there is nothing. The mutex is held.
func (s *session) loosen() *loose {
	if s.loose == nil {
		s.loose = &loose{}
	}
	return s.loose
}

// relay is the upstream's hand: it passes on what there is, unread but for its line
// ends, then parks. While the device does not take it, it waits with the one buffer
// that it holds.
func (s *session) relay(hungUp bool) (over bool) {
	fd := s.gate.deps.Idle.FD(s.up)
	for {
		buf := s.gate.buffers.Get().(*[]byte)
		n, err := parking.Read(fd, *buf)
		if errors.Is(err, parking.ErrWait) {
			n, err, hungUp = 0, nil, false
		}
		goOn := s.pass((*buf)[:n], err)
		s.gate.buffers.Put(buf)
		if !goOn {
			s.closeHung()
			return true
		}
		if n < bufferSize && !hungUp {
			break
		}
	}
	return s.parked(s.gate.deps.Idle.Park(s.up, parking.Readable, time.Time{}))
}

// closeHung closes the upstream's socket early, if the device's hand is done with it:
// a refused device may be held for a while.
func (s *session) closeHung() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.is(signHung) {
		s.close(&s.up)
	}
}

// close gives back a bare connection. The mutex is held.
func (s *session) close(p *parking.Place) {
	if !p.Taken() {
		return
	}
	fd := s.gate.deps.Idle.FD(*p)
	s.gate.deps.Idle.Leave(*p)
	_ = syscall.Close(fd) // closing is all that is left to do
	*p = parking.Place{}
}

// send writes to a bare connection. While the peer does not read it waits, for at
// most the write timeout.
func (s *session) send(fd int, p []byte) (n int, err error) {
	var until time.Time
	for {
		m, err := parking.Write(fd, p[n:])
		if n += m; !errors.Is(err, parking.ErrWait) {
			return n, err
		}
		if until.IsZero() {
			until = time.Now().Add(s.gate.cfg.WriteTimeout)
		}
		s.gate.blocked.Add(1)
		err = s.gate.deps.Blocked.Await(fd, parking.Writable, until)
		s.gate.blocked.Add(-1)
		if err != nil {
			return n, err
		}
	}
}
