package httpgate

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"haechi/internal/brick/http1"
)

var (
	errNoSilence = errors.New("the upstream closed the connection, or spoke unasked")
	errStopped   = errors.New("the request was ended")

	errNoDescriptor = errors.New("no descriptor is left to wait with")
)

// talking is what a lane says on a wire, and hears.
type talking struct {
	turn  func(fd uintptr) bool // made once: talk
	out   []byte                // still to be sent
	asked bool
	reply []byte // pooled; what came is [:heard]
	heard int
	fault error
	pool  *bufferPool
	armed time.Duration // for when the deadline is set; 0: for no time that is known
	lead  time.Duration // of its time over that of the lane that asks
}

// begin prepares for the lane's request.
func (w *wire) begin(l *lane) {
	w.out, w.asked, w.heard, w.fault, w.pool, w.got = l.request, false, 0, nil, &l.c.g.buffers, false
	w.lead = l.c.opened.Sub(w.opened)
}

// talk is the callback of RawConn.Read: it sends the request, then waits for the
// answer. Whatever the upstream said before the request must never become the answer
// to it, so the socket is looked at first; and since the poller was reset before that,
// nothing that comes later is missed, without looking once more.
func (w *wire) talk(fd uintptr) (done bool) {
	if !w.asked {
		if _, errno := receive(int(fd), w.seen[:]); errno != syscall.EAGAIN {
			w.fault = errNoSilence
			return true
		}
		w.asked = true
		n, errno := transmit(int(fd), w.out)
		if errno != 0 && errno != syscall.EAGAIN {
			w.fault = os.NewSyscallError("sendto", errno)
			return true
		}
		w.out = w.out[n:]
		return len(w.out) > 0 // the rest has to wait for room
	}
	if w.reply == nil {
		w.reply = w.pool.Get()
	}
	n, errno := receive(int(fd), w.reply[w.heard:])
	switch {
	case errno == syscall.EAGAIN:
		return false
	case errno != 0:
		w.fault = os.NewSyscallError("recvfrom", errno)
	case n == 0:
		w.fault = io.ErrUnexpectedEOF
	default:
		w.heard += n
		w.got = true
	}
	return true
}

// release gives the buffer back.
func (w *wire) release() {
	if w.reply != nil {
		w.pool.Put(w.reply)
		w.reply = nil
	}
}

// arm sees to it that reading ends when it is due, or after a moment: then the client
// is looked at.
func (w *wire) arm(now, due time.Duration) error {
	due = min(due, now+watchEvery)
	if w.armed <= due && w.armed > now+(due-now)/2 {
		return nil
	}
	w.armed = due
	return w.conn.SetReadDeadline(w.opened.Add(due))
}

// ask sends the request to one server and hears the head of the answer, which is in
// w.reply then. A connection that was idle and turns out to be closed is replaced, if
// nothing was sent on it or the request may be repeated.
func (l *lane) ask(u *upstream) (*wire, error) {
	for w := u.pop(); w != nil; w = u.pop() {
		err := l.converse(u, w)
		if err == nil {
			return w, nil
		}
		stale := w.stale(err)
		l.drop(w)
		if errors.Is(err, errNoSilence) {
			continue
		}
		if errors.Is(err, errStopped) || !stale || !l.repeatable() {
			return nil, err
		}
		break
	}
	return l.askAnew(u)
}

// askAnew is ask on a new connection.
func (l *lane) askAnew(u *upstream) (*wire, error) {
	w, err := u.dial(context.Background()) // the dialer has its own bound
	l.stale = true
	if err != nil {
		return nil, err
	}
	if err := l.converse(u, w); err != nil {
		l.drop(w)
		return nil, err
	}
	return w, nil
}

// drop closes a connection to an upstream.
func (l *lane) drop(w *wire) {
	l.hold(nil)
	w.release()
	w.close()
}

// repeatable is as the function of that name says.
func (l *lane) repeatable() bool {
	return l.q.Length == 0 && safe(l.x.in.method)
}

// converse has one exchange on a wire, up to the head of the answer.
func (l *lane) converse(u *upstream, w *wire) error {
	w.begin(l)
	l.hold(w)
	due := w.at(l) + u.answer
	for {
		now := w.at(l)
		if l.ended() {
			return errStopped
		}
		if err := w.arm(now, due); err != nil {
			return err
		}
		err := w.raw.Read(w.turn)
		l.stale = true
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			w.armed = 0 // it may have been an interruption
			if err := l.patient(w.opened.Add(due)); err != nil {
				return err
			}
		case err != nil:
			return err
		case w.fault != nil:
			return w.fault
		case len(w.out) > 0:
			if err := w.sendRest(w.opened.Add(due)); err != nil {
				return err
			}
		default:
			if l.understood = l.read.Response(w.reply[:w.heard], &l.reply); l.understood != http1.More || w.heard == len(w.reply) {
				return nil
			}
		}
	}
}

// sendRest sends what had no room in the socket.
func (w *wire) sendRest(due time.Time) error {
	if err := w.conn.SetWriteDeadline(due); err != nil {
		return err
	}
	_, err := w.conn.Write(w.out)
	w.out = nil
	return errors.Join(err, w.conn.SetWriteDeadline(time.Time{}))
}

// ended reports whether the request was cut, or the gate ends it.
func (l *lane) ended() bool { return l.stopped.Load() || l.quit.Load() || l.x.cutBy() != nil }

// givenUp is an error once nobody waits for the answer.
func (l *lane) givenUp() error {
	if l.gone.Load() || l.ended() {
		return errStopped
	}
	return nil
}

// patient says whether to go on waiting: not beyond the time that is due, and not for
// a client that left. No due means for ever.
func (l *lane) patient(due time.Time) error {
	switch {
	case l.ended():
		return errStopped
	case !due.IsZero() && !time.Now().Before(due):
		return os.ErrDeadlineExceeded
	case hungUp(l.sock.fd):
		l.gone.Store(true)
		return errStopped
	}
	return nil
}

// pull reads more of the answer, for however long it takes while the client is there.
func (l *lane) pull(w *wire, p []byte) (int, error) {
	for {
		if l.ended() {
			return 0, errStopped
		}
		now := w.age()
		if err := w.arm(now, now+watchEvery); err != nil {
			return 0, err
		}
		n, err := w.conn.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		w.armed = 0
		if err := l.patient(time.Time{}); err != nil {
			return 0, err
		}
	}
}
