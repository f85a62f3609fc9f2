package listener

import (
	"net"
	"sync/atomic"

	"haechi"
	"haechi/internal/ingress"
)

// Listener is one service's hold on an address of a [Pool]. It implements
// net.Listener; what Accept returns is always an *ingress.Conn.
type Listener struct {
	cfg    Config
	socket *socket
	conns  chan *ingress.Conn
	done   chan struct{}

	suspended bool // guarded by the pool's mutex

	live    atomic.Int64 // open connections, those awaited included
	waiting atomic.Int64 // connections whose header is awaited
	counts  counts
}

// counts is what a listener counts since it was made.
type counts struct {
	admitted, judged, capped, overload, header, stranger, bare atomic.Uint64
}

func newListener(s *socket, cfg Config) *Listener {
	return &Listener{cfg: cfg, socket: s, suspended: cfg.Suspended,
		conns: make(chan *ingress.Conn), done: make(chan struct{})}
}

// Gone implements [ingress.Counter].
func (l *Listener) Gone() { l.live.Add(-1) }

// Accept waits for the next admitted connection. After Close the error is
// net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
}

// Addr is the address that is or, while suspended, will again be listened on.
func (l *Listener) Addr() net.Addr {
	l.socket.pool.mu.Lock()
	defer l.socket.pool.mu.Unlock()
	if l.socket.bound != nil {
		return l.socket.bound
	}
	return plainAddr(l.cfg.Addr)
}

// plainAddr stands in for an address that was never bound.
type plainAddr string

func (plainAddr) Network() string  { return "tcp" }
func (a plainAddr) String() string { return string(a) }

// Close gives up the hold on the address. The socket is closed when nobody else
// holds it. Connections that were accepted stay open. Closing twice does nothing.
func (l *Listener) Close() error {
	p := l.socket.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if !l.socket.holders.Remove(l) {
		return nil
	}
	err := l.socket.settle()
	if len(l.socket.holders.All()) == 0 {
		delete(p.sockets, l.socket.addr)
		l.socket.dropPending()
	}
	close(l.done)
	return err
}

// Suspend closes the socket: clients see their connections refused rather than
// accepted and dropped. It does nothing while a newer listener holds the address.
func (l *Listener) Suspend() error { return l.setSuspended(true) }

// Resume opens the socket again on the same address. It may be called again
// after an error, which is of kind Conflict or Unavailable.
func (l *Listener) Resume() error { return l.setSuspended(false) }

func (l *Listener) setSuspended(suspended bool) error {
	p := l.socket.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	l.suspended = suspended
	if err := l.socket.settle(); err != nil {
		return bindError(l.cfg.Addr, err)
	}
	return nil
}

// Live is how many connections of this listener are open.
func (l *Listener) Live() int { return int(l.live.Load()) }

// Counters are the listener's counts since it was made.
func (l *Listener) Counters() []haechi.Counter {
	c := &l.counts
	return []haechi.Counter{
		{Name: "listener_admitted", Value: c.admitted.Load()},
		{Name: "listener_refused_verdict", Value: c.judged.Load()},
		{Name: "listener_refused_cap", Value: c.capped.Load()},
		{Name: "listener_refused_overload", Value: c.overload.Load()},
		{Name: "listener_refused_proxy_header", Value: c.header.Load()},
		{Name: "listener_refused_stranger_header", Value: c.stranger.Load()},
		{Name: "listener_bare_connects", Value: c.bare.Load()},
	}
}
