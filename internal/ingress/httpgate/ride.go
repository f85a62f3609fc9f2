package httpgate

import (
	"net"
	"sync"
	"syscall"
	"time"

	"haechi/internal/brick/parking"
	"haechi/internal/ingress"
)

// Loops run lanes without a goroutine for each; none: every lane has one.
type Loops []*parking.Lot

// of is the loop of a connection.
func (s Loops) of(session uint64) *parking.Lot {
	if len(s) == 0 {
		return nil
	}
	return s[session%uint64(len(s))]
}

// berth is a socket that package net does not know: a place in a loop's lot.
type berth struct {
	lot   *parking.Lot // nil: it is none
	place parking.Place
	fd    int
}

// landed makes a connection of package net of it. After an error it is what it was.
func (b *berth) landed() (*net.TCPConn, error) {
	c, err := parking.Attach(b.fd)
	if err == nil {
		b.close()
	}
	return c, err
}

// close gives the place back, and closes the descriptor.
func (b *berth) close() {
	b.lot.Leave(b.place)
	_ = syscall.Close(b.fd) // there is nothing more to learn from it
	*b = berth{fd: -1}
}

// ride is what a lane has while a loop runs it. It waits for one thing at a time, for its
// client or for the answer on a wire, and whoever is woken by that has the lane to
// itself. Once it has to wait in another way it alights, for good: then it has a
// goroutine, and its connection is one of package net.
type ride struct {
	berth                 // guarded by the lane's mu where others may look
	from  ingress.Counter // told of the end of the connection; nil: nobody wants to know
	turn  *parking.Turn   // of the loop that runs it now; nil: a goroutine does
}

// board gives the lane to a loop, if there is one. False leaves everything as it is.
func (l *lane) board() bool {
	lot := l.c.g.deps.Loops.of(l.c.session)
	if lot == nil || !l.strip(lot) {
		return false
	}
	l.c.sock = &l.sock
	l.sock.fd, l.sock.inside = l.fd, true
	var err error
	if l.place, err = lot.TakeReader(l.fd, l); err != nil {
		l.depart()
		return true
	}
	defer l.caught()
	l.travel(l.awake(0))
	return true
}

// strip takes the client's connection out of package net's hands.
func (l *lane) strip(lot *parking.Lot) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.c.Detach()
	if ok {
		l.ride = ride{berth: berth{lot: lot, fd: b.FD}, from: b.From}
	}
	return ok
}

// Ride implements [parking.Rider]: something came from the client.
func (l *lane) Ride(why parking.Events, t *parking.Turn) {
	defer l.caught()
	l.turn = t
	l.travel(l.awake(why))
}

// Wake implements [parking.Waker].
func (l *lane) Wake(why parking.Events) { l.Ride(why, nil) }

// caught ends a lane in which something failed, so that the loop goes on.
func (l *lane) caught() {
	if p := recover(); p != nil {
		l.c.g.deps.Log.Error("a connection ended by a panic", "panic", p)
		if w := l.wire; w != nil {
			l.drop(w)
		}
		l.depart()
	}
}

// awake goes on after the client's socket, or its deadline, woke the lane.
func (l *lane) awake(why parking.Events) stride {
	l.stale = true
	if why&parking.Ending != 0 || why&parking.Expired != 0 && why&parking.Readable == 0 && l.late() {
		return end
	}
	l.sock.drained, l.sock.hungUp = false, why&(parking.HungUp|parking.Broken) != 0
	return l.run()
}

// travel waits after a stride, or ends. Once it waits, the lane is somebody else's.
func (l *lane) travel(s stride) {
	for s != end && l.lot != nil {
		at := l.berth
		if s == away {
			at = l.loan.w.berth
		}
		before, err := at.lot.Settle(at.place)
		switch {
		case s == away && err != nil:
			s = l.resume(parking.Ending)
		case err != nil:
			s = end
		case before == 0:
			return
		case s == away:
			s = l.resume(before)
		default:
			s = l.awake(before)
		}
	}
	if s != end {
		l.serve()
		return
	}
	l.depart()
}

// depart ends the lane.
func (l *lane) depart() {
	if l.hand {
		l.handOver()
	} else {
		l.close()
	}
	l.giveBack()
	l.c.g.lanes.remove(l)
}

// apart lets the loop go on without this goroutine, which may wait then.
func (l *lane) apart() {
	if l.turn != nil {
		l.turn.End()
		l.turn = nil
	}
}

// alight makes the connection one of package net again, so that it may be waited for in
// every way. It reports whether it is one.
func (l *lane) alight() bool {
	if l.lot == nil {
		return true
	}
	l.apart()
	l.mu.Lock()
	defer l.mu.Unlock()
	tcp, err := l.landed()
	if err != nil {
		return false
	}
	l.c.Conn.Conn = &grounded{TCPConn: tcp, from: l.from}
	if l.raw, err = tcp.SyscallConn(); err != nil {
		return false
	}
	l.tcp, l.armed = tcp, 0
	l.c.armed.Store(0)
	return l.raw.Control(func(fd uintptr) { l.sock.fd = int(fd) }) == nil
}

// grounded is a connection of package net that was a loop's; its end is told once.
type grounded struct {
	*net.TCPConn
	from ingress.Counter
	once sync.Once
}

// Socket is the connection below.
func (c *grounded) Socket() net.Conn { return c.TCPConn }

// Close implements net.Conn.
func (c *grounded) Close() error {
	if c.from != nil {
		defer c.once.Do(c.from.Gone)
	}
	return c.TCPConn.Close()
}

// disembark ends the connection of a lane that is a loop's still.
func (l *lane) disembark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lot == nil {
		return
	}
	l.berth.close()
	if l.from != nil {
		l.from.Gone()
	}
}

// onBare calls f with the descriptor, if no connection of package net has it.
func (l *lane) onBare(f func(fd uintptr)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lot == nil {
		return false
	}
	f(uintptr(l.fd))
	return true
}

// deadline ends waiting for the client, at a time since the connection was opened; 0:
// never.
func (l *lane) deadline(due time.Duration) {
	var at time.Time
	if due != 0 {
		at = l.c.opened.Add(due)
	}
	if l.lot != nil {
		l.lot.Due(l.place, at)
		return
	}
	_ = l.c.SetReadDeadline(at) // an error means a connection that is gone, which waiting meets too
}
