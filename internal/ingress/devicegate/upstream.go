package devicegate

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"haechi"
	"haechi/internal/brick/parking"
)

// dial makes the device's session the one of its identity, then connects.
func (s *session) dial() error {
	g := s.gate
	a := s.talk.m.Actor()
	s.uncap()
	s.device = a.Device
	s.mark(signProved)
	if g.deps.Sessions != nil {
		g.deps.Sessions.Identify(s.id, a)
	}
	if s.over() { // cut as it identified itself: it ends nobody else's session
		return net.ErrClosed
	}
	g.deps.Winners.claim(s)
	ctx, done := s.interruptible(g.cfg.DialTimeout)
	defer done()
	up, err := g.deps.Dial(ctx)
	if err != nil {
		g.deps.Suspect()
		g.deps.Log.Warn("upstream not reached", "service", g.cfg.Service, "err", err)
		return err
	}
	tune(bottom(up))
	return s.connected(up)
}

// connected starts the upstream's hand: parked, if the connection is plain TCP.
func (s *session) connected(up net.Conn) error {
	lot := s.gate.deps.Idle
	if t, ok := up.(*net.TCPConn); ok && lot != nil {
		if fd, err := parking.Detach(t); err == nil {
			return s.connectedBare(fd)
		}
	}
	in := newReader(up)
	s.mu.Lock()
	gone := s.is(signGone)
	s.loose.up = in
	s.mu.Unlock()
	if gone {
		_ = up.Close()
		return net.ErrClosed
	}
	s.signs.Add(oneHand)
	go s.guarded(func() bool { s.pump(in); return true })
	return nil
}

func (s *session) connectedBare(fd int) error {
	lot := s.gate.deps.Idle
	place, err := lot.TakeReader(fd, (*upstreamHand)(s))
	if err != nil {
		_ = syscall.Close(fd)
		return err
	}
	s.mu.Lock()
	s.up = place
	gone := s.is(signGone)
	s.mu.Unlock()
	if gone {
		return net.ErrClosed
	}
	s.signs.Add(oneHand)
	if err := lot.Park(place, parking.Readable, time.Time{}); err != nil {
		s.letGo()
		return err
	}
	return nil
}

// pump is the upstream's hand as long as package net has its connection.
func (s *session) pump(in *reader) {
	for {
		p, err := in.read()
		if !s.pass(p, err) {
			return
		}
	}
}

// pass passes on to the device what the upstream sent, then says how that ended, if
// it did. False means that the hand is done.
func (s *session) pass(p []byte, err error) bool {
	var failed error
	if len(p) > 0 {
		failed = s.out.write(s, p)
	}
	switch {
	case errors.Is(failed, errOverlong):
		s.finish(Ending{Reason: haechi.ReasonOversize, Provoked: true})
	case errors.Is(failed, os.ErrDeadlineExceeded):
		s.finish(Ending{Reason: haechi.ReasonBackpressure})
	case failed != nil:
		s.finish(Ending{Reason: haechi.ReasonPeerClosed})
	case err != nil:
		s.upstreamEnded(err)
	default:
		s.mu.Lock()
		defer s.mu.Unlock()
		return !s.is(signGone | signHung)
	}
	return false
}

func (s *session) upstreamEnded(err error) {
	s.mu.Lock()
	ours := s.is(signGone | signHung)
	s.mu.Unlock()
	if ours {
		return
	}
	if !errors.Is(err, io.EOF) {
		s.gate.deps.Log.Debug("upstream broke", "service", s.gate.cfg.Service, "err", err)
	}
	s.gate.deps.Suspect()
	s.finish(Ending{Reason: haechi.ReasonUpstreamClosed, Provoked: true})
}

// forward writes to the upstream. Nothing is written once the session was cut.
func (s *session) forward(p []byte) bool {
	s.mu.Lock()
	fd, gone := -1, s.is(signGone|signHung)
	if s.up.Taken() {
		fd = s.gate.deps.Idle.FD(s.up)
	}
	var up *reader
	if s.loose != nil {
		up = s.loose.up
	}
	s.mu.Unlock()
	var err error
	switch {
	case gone:
		return false
	case fd >= 0:
		_, err = s.send(fd, p)
	case up != nil:
		_, err = up.write(p, s.gate.deps.Now(), s.gate.cfg.WriteTimeout)
	default:
		return false
	}
	if err != nil {
		s.gate.deps.Suspect()
		s.finish(Ending{Reason: haechi.ReasonUpstreamDown, Provoked: true})
	}
	return err == nil
}
