package listener

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"haechi"
)

// Bind opens a socket of the operating system that listens on host:port.
type Bind func(addr string) (net.Listener, error)

// Pool owns the listening sockets of one process, across reloads. It is safe for
// concurrent use.
type Pool struct {
	bind Bind

	mu      sync.Mutex // guards all below, and every socket's list of listeners
	sockets map[string]*socket
	wg      sync.WaitGroup // accept loops and header readers

	acceptErrors atomic.Uint64
	scratch      sync.Pool // *[scratchSize]byte
}

// NewPool makes an empty pool. A nil bind means plain TCP.
func NewPool(bind Bind) *Pool {
	if bind == nil {
		bind = bindTCP
	}
	return &Pool{bind: bind, sockets: make(map[string]*socket),
		scratch: sync.Pool{New: func() any { return new([scratchSize]byte) }}}
}

// bindTCP listens without MPTCP: a subflow may come from an address that nobody
// has judged. The address can be taken again at once (Go sets SO_REUSEADDR).
func bindTCP(addr string) (net.Listener, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	return lc.Listen(context.Background(), "tcp", addr)
}

// Listen makes a listener on the address. If the pool holds that address already,
// the new listener takes over its new connections at once, and the older ones
// get none until it is closed. Errors are of kind Invalid, Conflict (the address
// is taken) or Unavailable.
func (p *Pool) Listen(cfg Config) (*Listener, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sockets[cfg.Addr]
	if s == nil {
		s = &socket{pool: p, addr: cfg.Addr, pending: make(map[net.Conn]struct{})}
	}
	l := newListener(s, cfg)
	l.suspended = cfg.Suspended && s.open == nil
	s.holders.Push(l)
	if err := s.settle(); err != nil {
		s.holders.Remove(l)
		return nil, bindError(cfg.Addr, err)
	}
	p.sockets[s.addr] = s // the bound address, where the port was 0
	return l, nil
}

func bindError(addr string, err error) error {
	e := &haechi.Error{Kind: haechi.Unavailable, Op: "listen on " + addr, Err: err,
		Hint: "check that the address belongs to this machine and that the port may be opened"}
	if errors.Is(err, syscall.EADDRINUSE) {
		e.Kind, e.Hint = haechi.Conflict, "another program listens there; stop it or choose another port"
	}
	return e
}

// Close closes every listener and waits for the accept loops. Connections that
// were handed out stay open.
func (p *Pool) Close() error {
	p.mu.Lock()
	var all []*Listener
	for _, s := range p.sockets {
		all = append(all, s.holders.All()...)
	}
	p.mu.Unlock()
	var errs []error
	for _, l := range all {
		errs = append(errs, l.Close())
	}
	p.wg.Wait()
	return errors.Join(errs...)
}

// Addrs are the addresses that have a socket open now, in no order.
func (p *Pool) Addrs() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for addr, s := range p.sockets {
		if s.open != nil {
			out = append(out, addr)
		}
	}
	return out
}

// AcceptErrors counts failed accepts, for example for want of file descriptors.
func (p *Pool) AcceptErrors() uint64 { return p.acceptErrors.Load() }
