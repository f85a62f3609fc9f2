package devicegate

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/ingress"
)

// session is one connection with its loop: the caller's goroutine reads the
// device, a second one the upstream.
type session struct {
	gate   *Gate
	conn   *ingress.Conn
	id     uint64
	begun  time.Time
	m      *Machine
	in     *reader
	out    *device
	cancel context.CancelFunc
	pump   sync.WaitGroup

	received int64 // from the device; the reading goroutine only
	unproved int64 // what it has of the gate's budget
	holding  bool
	armed    time.Time // write deadline of the upstream
	release  func()    // gives back the place among the winners

	mu   sync.Mutex
	up   net.Conn
	gone bool
	over atomic.Pointer[Ending] // why it was ended from outside the machine

	proved atomic.Pointer[string] // the device, once it has proved itself
	noted  atomic.Bool            // that the gateway itself sent it away
}

// Serve guards one connection. It returns when the connection has ended, and
// closes it.
func (g *Gate) Serve(ctx context.Context, c *ingress.Conn) {
	parent := ctx
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	now := g.deps.Now()
	s := &session{gate: g, conn: c, begun: now, cancel: cancel,
		in:  newReader(c.Conn, &g.buffers),
		out: &device{conn: c.Conn, framing: &g.layout.Framing, timeout: g.cfg.WriteTimeout, now: g.deps.Now, dropped: &g.dropped}}
	tune(bottom(c.Conn))
	g.live.Add(1)
	s.id = g.sessions.Add(1)
	if g.deps.Sessions != nil {
		s.id = g.deps.Sessions.Open(g.cfg.Service, c.Actor, s.cut)
	}
	s.m = g.Machine(c.Actor, s.id, now)
	s.emit(&haechi.Event{Time: now, Kind: haechi.KindConnect, Outcome: haechi.Success, Service: g.cfg.Service,
		Actor: c.Actor, Session: s.id})
	stop := context.AfterFunc(parent, func() { s.finish(Ending{Reason: haechi.ReasonShutdown, Provoked: true}) })
	s.guarded(ctx)
	stop()
	s.leave()
}

// guarded keeps a defect that one connection's input uncovers from ending the
// others.
func (s *session) guarded(ctx context.Context) {
	defer func() {
		if p := recover(); p != nil {
			s.gate.deps.Log.Error("device connection failed", "service", s.gate.cfg.Service, "panic", p,
				"stack", string(debug.Stack()))
			s.finish(Ending{Reason: haechi.ReasonInternal, Provoked: true})
		}
	}()
	s.run(ctx)
}

// run reads until the connection ends.
func (s *session) run(ctx context.Context) {
	for {
		s.in.until(s.m.Deadline())
		p, err := s.in.read()
		s.received += int64(len(p))
		now := s.gate.deps.Now()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			s.in.passed()
			err = nil
		}
		goOn := s.over.Load() == nil && (err == nil || len(p) > 0) && s.step(ctx, p, now)
		s.in.free()
		if err != nil {
			s.finish(Ending{Reason: haechi.ReasonPeerClosed})
		}
		if !goOn || err != nil {
			return
		}
	}
}

// step feeds input to the machine and does what it says, until it wants more.
func (s *session) step(ctx context.Context, p []byte, now time.Time) bool {
	g := s.gate
	w := g.NewWork()
	defer g.Done(w)
	var run batch
	off := 0
	for {
		n, a := s.m.Step(w, p[off:], now)
		off += n
		began := now
		now = g.deps.Now()
		if a.Event != nil {
			a.Event.Duration = now.Sub(began)
			s.emit(a.Event)
		}
		if a.Query {
			a.Event.Kind = haechi.KindQuery
			s.emit(a.Event)
		}
		switch {
		case a.Op == OpNote, a.Op == OpForward && a.Input && run.add(off-len(a.Bytes), off):
			continue
		case !s.flush(p, &run, now):
			return false
		case a.Op == OpForward && a.Input:
			run.add(off-len(a.Bytes), off)
		case a.Op == OpNone:
			return s.account(now) || s.step(ctx, nil, now)
		case !s.do(ctx, a, now):
			return false
		default:
			now = g.deps.Now() // it may have taken a while
		}
	}
}

