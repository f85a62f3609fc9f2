package listener

import (
	"net"
	"syscall"
)

// scratchSize holds a TLS client hello with a hybrid key share.
const scratchSize = 2048

// closeQuietly closes a refused connection without a reset where it can: what
// the peer has sent already is read away first, since the kernel answers unread
// bytes with a reset that may overtake an answer. It does not wait for more.
func closeQuietly(c *conn) {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		if raw, err := t.SyscallConn(); err == nil {
			buf := c.l.socket.pool.scratch.Get().(*[scratchSize]byte)
			// The error only says that there is nothing to read, or nobody.
			_ = raw.Read(func(fd uintptr) bool {
				_, _ = syscall.Read(int(fd), buf[:])
				return true
			})
			c.l.socket.pool.scratch.Put(buf)
		}
	}
	c.Close()
}
