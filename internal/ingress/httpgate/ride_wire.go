package httpgate

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"haechi/internal/brick/http1"
	"haechi/internal/brick/parking"
)

// maxLaunch is how long a request may be that a loop sends, in bytes: as much has room in
// a socket that is idle.
const maxLaunch = 4 << 10

// launch sends the lane's request on a wire of the loops. The answer is resume's.
func (l *lane) launch(u *upstream) error {
	for w := u.unpark(); w != nil; w = u.unpark() {
		err := l.say(u, w)
		if err == nil {
			return nil
		}
		if l.drop(w); !errors.Is(err, errNoSilence) {
			return err
		}
	}
	w := u.take()
	if w == nil {
		l.apart()
		var err error
		w, err = u.dial(context.Background()) // the dialer has its own bound
		l.stale = true
		if err != nil {
			return err
		}
	}
	err := w.strip(u, l.lot) // in its pool it would keep a place at the server from the others
	if err != nil {
		_ = w.conn.Close()
		return err
	}
	if err = l.say(u, w); err != nil {
		l.drop(w)
	}
	return err
}

// strip makes a wire one of the loops.
func (w *wire) strip(u *upstream, lot *parking.Lot) (err error) {
	tcp, ok := w.conn.(*net.TCPConn)
	if !ok {
		return errors.ErrUnsupported
	}
	b := berth{lot: lot}
	if b.fd, err = parking.Detach(tcp); err != nil {
		return err
	}
	if b.place, err = lot.TakeReader(b.fd, w); err != nil {
		_ = syscall.Close(b.fd)
		return err
	}
	w.berth, w.u, w.conn, w.raw, w.unseen = b, u, nil, nil, true
	w.br, w.bw, w.armed = nil, nil, 0 // which knew the connection
	return nil
}

// say sends the request. After errNoSilence nothing was sent.
func (l *lane) say(u *upstream, w *wire) error {
	w.begin(l)
	if w.unseen {
		if _, errno := receive(w.fd, w.seen[:]); errno != syscall.EAGAIN {
			return errNoSilence
		}
	}
	switch n, errno := transmit(w.fd, w.out); {
	case n == 0 && errno != syscall.EAGAIN:
		return errNoSilence // it was closed just now
	case n < len(w.out):
		return io.ErrShortWrite // an idle socket without room for this is none that works
	}
	now := w.at(l)
	w.lane, w.due, w.out, w.asked = l, now+u.answer, nil, true
	l.loan = loan{l: l, u: u, w: w}
	l.hold(w)
	w.expect(now)
	return nil
}

// expect sees to it that the lane is woken when the answer is due, or after a moment:
// then the client is looked at.
func (w *wire) expect(now time.Duration) {
	due := min(w.due, now+watchEvery)
	if w.armed <= due && w.armed > now+(due-now)/2 {
		return
	}
	w.armed = due
	w.lot.Due(w.place, w.opened.Add(due))
}

// Ride implements [parking.Rider]: the server said something, or the time is up.
func (w *wire) Ride(why parking.Events, t *parking.Turn) {
	l := w.lane
	if l == nil {
		w.u.unasked(w, why)
		return
	}
	defer l.caught()
	l.turn = t
	l.travel(l.resume(why))
}

// Wake implements [parking.Waker].
func (w *wire) Wake(why parking.Events) { w.Ride(why, nil) }

// resume goes on with a request after its wire was woken.
func (l *lane) resume(why parking.Events) stride {
	u, w := l.loan.u, l.loan.w
	l.stale = true
	here, err := l.listen(w, why)
	if !here && err == nil {
		return away
	}
	if err != nil {
		w, err = l.askAgain(u, w, err)
	}
	l.request = nil
	l.received(l.x, u, w, err)
	if s := l.conclude(); s != onward {
		return s
	}
	return l.run()
}

