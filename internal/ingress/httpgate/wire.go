package httpgate

import (
	"bufio"
	"context"
	"errors"
	"net"
	"slices"
	"syscall"
	"time"

	"haechi/internal/brick/parking"
)

var errAnswerHeader = errors.New("the upstream's header is too large")

// wire is one connection to an upstream.
type wire struct {
	conn net.Conn
	raw  syscall.RawConn
	br   *bufio.Reader // nil until net/http is needed to read it
	bw   *bufio.Writer
	left int64 // bytes that may still be read; bounds the header
	got  bool  // a byte of the answer came

	opened time.Time     // all times of a wire are since then
	since  time.Duration // when it became idle

	berth               // while it is one of the loops; then conn and raw are nil
	lane  *lane         // that waits for its answer; nil while it is idle
	due   time.Duration // when the answer is
	u     *upstream     // whose it is

	looks  uint64 // of its loop, when it became idle
	unseen bool   // the loop has not looked since

	peek  func(fd uintptr) // made once; sets quiet
	quiet bool
	seen  [1]byte

	talking
}

func newDialer() net.Dialer {
	return net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
}

func (u *upstream) dial(ctx context.Context) (*wire, error) {
	c, err := u.dialer.DialContext(ctx, "tcp", u.addr)
	if err != nil {
		return nil, err
	}
	w := &wire{conn: c, opened: time.Now()}
	w.peek, w.turn = w.look, w.talk
	if sc, ok := c.(syscall.Conn); ok {
		if w.raw, err = sc.SyscallConn(); err != nil {
			c.Close()
			return nil, err
		}
	}
	return w, nil
}

// age is the time on it.
func (w *wire) age() time.Duration { return time.Since(w.opened) }

// at is the same by the clock of the lane that asks.
func (w *wire) at(l *lane) time.Duration { return w.lead + l.clock() }

// buffered makes the buffers.
func (w *wire) buffered() {
	if w.br == nil {
		w.br, w.bw = bufio.NewReader(w), bufio.NewWriter(w.conn)
	}
}

// Read implements io.Reader for the buffer.
func (w *wire) Read(p []byte) (int, error) {
	if w.left <= 0 {
		return 0, errAnswerHeader
	}
	if int64(len(p)) > w.left {
		p = p[:w.left]
	}
	n, err := w.conn.Read(p)
	w.left -= int64(n)
	w.got = w.got || n > 0
	return n, err
}

// interrupt wakes whoever reads or writes. It runs when a request is cancelled.
func (w *wire) interrupt() {
	if w.lot != nil {
		parking.Shut(w.fd) // which wakes its lane
		return
	}
	// An error means a connection that is gone already.
	_ = w.conn.SetDeadline(time.Unix(1, 0))
}

// stale reports whether the error is that of a connection which the upstream
// closed while it was idle.
func (w *wire) stale(err error) bool {
	var timeout net.Error
	return !w.got && !errors.Is(err, context.Canceled) && !(errors.As(err, &timeout) && timeout.Timeout())
}

// silent reports whether the idle connection is open and has nothing to say. What
// an upstream sends unasked must never become the answer to the next request.
func (w *wire) silent() bool {
	w.quiet = false
	return w.raw != nil && w.raw.Control(w.peek) == nil && w.quiet
}

func (w *wire) look(fd uintptr) {
	_, _, err := syscall.Recvfrom(int(fd), w.seen[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	w.quiet = err == syscall.EAGAIN
}

// take returns an idle connection that is silent, nil if there is none.
func (u *upstream) take() *wire {
	for {
		w := u.pop()
		if w == nil || w.silent() {
			return w
		}
		w.close()
	}
}

// pop returns an idle connection, nil if there is none. It takes one from the loops where
// package net has none: a server may have no place for another.
func (u *upstream) pop() *wire {
	if w := u.popOwn(); w != nil {
		return w
	}
	for w := u.unpark(); w != nil; w = u.unpark() {
		if w.ground() == nil {
			return w
		}
		w.close()
	}
	return nil
}

// popOwn returns the one of package net that was used last.
func (u *upstream) popOwn() *wire {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := len(u.idle)
	if n == 0 {
		return nil
	}
	w := u.idle[n-1]
	u.idle[n-1] = nil
	u.idle = u.idle[:n-1]
	return w
}

func (u *upstream) put(w *wire, now time.Duration) {
	w.since = now
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case w.lot != nil:
		u.park(w)
	case u.closed || len(u.idle)+len(u.parked) >= u.maxIdle:
		w.close()
	default:
		u.idle = append(u.idle, w)
	}
	if u.timer == nil && len(u.idle)+len(u.parked) > 0 {
		u.timer = time.AfterFunc(idleFor, u.prune)
	}
}

// prune closes what was idle for too long, and comes back while anything is left.
func (u *upstream) prune() {
	u.mu.Lock()
	defer u.mu.Unlock()
	long := func(w *wire) bool { return w.age()-w.since >= idleFor }
	u.shutIdle(long)
	u.timer = nil
	if len(u.idle)+len(u.parked) > 0 {
		u.timer = time.AfterFunc(idleFor/4, u.prune)
	}
}

// shutIdle closes the idle connections that are meant. The lock is held.
func (u *upstream) shutIdle(meant func(*wire) bool) {
	u.idle = slices.DeleteFunc(u.idle, func(w *wire) bool {
		over := meant(w)
		if over {
			w.close()
		}
		return over
	})
	u.parked = slices.DeleteFunc(u.parked, func(w *wire) bool {
		over := meant(w)
		if over && w.lot.Claim(w.place) { // else it was just woken, and is closed by that
			w.close()
		}
		return over
	})
}

// close closes idle connections, and the others when they become idle.
func (u *upstream) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	u.shutIdle(func(*wire) bool { return true })
	if u.timer != nil {
		u.timer.Stop()
	}
	u.general.CloseIdleConnections()
}
