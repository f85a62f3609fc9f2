package h3

import (
	"crypto/tls"
	"net"
	"sync/atomic"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"haechi"
	"haechi/internal/ingress"
)

// Listener is one service's hold on an address of a [Pool]. It implements net.Listener;
// what Accept returns is always an *ingress.Conn over a [Conn].
type Listener struct {
	cfg   Config
	tls   *tls.Config
	quic  *quic.Config
	port  *port
	conns chan *ingress.Conn
	done  chan struct{}

	counts counts
}

// counts is what a listener counts since it was made.
type counts struct {
	retried, busy, failed, moved atomic.Uint64
}

func newListener(at *port, cfg Config) *Listener {
	return &Listener{cfg: cfg, port: at, conns: make(chan *ingress.Conn), done: make(chan struct{}),
		tls: http3.ConfigureTLSConfig(cfg.TLS),
		quic: &quic.Config{
			HandshakeIdleTimeout: cfg.HeaderTimeout / 2, // which bounds the whole handshake by twice this
			MaxIdleTimeout:       deadAfter, KeepAlivePeriod: keepAlive,
			InitialStreamReceiveWindow: streamWindow, MaxStreamReceiveWindow: maxStreamWindow,
			InitialConnectionReceiveWindow: connWindow, MaxConnectionReceiveWindow: maxConnWindow,
			MaxIncomingStreams: int64(cfg.MaxStreams), MaxIncomingUniStreams: maxUniStreams,
		}}
}

// Accept waits for the next admitted connection. After Close the error is net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, &net.OpError{Op: "accept", Net: "udp", Addr: l.Addr(), Err: net.ErrClosed}
	}
}

// Addr is the address of the UDP socket.
func (l *Listener) Addr() net.Addr { return l.port.socket.LocalAddr() }

// Close gives up the hold on the address. Connections that were accepted stay open, and
// the socket with them; once nobody holds the address they are drained. Closing twice does
// nothing.
func (l *Listener) Close() error {
	p := l.port.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if !l.port.holders.Remove(l) {
		return nil
	}
	close(l.done)
	if len(l.port.holders.All()) == 0 {
		for c := range l.port.conns {
			c.Drain()
		}
	}
	l.port.settle()
	return nil
}

// Counters are the listener's counts since it was made, and the socket's of now.
func (l *Listener) Counters() []haechi.Counter {
	c := &l.counts
	return []haechi.Counter{
		{Name: "quic_retries", Value: c.retried.Load()},
		{Name: "quic_refused_busy", Value: c.busy.Load()},
		{Name: "quic_handshakes_failed", Value: c.failed.Load()},
		{Name: "quic_moved", Value: c.moved.Load()},
		{Name: "quic_handshakes_now", Value: uint64(max(0, l.port.shaking.Load()))},
	}
}
