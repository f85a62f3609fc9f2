package devicegate

import (
	"context"
	"errors"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/brick/parking"
	"haechi/internal/ingress"
)

// session is one connection. Two hands work on it: one takes what the device sends,
// the other what the upstream sends. A hand is in one goroutine at a time, or it is
// parked. What is here is held while nothing happens, so it is as little as can be;
// the rest is in talk and loose, which come and go.
type session struct {
	gate  *door
	id    uint64
	begun beat // for how long it lasted, to a tenth of a second

	number int32         // in the gate's crowd, under its lock
	signs  atomic.Uint32 // what is true of it, and above that its hands

	// The device's hand only.
	talk     *talk // nil while the conversation is put away
	still    still
	received int64

	out device

	device string // once proved is set, it does not change

	// mu guards what end the sockets.
	mu      sync.Mutex
	dev, up parking.Place // in the lot of idle connections, once they are bare
	loose   *loose
}

// door is the gate for those who came in by one listener.
type door struct {
	*Gate
	from ingress.Counter // who counts them once they are bare; nil: nobody
}

// door finds or makes the one for a listener; there are few.
func (g *Gate) door(from ingress.Counter) *door {
	g.doorsMu.Lock()
	defer g.doorsMu.Unlock()
	for _, d := range g.doors {
		if d.from == from {
			return d
		}
	}
	d := &door{g, from}
	g.doors = append(g.doors, d)
	return d
}

// What may be true of a session. None of it ever ends.
const (
	signProved uint32 = 1 << iota // the device has proved itself
	signNoted                     // the gateway itself sent it away, which was noted
	signGone                      // its sockets are ended; set under mu
	signHung                      // the upstream was closed because the device is refused; set under mu
	signTLS
	signOver // how it ends is settled; set under mu

	oneHand = 1 << 16 // a hand in the same word
)

// is reports whether one of the signs is set.
func (s *session) is(signs uint32) bool { return s.signs.Load()&signs != 0 }

// over reports whether the session ends.
func (s *session) over() bool { return s.is(signOver) }

// mark sets a sign, and reports whether it was set already.
func (s *session) mark(sign uint32) (before bool) { return s.signs.Or(sign)&sign != 0 }

// talk is what the device's hand needs while there is something to do.
type talk struct {
	m        *Machine
	conn     *ingress.Conn // until it has given back its place in the connection cap
	unproved int64         // what it has of the gate's budget
	holding  bool
	linger   time.Time // zero: not yet at the end
	left     int       // bytes that are read away at the end
}

// loose is what a session has while a connection of it is in the hands of package
// net, or while it waits for something that an end has to interrupt, or once it ends.
type loose struct {
	dev, up *reader
	stop    context.CancelFunc
	ending  *Ending // nil until the session is over
	// released tells that a certificate is held no more; nil: none was.
	released func()
}

// Serve guards one connection, and closes it in the end. It returns when that has
// come, or earlier, when the connection has nothing to do and is parked: [Gate.Wait]
// knows when all are over.
func (g *Gate) Serve(c *ingress.Conn) {
	now := g.deps.Now()
	begun, _ := g.beatOf(now)
	s := &session{gate: g.door(c.From()), begun: begun, still: still{port: c.Port, localPort: c.LocalPort},
		talk: &talk{conn: c}, loose: &loose{dev: newReader(c.Conn)}}
	s.signs.Add(oneHand)
	if c.TLS {
		s.mark(signTLS)
	}
	tune(bottom(c.Conn))
	refused := s.certify(c)
	s.id = g.numbers.Add(1)
	if g.deps.Sessions != nil {
		s.id = g.deps.Sessions.Enter(g.cfg.Service, c.Actor, s)
	}
	s.talk.m = g.Machine(c.Actor, s.id, now)
	s.emit(&haechi.Event{Time: now, Kind: haechi.KindConnect, Outcome: haechi.Success, Service: g.cfg.Service,
		Actor: c.Actor, Session: s.id})
	if refused.Refuses() {
		s.Cut(refused)
	}
	if !g.crowd.add(s) {
		s.finish(shutdown())
	}
	s.guarded(s.converse)
}

// guarded runs a hand, and lets it go unless it was parked. It keeps a defect that one
// connection's input uncovers from ending the others.
func (s *session) guarded(hand func() (over bool)) {
	over := true
	defer func() {
		if p := recover(); p != nil {
			s.gate.deps.Log.Error("device connection failed", "service", s.gate.cfg.Service, "panic", p,
				"stack", string(debug.Stack()))
			s.finish(Ending{Reason: haechi.ReasonInternal, Provoked: true})
		}
		if over && s.letGo() == 0 {
			s.leave()
		}
	}()
	over = hand()
}

// letGo is for a hand that is done. It returns how many are left.
func (s *session) letGo() (left uint32) { return s.signs.Add(^uint32(oneHand-1)) / oneHand }