// listen reads what came. It reports whether the head of the answer is here.
func (l *lane) listen(w *wire, why parking.Events) (here bool, err error) {
	if l.ended() || why&parking.Ending != 0 {
		return false, errStopped
	}
	if w.reply == nil {
		w.reply = w.pool.Get()
	}
	n, errno := receive(w.fd, w.reply[w.heard:])
	switch {
	case errno == syscall.EAGAIN:
		if why&parking.Expired != 0 {
			w.armed = 0
			err = l.patient(w.opened.Add(w.due))
		}
		w.expect(w.at(l))
		return false, err
	case errno != 0:
		return false, os.NewSyscallError("recvfrom", errno)
	case n == 0:
		return false, io.ErrUnexpectedEOF
	}
	w.heard, w.got = w.heard+n, true
	l.understood = l.read.Response(w.reply[:w.heard], &l.reply)
	return l.understood != http1.More || w.heard == len(w.reply), nil
}

// askAgain asks on another connection where the server closed an idle one just then.
func (l *lane) askAgain(u *upstream, w *wire, err error) (*wire, error) {
	stale := w.stale(err)
	l.drop(w)
	if !stale || errors.Is(err, errStopped) || !l.repeatable() {
		return nil, err
	}
	l.apart()
	return l.askAnew(u)
}

// land makes the wire that the lane has one of package net, so that it may be waited for.
func (l *lane) land(w *wire) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return w.ground()
}

// ground makes the wire one of package net.
func (w *wire) ground() error {
	if w.lot == nil {
		return nil
	}
	tcp, err := w.landed()
	if err != nil {
		return err
	}
	w.conn, w.lane, w.armed = tcp, nil, 0
	w.raw, err = tcp.SyscallConn()
	return err
}

// close closes a wire, whosever it is.
func (w *wire) close() {
	if w.lot != nil {
		w.berth.close()
		return
	}
	_ = w.conn.Close() // there is nothing more to learn from it
}

// unpark returns a wire of the loops that is idle, nil if there is none. It prefers one
// that its loop has looked at since: that has said nothing, and need not be asked.
func (u *upstream) unpark() *wire {
	u.mu.Lock()
	defer u.mu.Unlock()
	for n := len(u.parked); n > 0; n = len(u.parked) {
		at := n - 1
		for i := at; i >= max(0, n-maxUnseen); i-- {
			if u.parked[i].seenIdle() {
				at = i
				break
			}
		}
		w := u.parked[at]
		w.unseen = !w.seenIdle()
		u.parked = slices.Delete(u.parked, at, at+1)
		if w.lot.Claim(w.place) {
			return w
		} // else it was just woken, and is closed by that
	}
	return nil
}

// maxUnseen is among how many of those used last one is looked for that was seen.
const maxUnseen = 32

// seenIdle reports whether its loop has looked at the wire since it became idle. The first
// look after that may have begun before.
func (w *wire) seenIdle() bool { return w.lot.Looks() > w.looks+1 }

// park keeps a wire of the loops for the next request.
func (u *upstream) park(w *wire) {
	w.lane, w.looks = nil, w.lot.Looks()
	if u.closed || len(u.idle)+len(u.parked) >= u.maxIdle {
		w.close()
		return
	}
	before := parking.Expired
	for before == parking.Expired { // a deadline of the request that has ended
		var err error
		if before, err = w.lot.Settle(w.place); err != nil {
			before = parking.Ending
		}
	}
	if before != 0 {
		w.close()
		return
	}
	u.parked = append(u.parked, w)
}

// unasked is for a wire that was woken while it was idle: it has nothing to say then.
func (u *upstream) unasked(w *wire, why parking.Events) {
	u.mu.Lock()
	defer u.mu.Unlock()
	at := slices.Index(u.parked, w)
	if at >= 0 {
		u.parked = slices.Delete(u.parked, at, at+1)
	}
	if at >= 0 && why == parking.Expired {
		w.armed = 0
		u.park(w)
		return
	}
	w.close()
}
