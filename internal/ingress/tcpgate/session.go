package tcpgate

import (
	"context"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/ingress"
)

// The states of a session: a goroutine runs it, or none does and it is parked, or it is
// over and waits for the wakes that are owed to it.
const (
	running = iota
	parked
	leaving
)

// session is one connection.
type session struct {
	gate  *Gate
	conn  *ingress.Conn
	id    uint64
	begun time.Time // by the gate's clock, for events
	start time.Time // by the system's, for waits
	done  chan struct{}

	tls      bool   // encrypted, here or beyond
	name     string // that the client asked for
	upstream string
	hello    []byte // read already, for the upstream
	held     int64  // what it has of the gate's bound on hellos

	uncertify func() // nil without a certificate

	up, down flow // from the client; to it
	last     atomic.Int64
	shadowed atomic.Bool // a shadow verdict about bytes was told

	berths [2]berth // of the client, of the upstream
	open   bool     // there is an upstream

	mu     sync.Mutex
	state  int
	quiet  bool // the flows are to stop, so that it can be parked
	over   *ending
	abort  func() // of a wait that is under way
	window window
	first  haechi.Reason // of the side that ended first
}

// open registers the connection, so that a decision cuts it from now on.
func (g *Gate) open(c *ingress.Conn) *session {
	s := &session{gate: g, conn: c, begun: g.deps.Now(), start: time.Now(), done: make(chan struct{})}
	g.counts.live.Add(1)
	s.id = g.deps.Sessions.Open(g.cfg.Service, c.Actor, s.cut)
	g.mu.Lock()
	over := g.over
	g.live[s] = struct{}{}
	g.mu.Unlock()
	if over {
		s.finish(shutdown())
	}
	return s
}

// begin brings the connection to its upstream. False means that it is over.
func (s *session) begin() bool {
	return s.greet() && s.choose() && s.judge() && s.connect()
}

// guarded keeps a defect that one connection uncovers from ending the others.
func (s *session) guarded(do func() bool) (ok bool) {
	defer s.rescue()
	return do()
}

func (s *session) rescue() {
	if p := recover(); p != nil {
		s.gate.deps.Log.Error("TCP connection failed", "service", s.gate.cfg.Service, "panic", p, "stack", string(debug.Stack()))
		s.finish(ending{reason: haechi.ReasonInternal, provoked: true})
	}
}

// judge asks whether the client may go on, and lets it wait if it is to be slowed down.
func (s *session) judge() bool {
	g, a := s.gate, &s.conn.Actor
	var v haechi.Verdict
	if !a.Allowed {
		r := haechi.Request{Kind: haechi.KindConnect, Service: g.cfg.Service, Actor: a, Host: s.name, Size: -1}
		v = g.deps.Inspector.Inspect(&r, g.deps.Now())
	}
	if v.Refuses() {
		s.refuse(haechi.KindConnect, fromVerdict(v), &g.counts.denied)
		return false
	}
	e := s.event(haechi.KindConnect, haechi.Success)
	if v.Action != haechi.Pass {
		mark(e, v)
	}
	g.deps.Sink.Emit(e)
	if v.Action == haechi.Throttle && !v.Shadow && v.Delay > 0 {
		g.counts.delayed.Add(1)
		return s.pause(min(v.Delay, g.cfg.MaxPause))
	}
	return !s.ended()
}

// pause waits, unless the session ends first.
func (s *session) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.done:
		return false
	}
}

// connect opens the upstream and tells it what it has to know first.
func (s *session) connect() bool {
	g := s.gate
	ctx, cancel := context.WithTimeout(context.Background(), g.cfg.DialTimeout)
	defer cancel()
	if !s.interruptible(cancel) {
		return false
	}
	up, err := g.deps.Dial(ctx, s.upstream)
	if err != nil {
		return s.noUpstream(err)
	}
	client, server := newSide(s.client()), newSide(up)
	s.up = flow{s: s, from: client, to: server}
	s.down = flow{s: s, from: server, to: client, out: true}
	s.mu.Lock()
	s.open, s.abort = true, nil
	over := s.over != nil
	s.mu.Unlock()
	return !over && s.introduce()
}

// interruptible says how to end a wait, unless the session is over already.
func (s *session) interruptible(abort func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abort = abort
	return s.over == nil
}

func (s *session) noUpstream(err error) bool {
	if s.ended() {
		return false
	}
	g := s.gate
	g.counts.upstream.Add(1)
	g.deps.Suspect(s.upstream)
	g.deps.Log.Warn("upstream not reached", "service", g.cfg.Service, "upstream", s.upstream, "err", err)
	s.finish(ending{reason: haechi.ReasonUpstreamDown, provoked: true})
	return false
}

// introduce writes the PROXY header and the hello that was read.
func (s *session) introduce() bool {
	first := s.hello
	if v := s.gate.cfg.SendProxy; v > 0 {
		h, err := header(v, s.peer(), s.conn.LocalAddr(), s.name)
		if err != nil {
			return s.noUpstream(err)
		}
		first = append(h, first...)
	}
	s.release()
	if len(first) == 0 {
		return true
	}
	s.up.bytes.Add(int64(len(s.hello)))
	s.touch(time.Now(), len(s.hello))
	s.hello = nil
	server := s.up.to
	server.arm(time.Now(), s.gate.cfg.WriteTimeout)
	if s.ended() {
		return false
	}
	if _, err := server.conn.Write(first); err != nil {
		return s.noUpstream(err)
	}
	return true
}

// client is the connection as the gate reads it: under TLS, if that ends here.
func (s *session) client() net.Conn {
	if s.up.from != nil {
		return s.up.from.conn
	}
	return s.conn.Conn
}

func (s *session) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over != nil
}

// settled reports whether the session has its upstream, and is not over.
func (s *session) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open && s.over == nil
}

// release gives back what the session has of the bound on hellos.
func (s *session) release() {
	s.gate.counts.hellos.Add(-s.held)
	s.held = 0
}
