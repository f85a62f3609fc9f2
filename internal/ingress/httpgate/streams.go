package httpgate

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
)

// Rule ids of what is no HTTP/3, where no answer is possible.
const (
	RuleH3      = "http3/protocol"
	RuleStreams = "http3/streams" // streams that come to nothing
)

// streams is a connection on which each request has a stream of its own, and which reads
// them by itself: HTTP/3.
type streams interface {
	ConnectionState() tls.ConnectionState
	// Moved is how many bytes came and went so far.
	Moved() (in, out int64)
	// Serve answers requests with h until the connection has ended; base completes their
	// context. trouble is told why a stream came to nothing (ReasonMalformed,
	// ReasonOversize, ReasonTimeout, ReasonPeerClosed), from several goroutines; a text
	// that it returns ends the connection, and is told to the client.
	Serve(h http.Handler, base func(context.Context) context.Context, trouble func(haechi.Reason, string) string)
	// Drain ends it once what is under way was answered.
	Drain()
}

// multi is one connection of HTTP/3.
type multi struct {
	c *conn
	streams

	exempt bool // a proxy stands for many people
	mu     sync.Mutex
	spent  bucket // of streams that came to nothing
	taken  taken

	waiting atomic.Int64 // answers that wait for the client
}

// taken is how fast the client takes what it is sent.
type taken struct {
	at    time.Duration // since the connection was opened
	bytes int64         // sent until then
	rate  float64       // a second, over the last step
}

type multiKey struct{}

// ServeStreams is Serve for a listener whose connections speak HTTP/3 by themselves: what
// is below each *ingress.Conn has the methods of streams.
func (g *Gate) ServeStreams(ctx context.Context, ln net.Listener) error {
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	if !g.lanes.listen(ln) {
		return ln.Close()
	}
	for d := (door{Listener: ln, g: g}); ; {
		c, err := d.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		s, ok := c.Conn.Conn.(streams)
		if !ok {
			g.counts.unresolved.Add(1)
			_ = c.Close() // nobody can speak on it
			continue
		}
		m := &multi{c: c, streams: s, exempt: c.trusted || c.Actor.Allowed}
		g.multis.add(m)
		go g.converse(m)
	}
}

// converse serves a connection until it has ended.
func (g *Gate) converse(m *multi) {
	defer g.multis.remove(m)
	defer m.end()
	state := m.ConnectionState()
	m.c.secured = &state
	m.c.introduce(m.c.certify(g))
	m.Serve(g, m.base, m.trouble)
}

// base is the context of the connection's requests. httputil breaks an answer off, as it
// must when the upstream does, only where it sees a server of net/http.
func (m *multi) base(ctx context.Context) context.Context {
	ctx = context.WithValue(ctx, http.ServerContextKey, m.c.g.srv)
	return context.WithValue(context.WithValue(ctx, connKey{}, m.c), multiKey{}, m)
}

func (m *multi) end() {
	m.count()
	_ = m.c.Close() // it has ended
}

// count takes over how much came and went.
func (m *multi) count() {
	in, out := m.Moved()
	m.c.in.Store(in)
	m.c.out.Store(out)
}

// trouble tells of a stream that came to nothing. Of those a client that floods gets no
// more than a page does that is left.
func (m *multi) trouble(reason haechi.Reason, text string) (end string) {
	m.count()
	g := m.c.g.present()
	switch reason {
	case haechi.ReasonMalformed:
		e := m.c.refusal(haechi.KindRequest, haechi.Verdict{Action: haechi.Deny, Reason: reason, Rule: RuleH3})
		e.Text = "HTTP/3 error " + text
		g.counts.h3errors.Add(1)
		g.deps.Sink.Emit(e)
	case haechi.ReasonOversize:
		e := m.c.refusal(haechi.KindRequest, haechi.Verdict{Action: haechi.Deny, Reason: reason, Rule: RuleHeader, Threshold: float64(g.cfg.MaxHeaderBytes)})
		e.Status = http.StatusRequestHeaderFieldsTooLarge
		g.counts.unreadable.Add(1)
		g.deps.Sink.Emit(e)
	case haechi.ReasonTimeout:
		m.c.emitClose(&haechi.Verdict{Reason: reason})
	}
	return m.spend(g)
}

// spend charges a stream that came to nothing.
func (m *multi) spend(g *Gate) (end string) {
	m.mu.Lock()
	over := !m.exempt && !m.spent.take(resetBurst, resetRate, g.deps.Now())
	m.mu.Unlock()
	if !over {
		return ""
	}
	v := haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonFlood, Rule: RuleStreams, Observed: resetBurst + 1, Threshold: resetBurst}
	e := m.c.refusal(haechi.KindRequest, v)
	if v.Ref = e.Ref; !m.c.cut.CompareAndSwap(nil, &v) {
		return string(e.Ref) // it is being ended
	}
	g.counts.h3cut.Add(1)
	g.deps.Sink.Emit(e)
	return string(e.Ref)
}

// keepsUp reports whether the client takes what answers to it wait for, all together, at
// MinRate for each. By one of them that cannot be told: it may be its turn last.
func (m *multi) keepsUp() bool {
	_, sent := m.Moved()
	now, step := time.Since(m.c.opened), m.c.step()
	m.mu.Lock()
	defer m.mu.Unlock()
	if passed := now - m.taken.at; passed >= step/2 {
		m.taken = taken{at: now, bytes: sent, rate: float64(sent-m.taken.bytes) / passed.Seconds()}
	}
	return m.taken.rate >= float64(m.c.g.cfg.MinRate)*float64(max(m.waiting.Load(), 1))
}

// multis are the connections of HTTP/3 of a gate that are open.
type multis struct {
	mu     sync.Mutex
	open   map[*multi]struct{}
	ending bool
}

func (s *multis) add(m *multi) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[*multi]struct{})
	}
	s.open[m] = struct{}{}
	if s.ending {
		m.Drain()
	}
}

func (s *multis) remove(m *multi) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, m)
}

// drain lets what is under way be answered, and nothing more, and waits until all have
// ended; when ctx ends first, it ends them.
func (s *multis) drain(ctx context.Context) error {
	s.mu.Lock()
	s.ending = true
	for m := range s.open {
		m.Drain()
	}
	s.mu.Unlock()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.sweep(ctx.Err() != nil) > 0 {
		<-tick.C
	}
	return ctx.Err()
}

// sweep returns how many there are, and ends them if asked to.
func (s *multis) sweep(cut bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for m := range s.open {
		if cut {
			_ = m.c.Conn.Close() // converse hears of it
		}
	}
	return len(s.open)
}
