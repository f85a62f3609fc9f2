package httpgate

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"haechi"
)

// pace is how fast the peer of a connection takes what it is sent. Only Write uses
// it, which has one caller at a time.
type pace struct {
	taken   int64         // bytes that the peer had acknowledged at since
	since   time.Duration // all times are since the connection was opened
	stalled time.Duration // when a write last had to wait
}

// maxStep is how long a write waits before it is looked at.
const maxStep = time.Second

// step is that time for this connection: several fall into the window.
func (c *conn) step() time.Duration { return min(maxStep, c.g.cfg.WriteTimeout/4) }

// Write implements net.Conn. A peer that acknowledges less than MinRate over
// WriteTimeout while there is something to send loses its connection. What counts is
// what the peer's kernel acknowledged, not what fits into ours: a window that is
// opened byte by byte does not pass for reading.
func (c *conn) Write(p []byte) (int, error) {
	sent := c.writeNow(p)
	if sent == len(p) {
		return sent, nil
	}
	if l := c.lane.Load(); l != nil && !l.alight() {
		return sent, errNoDescriptor
	}
	n, err := c.writeWaiting(p[sent:], time.Since(c.opened)|1)
	return sent + n, err
}

// writeNow writes what there is room for, on a lane, which needs no deadline. An error
// is met again by the write that waits.
func (c *conn) writeNow(p []byte) int {
	if c.sock == nil || !c.sock.inside {
		return 0
	}
	n, errno := transmit(c.sock.fd, p)
	if errno != 0 {
		return 0
	}
	c.out.Add(int64(n))
	c.wrote.Store(int64(c.sock.now))
	return n
}

// writeWaiting waits for room as long as the peer takes enough.
func (c *conn) writeWaiting(p []byte, now time.Duration) (int, error) {
	if armed := time.Duration(c.armed.Load()); armed == 0 || now-armed > c.step()/4 {
		if err := c.arm(now); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Write(p)
	c.out.Add(int64(n))
	for errors.Is(err, os.ErrDeadlineExceeded) && c.patient() {
		var more int
		more, err = c.Conn.Write(p[n:])
		n += more
		c.out.Add(int64(more))
	}
	return n, err
}

// arm lets a write wait for one step.
func (c *conn) arm(now time.Duration) error {
	if err := c.Conn.SetWriteDeadline(c.opened.Add(now + c.step())); err != nil {
		return err
	}
	c.armed.Store(int64(now))
	return nil
}

// patient reports whether a write that waited may wait for another step.
func (c *conn) patient() bool {
	now, window := time.Since(c.opened)|1, c.g.cfg.WriteTimeout
	if a := c.ahead.Load(); a != nil {
		a.start() // let go of the upstream, which need not wait for this peer
	}
	if c.pace.stalled == 0 || now-c.pace.stalled > window/2 {
		c.pace.taken, c.pace.since = c.acknowledged(), now-c.step()
	}
	c.pace.stalled = now
	c.waiting.Store(int64(now))
	if spent := now - c.pace.since; spent >= window {
		got := c.acknowledged() - c.pace.taken
		if float64(got) < float64(c.g.cfg.MinRate)*spent.Seconds() {
			c.tooSlow(float64(got) / spent.Seconds())
			return false
		}
		c.pace.taken, c.pace.since = c.acknowledged(), now
	}
	return c.arm(now) == nil
}

// blocked reports whether a write of this connection has been waiting for its peer
// just now: what waits behind it is not to blame.
func (c *conn) blocked() bool {
	at := time.Duration(c.waiting.Load())
	return at != 0 && time.Since(c.opened)-at < 2*c.step()
}

// tooSlow notes why the connection ends, and lets the kernel forget at once what the
// peer did not take.
func (c *conn) tooSlow(observed float64) {
	v := c.g.slowRead(c.Actor, observed)
	c.cut.CompareAndSwap(nil, &v)
	c.control(func(fd uintptr) { // an error means a connection that is gone
		_ = syscall.SetsockoptLinger(int(fd), syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	})
}

// leftOver ends a connection whose peer did not take its last answer while the gateway
// waited for the next request: closed in the usual way, the kernel would go on with it.
func (c *conn) leftOver() {
	last := max(c.armed.Load(), c.wrote.Load())
	idle := time.Since(c.opened) - time.Duration(last)
	if c.cut.Load() != nil || last == 0 || idle < c.g.cfg.WriteTimeout {
		return
	}
	if left := c.unacknowledged(); left > maxFarewell {
		c.tooSlow(0)
		c.emitClose(c.cut.Load())
	}
}

// maxFarewell is what may be unacknowledged at the end: the farewell of TLS or HTTP/2.
const maxFarewell = 1 << 10

// slowRead is the verdict about a peer that reads at the rate, in bytes a second.
func (g *Gate) slowRead(a haechi.Actor, rate float64) haechi.Verdict {
	g.counts.slowReads.Add(1)
	scope := haechi.Scope{Kind: haechi.ScopeAddress, Prefix: a.Client}
	return haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonTimeout, Rule: RuleSlowRead,
		Ref:      haechi.NewReference(RuleSlowRead, scope.String(), g.deps.Now()),
		Observed: rate, Threshold: float64(g.cfg.MinRate), Window: g.cfg.WriteTimeout}
}

// acknowledged is how many of the bytes written the peer's kernel has. Without a
// socket to ask it is what was written.
func (c *conn) acknowledged() int64 { return c.out.Load() - c.unacknowledged() }

// unacknowledged is SIOCOUTQ of tcp(7), 0 when it cannot be read.
func (c *conn) unacknowledged() int64 {
	var queued int32
	c.control(func(fd uintptr) {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&queued))); errno != 0 {
			queued = 0
		}
	})
	return int64(queued)
}

// control calls f with the socket's descriptor, for its options, unless there is none.
func (c *conn) control(f func(fd uintptr)) {
	if l := c.lane.Load(); l != nil && l.onBare(f) {
		return
	}
	t := tcpOf(c.Conn)
	if t == nil {
		return
	}
	if raw, err := t.SyscallConn(); err == nil {
		_ = raw.Control(f) // an error means a connection that is gone
	}
}

// Options of tcp(7) that package syscall does not name.
const (
	userTimeout  = 18 // TCP_USER_TIMEOUT
	notSentLimit = 25 // TCP_NOTSENT_LOWAT
)

// maxUnsent is how much may wait in the kernel for a peer to open its window. Without
// a bound it is several MiB, in which a slow reader hides for hours.
const maxUnsent = 256 << 10

// boundKernel bounds what the kernel keeps for the peer, and lets it end a connection
// whose peer acknowledges nothing, or keeps its window closed, for twice the write
// timeout: also when the gateway has written everything or has closed it.
func (c *conn) boundKernel() {
	c.control(func(fd uintptr) {
		// Without them the kernel keeps more, and gives up later by its own count.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, notSentLimit, maxUnsent)
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, userTimeout, int(2*c.g.cfg.WriteTimeout/time.Millisecond))
	})
}

// tcpOf is the TCP connection at the bottom, for its options only; nil if there is none.
func tcpOf(c net.Conn) *net.TCPConn {
	for {
		switch in := c.(type) {
		case *net.TCPConn:
			return in
		case interface{ Socket() net.Conn }:
			c = in.Socket()
		default:
			return nil
		}
	}
}
