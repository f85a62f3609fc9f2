package h3

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"haechi/internal/ingress"
)

var (
	errNobody  = errors.New("nobody listens any more")
	errBusy    = errors.New("too many handshakes are under way")
	errRefused = errors.New("the client was refused")
)

// port is one UDP socket with the listeners that hold it.
type port struct {
	pool      *Pool
	addr      string // as bound
	local     uint16
	socket    net.PacketConn
	transport *quic.Transport
	quic      *quic.Listener

	// shaking are the handshakes under way; unproved are those of addresses that may be
	// forged.
	shaking, unproved atomic.Int64

	refusals refusals // of the one goroutine that begins connections

	// Under the pool's mutex:
	holders  ingress.Holders[Listener]
	attempts int // connections and handshakes
	conns    map[*Conn]struct{}
	closing  bool

	gone chan struct{} // closed once the socket is
	err  error         // of its closing
	done chan struct{} // closed when closing begins
}

// open opens the socket. The caller holds the pool's mutex.
func (p *Pool) open(addr string) (*port, error) {
	socket, err := p.bind(addr)
	if err != nil {
		return nil, err
	}
	at := &port{pool: p, socket: socket, addr: socket.LocalAddr().String(), local: addrPort(socket.LocalAddr()).Port(),
		refusals: newRefusals(), conns: make(map[*Conn]struct{}), gone: make(chan struct{}), done: make(chan struct{})}
	at.transport = &quic.Transport{Conn: socket, ConnectionIDLength: connectionID, VerifySourceAddress: at.verify, ConnContext: at.begin,
		MaxTokenAge: -1} // only what answers our own Retry proves an address: other tokens may be used again and again
	at.quic, err = at.transport.Listen(&tls.Config{GetConfigForClient: at.tlsFor}, &quic.Config{GetConfigForClient: at.quicFor})
	if err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	go at.accept()
	go at.watch()
	return at, nil
}

// settle closes the socket when nobody needs it. The caller holds the pool's mutex.
func (o *port) settle() {
	if len(o.holders.All()) == 0 && o.attempts == 0 {
		o.shut()
	}
}

// shut closes the socket, whoever needs it. The caller holds the pool's mutex.
func (o *port) shut() {
	if o.closing {
		return
	}
	o.closing = true
	close(o.done)
	go func() {
		err := errors.Join(o.transport.Close(), o.socket.Close()) // each ends connections, which take the mutex
		o.pool.mu.Lock()
		defer o.pool.mu.Unlock()
		o.err = err
		delete(o.pool.ports, o.addr)
		close(o.gone)
	}()
}

// verify reports whether a client must show first that its address is its own.
func (o *port) verify(a net.Addr) bool {
	l := o.holders.Newest()
	if l == nil {
		return false // it is refused
	}
	if o.unproved.Load() < int64(l.cfg.RetryFrom) && !l.cfg.Door.Doubtful(addrPort(a).Addr()) {
		return false
	}
	l.counts.retried.Add(1)
	return true
}

// quicFor is how a new connection speaks QUIC.
func (o *port) quicFor(*quic.ClientInfo) (*quic.Config, error) {
	l := o.holders.Newest()
	if l == nil {
		return nil, errNobody
	}
	return l.quic, nil
}

// tlsFor is how its handshake is held.
func (o *port) tlsFor(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	at := attemptOf(hello.Context())
	if get := at.l.tls.GetConfigForClient; get != nil {
		if conf, err := get(hello); conf != nil || err != nil {
			return conf, err
		}
	}
	return at.l.tls, nil
}

// begin lets a connection begin, or refuses it before it costs a handshake.
func (o *port) begin(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	l := o.holders.Newest()
	if l == nil {
		return nil, errNobody
	}
	at, now := newAttempt(l, addrPort(info.RemoteAddr), info.AddrVerified), time.Now()
	if info.AddrVerified && o.refusals.just(at.peer, now) {
		return nil, errRefused
	}
	if err := at.enter(); err != nil {
		o.refusals.note(at.peer, now)
		return nil, err
	}
	at.start()
	context.AfterFunc(ctx, at.end)
	return withAttempt(ctx, at), nil
}

// accept hands over the connections whose handshake is complete.
func (o *port) accept() {
	for {
		q, err := o.quic.Accept(context.Background())
		if err != nil {
			return // the socket is being closed
		}
		o.take(q)
	}
}

func (o *port) take(q *quic.Conn) {
	at := attemptOf(q.Context())
	at.proved()
	if !at.admit() {
		go endQUIC(q, errorExcessive, "")
		return
	}
	c := newConn(q, at)
	o.note(c)
	a := at.actor
	a.Fingerprint = at.hello.Fingerprint
	in := ingress.NewConn(c, a, at.peer.Port(), o.local, at.letGo)
	in.TLS = true
	o.hand(at.l, in)
}

// hand gives a connection to the listener that admitted it or, if that was closed
// meanwhile, to the one that came after it.
func (o *port) hand(l *Listener, in *ingress.Conn) {
	for {
		select {
		case l.conns <- in:
			return
		case <-l.done:
		}
		next := o.holders.Newest()
		if next == nil || next == l || next.cfg.Service != l.cfg.Service {
			_ = in.Close() // nobody is there to take it whose door it came through
			return
		}
		l = next
	}
}

// note keeps a connection to be looked at until it has ended.
func (o *port) note(c *Conn) {
	o.pool.mu.Lock()
	o.conns[c] = struct{}{}
	if len(o.holders.All()) == 0 {
		c.Drain()
	}
	o.pool.mu.Unlock()
	context.AfterFunc(c.quic.Context(), func() {
		o.pool.mu.Lock()
		defer o.pool.mu.Unlock()
		delete(o.conns, c)
	})
}

// watch ends the connections of clients that moved to another address.
func (o *port) watch() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-o.done:
			return
		case <-tick.C:
		}
		o.pool.mu.Lock()
		for c := range o.conns {
			c.stays()
		}
		o.pool.mu.Unlock()
	}
}

// addrPort is the address with IPv4-mapped IPv6 as IPv4 and without a zone.
func addrPort(a net.Addr) netip.AddrPort {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := u.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
