package devicegate

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

const bufferSize = 16 << 10

// reader reads a connection into a pooled buffer that it takes only when there is
// something to read, so that an idle TCP connection holds none.
type reader struct {
	conn net.Conn
	raw  syscall.RawConn // nil: not a plain TCP connection
	pool *sync.Pool
	buf  *[]byte
	own  []byte // where waiting without a buffer is not possible
	n    int
	err  error
	try  func(fd uintptr) bool
	// armed is the read deadline that is set.
	armed time.Time
}

func newReader(c net.Conn, pool *sync.Pool) *reader {
	r := &reader{conn: c, pool: pool}
	if _, ok := c.(*net.TCPConn); ok {
		r.below(c)
	}
	return r
}

// below reads from c itself from now on, if it is plain TCP.
func (r *reader) below(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		if raw, err := t.SyscallConn(); err == nil {
			r.raw, r.try, r.own = raw, r.tryRead, nil
		}
	}
}

// bare is a wrapper that steps aside once it holds nothing back: before that,
// Bare returns nil.
type bare interface{ Bare() net.Conn }

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

// read waits for input. The bytes hold until free.
func (r *reader) read() ([]byte, error) {
	if b, ok := r.conn.(bare); ok && r.raw == nil {
		r.below(b.Bare())
	}
	if r.raw == nil {
		if r.own == nil {
			r.own = make([]byte, bufferSize/4)
		}
		n, err := r.conn.Read(r.own)
		return r.own[:n], err
	}
	r.n, r.err = 0, nil
	if err := r.raw.Read(r.try); err != nil {
		return nil, err
	}
	switch {
	case r.err != nil:
		return nil, os.NewSyscallError("read", r.err)
	case r.n == 0:
		return nil, io.EOF
	}
	return (*r.buf)[:r.n], nil
}

// tryRead reads once; false means to wait until there is something.
func (r *reader) tryRead(fd uintptr) bool {
	if r.buf == nil {
		r.buf = r.pool.Get().(*[]byte)
	}
	for {
		r.n, r.err = syscall.Read(int(fd), *r.buf)
		if !errors.Is(r.err, syscall.EINTR) {
			break
		}
	}
	if errors.Is(r.err, syscall.EAGAIN) {
		r.free()
		return false
	}
	if r.n < 0 {
		r.n = 0
	}
	return true
}

// free gives the buffer back.
func (r *reader) free() {
	if r.buf != nil {
		r.pool.Put(r.buf)
		r.buf = nil
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
