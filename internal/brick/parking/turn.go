package parking

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

// Rider is the owner of a place in a lot whose loop runs its owners itself. Ride is
// called by the loop, which waits until it returns or ends its turn; Wake, in a
// goroutine of its own, for everything that is no event of the kernel: deadlines,
// kicks, the end of the lot.
type Rider interface {
	Waker
	Ride(why Events, t *Turn)
}

// Turn is the loop's, while it runs an owner.
type Turn struct {
	lot  *Lot
	over bool
}

// End lets another goroutine go on with the loop, so that this one may block. It may be
// called more than once, by the owner that is being run.
func (t *Turn) End() {
	if t.over {
		return
	}
	t.over = true
	t.lot.ended.Add(1)
	t.lot.crew.do(job{(*leader)(t.lot), 0})
}

// leader is a lot as the job of a goroutine: to go on with its loop.
type leader Lot

// Wake implements [Waker].
func (l *leader) Wake(Events) { (*Lot)(l).lead() }

// round is what the loop took from the kernel last: first whose owners are to be run is
// found out for all, then they are run. Whoever leads has it.
type round struct {
	events [batch]syscall.EpollEvent
	due    [batch]ride
	at, n  int // of due
}

// ride is one owner that is to be run.
type ride struct {
	who Rider
	why Events
}

// lead runs the loop until the lot is closed or an owner ends the turn.
func (l *Lot) lead() {
	t := &Turn{lot: l}
	r := &l.round
	for {
		for r.at < r.n {
			next := r.due[r.at]
			r.due[r.at] = ride{}
			r.at++
			l.rides.Add(1)
			if next.who.Ride(next.why, t); t.over {
				return
			}
		}
		n, err := syscall.EpollWait(l.fd, r.events[:], -1)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return // the descriptor is closed
		}
		if l.sort(r.events[:max(n, 0)]) {
			return // rung to the end
		}
		l.looks.Add(1)
	}
}

// sort notes what happened, and takes those who are to be run for it out of their rest.
func (l *Lot) sort(events []syscall.EpollEvent) (rung bool) {
	r := &l.round
	r.at, r.n = 0, 0
	for i := range events {
		e := &events[i]
		p := Place{uint32(e.Fd), uint32(e.Pad)}
		s := l.slab.at(p)
		if s == nil {
			rung = rung || p == bell()
			continue
		}
		due := s.note(p.gen, eventsOf(e.Events))
		if due == 0 {
			continue
		}
		if who, ok := s.waker.(Rider); ok {
			r.due[r.n] = ride{who, due}
			r.n++
			continue
		}
		l.wake(s.waker, due)
	}
	return rung
}

// Looks is how often the loop of a riding lot has looked. What happened to a parked
// place before a look has taken it out of its rest behind it.
func (l *Lot) Looks() uint64 { return l.looks.Load() }

// Settle is Park for an owner that goes on itself where something happened before it
// parked: that is returned then, and the place is the owner's still. The deadline stays
// what [Lot.Due] made it.
func (l *Lot) Settle(p Place) (before Events, err error) {
	s := l.slab.at(p)
	if s == nil {
		return 0, ErrStale
	}
	if l.closed.Load() {
		return 0, ErrClosed
	}
	before = s.park(p.gen)
	if l.closed.Load() {
		l.signal(p, Ending)
	}
	return before, nil
}

// bell is the place of what ends the loop; no other has such an index.
func bell() Place { return Place{index: 1<<32 - 1, gen: 1<<32 - 1} }

// hang makes the bell.
func (l *Lot) hang() error {
	fd, _, errno := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		return os.NewSyscallError("eventfd2", errno)
	}
	l.bell = int(fd)
	ev := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: -1, Pad: -1} // as bell says
	if err := syscall.EpollCtl(l.fd, syscall.EPOLL_CTL_ADD, l.bell, &ev); err != nil {
		return errors.Join(os.NewSyscallError("epoll_ctl", err), syscall.Close(l.bell))
	}
	return nil
}

// ring ends the loop.
func (l *Lot) ring() error {
	one := uint64(1)
	_, err := syscall.Write(l.bell, unsafe.Slice((*byte)(unsafe.Pointer(&one)), 8))
	return os.NewSyscallError("write", err)
}

// Claim takes a parked place out of its rest for somebody who is not woken by it. False
// means that it is not parked, or that it was just woken.
func (l *Lot) Claim(p Place) bool {
	s := l.slab.at(p)
	if s == nil {
		return false
	}
	for {
		old := s.word.Load()
		if uint32(old>>32) != p.gen || old&parked == 0 {
			return false
		}
		if s.word.CompareAndSwap(old, uint64(p.gen)<<32) {
			return true
		}
	}
}