// batch is a run of input bytes to forward in one write.
type batch struct{ from, to int }

// add extends the run, unless the bytes do not follow it.
func (b *batch) add(from, to int) bool {
	if b.to > b.from && b.to != from {
		return false
	}
	if b.to == b.from {
		b.from = from
	}
	b.to = to
	return true
}

func (s *session) flush(p []byte, b *batch, now time.Time) bool {
	if b.to == b.from {
		return true
	}
	out := p[b.from:b.to]
	*b = batch{}
	return s.forward(out, now)
}

// do performs one action. False means that the loop is over.
func (s *session) do(ctx context.Context, a Action, now time.Time) bool {
	switch a.Op {
	case OpForward:
		return s.forward(a.Bytes, now)
	case OpSend:
		if a.Final {
			s.hangUp()
		}
		s.out.tell(a.Bytes)
	case OpDial:
		if !s.enrolled(ctx) {
			break
		}
		if err := s.dial(ctx); s.over.Load() == nil {
			s.m.Dialed(err, s.gate.deps.Now())
		}
	case OpPause:
		return sleep(ctx, a.Delay)
	case OpHold:
		s.hold()
	case OpClose:
		s.note(s.m.Ending())
		s.linger()
		return false
	}
	return s.over.Load() == nil
}

// forward writes to the upstream. Nothing is written once the session was cut.
func (s *session) forward(p []byte, now time.Time) bool {
	s.mu.Lock()
	up, gone := s.up, s.gone
	s.mu.Unlock()
	if gone || up == nil {
		return false
	}
	s.armed = arm(up, s.armed, now, s.gate.cfg.WriteTimeout)
	if _, err := up.Write(p); err != nil {
		s.gate.deps.Suspect()
		s.finish(Ending{Reason: haechi.ReasonUpstreamDown, Provoked: true})
		return false
	}
	return true
}

// sleep waits, unless the session ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// modest is what an unproved connection may hold of the reserve, in bytes: a
// handshake takes less than one KiB, some queued frames a few.
const modest = 8 << 10

// account keeps the memory of unproved connections within the gate's budget.
// False means that this one is refused.
func (s *session) account(now time.Time) bool {
	g := s.gate
	size := int64(s.m.Buffered())
	if s.m.Proved() {
		size = 0
	}
	total := g.unproved.Add(size - s.unproved)
	grown := size > s.unproved
	s.unproved = size
	if size <= modest {
		total -= g.cfg.Unproved / 2
	}
	if grown && total > g.cfg.Unproved {
		g.unprovedRefused.Add(1)
		s.m.Refuse(haechi.ReasonOverload, now)
		return false
	}
	return true
}

// hold takes a place among the held connections, or gives up. It gives back the
// place in the connection cap: one who was answered and only waits must not keep
// others behind its address from proving themselves.
func (s *session) hold() {
	g := s.gate
	if !g.holders.Acquire(s.conn.Actor.Client) {
		g.heldRefused.Add(1)
		s.m.Abandon()
		return
	}
	s.holding = true
	if int(g.held.Add(1)) > g.cfg.MaxHeld {
		g.heldRefused.Add(1)
		s.m.Abandon()
		return
	}
	s.conn.Proved()
}

// linger lets the peer read the error frame: closing at once with input unread
// would make the kernel throw it away.
func (s *session) linger() {
	s.out.settle()
	c, ok := bottom(s.conn.Conn).(interface{ CloseWrite() error })
	if !ok || c.CloseWrite() != nil {
		return
	}
	s.in.passed()
	s.in.until(s.gate.deps.Now().Add(lingerFor))
	for left := lingerBytes; left > 0; {
		p, err := s.in.read()
		left -= len(p)
		s.in.free()
		if err != nil {
			return
		}
	}
}

const (
	lingerFor   = time.Second
	lingerBytes = 4 << 20
)
