package devicegate

import (
	"net"
	"time"
)

// reader is a connection in the hands of package net: TLS, something that is no
// socket, or a socket of which nobody has read yet. It has a buffer and a goroutine.
type reader struct {
	conn net.Conn
	own  []byte
	// armed and sent are the deadlines that are set, of reading and of writing.
	armed, sent time.Time
}

func newReader(c net.Conn) *reader { return &reader{conn: c} }

// until sets the read deadline, if it is sooner than the one that is set. A later
// one need not be set before the earlier has passed.
func (r *reader) until(t time.Time) {
	if t.IsZero() || !r.armed.IsZero() && !t.Before(r.armed) {
		return
	}
	r.armed = t
	_ = r.conn.SetReadDeadline(t) // a closed connection fails at the read
}

// passed says that the deadline has passed, so that until sets the next one.
func (r *reader) passed() {
	r.armed = time.Time{}
	_ = r.conn.SetReadDeadline(r.armed)
}

// read waits for input. The bytes hold until the next read.
func (r *reader) read() ([]byte, error) {
	if r.own == nil {
		r.own = make([]byte, bufferSize/4)
	}
	n, err := r.conn.Read(r.own)
	return r.own[:n], err
}

// write writes all of p. One writer at a time keeps a write deadline of at least three
// quarters of the timeout ahead, which spares setting it for every write.
func (r *reader) write(p []byte, now time.Time, timeout time.Duration) (int, error) {
	if r.sent.Sub(now) < timeout*3/4 {
		r.sent = now.Add(timeout)
		_ = r.conn.SetWriteDeadline(r.sent) // a closed connection fails at the write
	}
	return r.conn.Write(p)
}

// abort closes the connection without a farewell. It may be nil.
func (r *reader) abort() {
	if r != nil {
		_ = bottom(r.conn).Close() // closing is all that is left to do
	}
}

// bottom is the connection below all wrappers: closing it never blocks, unlike
// the farewell of TLS.
func bottom(c net.Conn) net.Conn {
	for {
		switch w := c.(type) {
		case interface{ NetConn() net.Conn }:
			c = w.NetConn()
		case interface{ Raw() net.Conn }:
			c = w.Raw()
		default:
			return c
		}
	}
}
