package tcpgate

import (
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// side is one end of a session: the client, or the server behind.
type side struct {
	conn net.Conn
	// raw is the socket, where it is plain TCP with nothing in between; only who reads
	// the side looks for it. ready tells the others that it is there.
	raw   syscall.RawConn
	ready atomic.Bool
	read  time.Time // deadlines that are set
	sent  time.Time
}

func newSide(c net.Conn) *side {
	d := &side{conn: c}
	d.below(c)
	return d
}

func (d *side) below(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		if raw, err := t.SyscallConn(); err == nil {
			d.raw = raw
			d.ready.Store(true)
		}
	}
}

// bare is a wrapper that steps aside once it holds nothing back: before that, Bare
// returns nil.
type bare interface{ Bare() net.Conn }

// plain reports whether the socket itself can be read. Only its reader asks.
func (d *side) plain() bool {
	if d.raw == nil {
		if b, ok := d.conn.(bare); ok {
			d.below(b.Bare())
		}
	}
	return d.raw != nil
}

// until sets the read deadline.
func (d *side) until(t time.Time) {
	if t.Equal(d.read) {
		return
	}
	d.read = t
	_ = d.conn.SetReadDeadline(t) // a closed connection fails at the read
}

// arm keeps a write deadline of at least three quarters of the timeout ahead, which
// spares setting it for every write.
func (d *side) arm(now time.Time, timeout time.Duration) {
	if d.sent.Sub(now) < timeout*3/4 {
		d.sent = now.Add(timeout)
		_ = d.conn.SetWriteDeadline(d.sent) // a closed connection fails at the write
	}
}

// closeWrite passes on that nothing more will come.
func (d *side) closeWrite(timeout time.Duration) {
	d.arm(time.Now(), timeout) // TLS says goodbye
	if w, ok := d.conn.(interface{ CloseWrite() error }); ok {
		_ = w.CloseWrite() // a side that is gone notices nothing
	}
}
