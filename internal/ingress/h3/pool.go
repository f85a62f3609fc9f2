package h3

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"

	"haechi"
)

// Bind opens a UDP socket on host:port.
type Bind func(addr string) (net.PacketConn, error)

// Pool owns the UDP sockets of one process, across reloads. It is safe for concurrent
// use.
type Pool struct {
	bind Bind

	mu    sync.Mutex // guards all below, and every port's listeners and connections
	ports map[string]*port
}

// NewPool makes an empty pool. A nil bind means plain UDP.
func NewPool(bind Bind) *Pool {
	if bind == nil {
		bind = bindUDP
	}
	return &Pool{bind: bind, ports: make(map[string]*port)}
}

func bindUDP(addr string) (net.PacketConn, error) {
	var lc net.ListenConfig
	return lc.ListenPacket(context.Background(), "udp", addr)
}

// Listen makes a listener on the address. If the pool holds that address already, the
// new listener takes over its new connections at once, and the older ones get none until
// it is closed. Errors are of kind Invalid, Conflict (the address is taken) or
// Unavailable.
func (p *Pool) Listen(cfg Config) (*Listener, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	for {
		l, closing, err := p.listen(cfg)
		if closing == nil {
			return l, err
		}
		<-closing.gone
	}
}

// listen also returns the port that has to be gone before.
func (p *Pool) listen(cfg Config) (*Listener, *port, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.ports[cfg.Addr]
	if at != nil && at.closing {
		return nil, at, nil
	}
	if at == nil {
		var err error
		if at, err = p.open(cfg.Addr); err != nil {
			return nil, nil, bindError(cfg.Addr, err)
		}
		p.ports[at.addr] = at
	}
	l := newListener(at, cfg)
	at.holders.Push(l)
	return l, nil, nil
}

func bindError(addr string, err error) error {
	e := &haechi.Error{Kind: haechi.Unavailable, Op: "listen on UDP " + addr, Err: err,
		Hint: "check that the address belongs to this machine and that the port may be opened"}
	if errors.Is(err, syscall.EADDRINUSE) {
		e.Kind, e.Hint = haechi.Conflict, "another program has that UDP port; stop it, or take http3 out of tls"
	}
	return e
}

// Close closes every listener and socket. Connections that are left end at once.
func (p *Pool) Close() error {
	p.mu.Lock()
	var all []*port
	for _, at := range p.ports {
		for _, l := range slices.Clone(at.holders.All()) {
			at.holders.Remove(l)
			close(l.done)
		}
		at.shut()
		all = append(all, at)
	}
	p.mu.Unlock()
	var errs []error
	for _, at := range all {
		<-at.gone
		errs = append(errs, at.err)
	}
	return errors.Join(errs...)
}

// Addrs are the addresses that have a socket open now, in no order.
func (p *Pool) Addrs() (out []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for addr, at := range p.ports {
		if !at.closing {
			out = append(out, addr)
		}
	}
	return out
}