// converse is the device's hand as long as package net has the connection.
func (s *session) converse() (over bool) {
	if s.strip() {
		return s.hear(true)
	}
	in, t := s.loose.dev, s.talk
	for !s.over() {
		in.until(earliest(t.m.Deadline(), t.linger))
		p, err := in.read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			in.passed()
			err = nil
		}
		if !s.take(p, err) {
			return true
		}
		if s.strip() {
			return s.hear(true)
		}
	}
	return true
}

// take is what the device's hand does with input, or with the news that time has
// passed. False means that the hand is done.
func (s *session) take(p []byte, err error) bool {
	s.received += int64(len(p))
	t, now := s.talk, s.gate.deps.Now()
	if !t.linger.IsZero() {
		t.left -= len(p)
		return err == nil && t.left > 0 && now.Before(t.linger)
	}
	goOn := !s.over() && (err == nil || len(p) > 0) && s.step(p, now)
	if err != nil {
		s.finish(Ending{Reason: haechi.ReasonPeerClosed})
	}
	return goOn && err == nil
}

// step feeds input to the machine and does what it says, until it wants more.
func (s *session) step(p []byte, now time.Time) bool {
	g, m := s.gate, s.talk.m
	w := g.NewWork()
	defer g.Done(w)
	var run batch
	off := 0
	for {
		n, a := m.Step(w, p[off:], now)
		off += n
		began := now
		now = g.deps.Now()
		if a.Event != nil {
			a.Event.Duration = now.Sub(began)
			s.emit(a.Event)
		}
		if a.Query {
			s.ask(a.Event, now)
		}
		switch {
		case a.Op == OpNote, a.Op == OpForward && a.Input && run.add(off-len(a.Bytes), off):
			continue
		case !s.flush(p, &run):
			return false
		case a.Op == OpForward && a.Input:
			run.add(off-len(a.Bytes), off)
		case a.Op == OpNone:
			return s.account(now) || s.step(nil, now)
		case !s.do(a):
			return false
		default:
			now = g.deps.Now() // it may have taken a while
		}
		if !s.talk.linger.IsZero() {
			return true
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

func (s *session) flush(p []byte, b *batch) bool {
	if b.to == b.from {
		return true
	}
	out := p[b.from:b.to]
	*b = batch{}
	return s.forward(out)
}

// do performs one action. False means that the hand is done.
func (s *session) do(a Action) bool {
	switch a.Op {
	case OpForward:
		return s.forward(a.Bytes)
	case OpSend:
		if a.Final {
			s.hangUp()
		}
		s.out.tell(s, a.Bytes)
	case OpDial:
		if !s.enrolled() {
			break
		}
		if err := s.dial(); !s.over() {
			s.talk.m.Dialed(err, s.gate.deps.Now())
		}
	case OpPause:
		return s.pause(a.Delay)
	case OpHold:
		s.hold()
	case OpClose:
		s.note(s.talk.m.Ending())
		return s.lastWord()
	}
	return !s.over()
}

// pause waits, unless the session ends first.
func (s *session) pause(d time.Duration) bool {
	ctx, done := s.interruptible(d)
	defer done()
	<-ctx.Done()
	return !s.over()
}

// interruptible is a context that ends after d or with the session.
func (s *session) interruptible(d time.Duration) (ctx context.Context, done func()) {
	ctx, stop := context.WithTimeout(context.Background(), d)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.is(signGone) {
		stop()
	}
	s.loosen().stop = stop
	return ctx, func() {
		stop()
		s.mu.Lock()
		s.loose.stop = nil
		s.mu.Unlock()
	}
}

// modest is what an unproved connection may hold of the reserve, in bytes: a
// handshake takes less than one KiB, some queued frames a few.
const modest = 8 << 10

// account keeps the memory of unproved connections within the gate's budget.
// False means that this one is refused.
func (s *session) account(now time.Time) bool {
	g, t := s.gate, s.talk
	size := int64(t.m.Buffered())
	if t.m.Proved() {
		size = 0
	}
	total := g.unproved.Add(size - t.unproved)
	grown := size > t.unproved
	t.unproved = size
	if size <= modest {
		total -= g.cfg.Unproved / 2
	}
	if grown && total > g.cfg.Unproved {
		g.unprovedRefused.Add(1)
		t.m.Refuse(haechi.ReasonOverload, now)
		return false
	}
	return true
}

// hold takes a place among the held connections, or gives up. It gives back the
// place in the connection cap: one who was answered and only waits must not keep
// others behind its address from proving themselves.
func (s *session) hold() {
	g, t := s.gate, s.talk
	if !g.holders.Acquire(t.m.actor.Client) {
		g.heldRefused.Add(1)
		t.m.Abandon()
		return
	}
	t.holding = true
	if int(g.held.Add(1)) > g.cfg.MaxHeld {
		g.heldRefused.Add(1)
		t.m.Abandon()
		return
	}
	s.uncap()
}

// uncap gives back the place in the connection cap.
func (s *session) uncap() {
	if c := s.talk.conn; c != nil {
		c.Proved()
		s.talk.conn = nil
	}
}

// earliest is the sooner of two times, of which the zero one is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
