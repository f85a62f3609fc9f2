package httpgate

import (
	"crypto/tls"
	"net"
	"sync"
)

// handoff is the listener of net/http's server: it accepts the connections on which
// something else than plain HTTP/1.1 came.
type handoff struct {
	ch   chan net.Conn
	done chan struct{}
	once sync.Once
}

func newHandoff() *handoff { return &handoff{ch: make(chan net.Conn), done: make(chan struct{})} }

// Accept implements net.Listener.
func (h *handoff) Accept() (net.Conn, error) {
	select {
	case c := <-h.ch:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handoff) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// Addr implements net.Listener.
func (h *handoff) Addr() net.Addr { return &net.TCPAddr{} }

// give hands a connection over, or closes it when the server has stopped.
func (h *handoff) give(c net.Conn) {
	select {
	case h.ch <- c:
	case <-h.done:
		_ = c.Close()
	}
}

// again is a connection of which something was read already.
type again struct {
	*conn
	rest []byte
}

// Read implements net.Conn.
func (a *again) Read(p []byte) (int, error) {
	if len(a.rest) > 0 {
		n := copy(p, a.rest)
		a.rest = a.rest[n:]
		return n, nil
	}
	return a.conn.Read(p)
}

// againTLS is the same over TLS. net/http learns by ConnectionState that it is.
type againTLS struct {
	*tls.Conn
	rest []byte
}

// Read implements net.Conn.
func (a *againTLS) Read(p []byte) (int, error) {
	if len(a.rest) > 0 {
		n := copy(p, a.rest)
		a.rest = a.rest[n:]
		return n, nil
	}
	return a.Conn.Read(p)
}
