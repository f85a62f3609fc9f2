package devicegate

import (
	"context"
	"errors"
	"io"
	"net"
	"os"

	"haechi"
)

// dial makes the device's session the one of its identity, then connects.
func (s *session) dial(ctx context.Context) error {
	g := s.gate
	a := s.m.Actor()
	s.conn.Proved()
	s.proved.Store(&a.Device)
	if g.deps.Sessions != nil {
		g.deps.Sessions.Identify(s.id, a)
	}
	if s.over.Load() != nil { // cut as it identified itself: it ends nobody else's session
		return net.ErrClosed
	}
	s.release = g.deps.Winners.Claim(g.cfg.Service, a.Device, func() { s.finish(superseded(a, g.deps.Now())) })
	ctx, cancel := context.WithTimeout(ctx, g.cfg.DialTimeout)
	defer cancel()
	up, err := g.deps.Dial(ctx)
	if err != nil {
		g.deps.Suspect()
		g.deps.Log.Warn("upstream not reached", "service", g.cfg.Service, "err", err)
		return err
	}
	tune(bottom(up))
	s.mu.Lock()
	s.up = up
	gone := s.gone
	s.mu.Unlock()
	if gone {
		_ = up.Close()
		return net.ErrClosed
	}
	s.pump.Go(func() { s.pumpUp(up) })
	return nil
}

// pumpUp passes what the upstream sends to the device, unread but for its line
// ends.
func (s *session) pumpUp(up net.Conn) {
	in := newReader(up, &s.gate.buffers)
	var line boundary
	for {
		p, err := in.read()
		if longest, _ := line.pass(&s.gate.layout.Framing, p); longest > s.gate.cfg.LineOut && s.gate.cfg.LineOut > 0 {
			in.free()
			s.finish(Ending{Reason: haechi.ReasonOversize, Provoked: true})
			return
		}
		var failed error
		if len(p) > 0 {
			failed = s.out.write(p)
		}
		in.free()
		switch {
		case errors.Is(failed, os.ErrDeadlineExceeded):
			s.finish(Ending{Reason: haechi.ReasonBackpressure})
			return
		case failed != nil:
			s.finish(Ending{Reason: haechi.ReasonPeerClosed})
			return
		case err != nil:
			s.upstreamEnded(err)
			return
		}
	}
}

func (s *session) upstreamEnded(err error) {
	s.mu.Lock()
	ours := s.gone || s.up == nil
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
