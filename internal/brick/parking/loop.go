package parking

import (
	"errors"
	"syscall"
	"time"
)

// batch is how many events are taken from the kernel at once.
const batch = 256

// loop passes the kernel's events on until the lot is closed.
func (l *Lot) loop() {
	events := make([]syscall.EpollEvent, batch)
	n := 0
	poll := func(fd uintptr) bool {
		n = pollNow(int(fd), events)
		return n > 0
	}
	for {
		if err := l.raw.Read(poll); err != nil {
			return // closed
		}
		for i := range events[:n] {
			e := &events[i]
			l.signal(Place{uint32(e.Fd), uint32(e.Pad)}, eventsOf(e.Events))
		}
	}
}

// pollNow asks without waiting.
func pollNow(fd int, events []syscall.EpollEvent) int {
	for {
		n, err := syscall.EpollWait(fd, events, 0)
		if !errors.Is(err, syscall.EINTR) {
			return n
		}
	}
}

func eventsOf(bits uint32) (e Events) {
	if bits&(syscall.EPOLLIN|syscall.EPOLLRDHUP) != 0 {
		e |= Readable
	}
	if bits&(syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
		e |= HungUp
	}
	if bits&syscall.EPOLLOUT != 0 {
		e |= Writable
	}
	if bits&(syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
		e |= Broken | Readable | Writable
	}
	return e
}

// shedTicks is how often goroutines that nobody needs are let go, in ticks.
const shedTicks = 10

// turn moves the wheels on until the lot is closed.
func (l *Lot) turn() {
	t := time.NewTicker(l.tick)
	defer t.Stop()
	var late []uint32
	for {
		select {
		case <-l.stop:
			return
		case <-t.C:
		}
		now := l.ticks(time.Now())
		if now%shedTicks == 0 {
			l.crew.shed()
		}
		for i := range l.wheels {
			late = l.wheels[i].advance(now, late[:0])
			for _, index := range late {
				l.expire(index)
			}
		}
	}
}

func (l *Lot) expire(index uint32) {
	gen := uint32(l.slab.get(index).word.Load() >> 32)
	if gen%2 == 0 {
		return
	}
	l.expired.Add(1)
	l.signal(Place{index, gen}, Expired) // of a new owner it is for nothing
}

// ticks is the last tick at or before t; the first is 1.
func (l *Lot) ticks(t time.Time) uint32 { return uint32(max(t.Sub(l.start)/l.tick, 0)) + 1 }

// schedule sets the deadline.
func (l *Lot) schedule(p Place, s *spot, until time.Time) {
	due := uint32(0)
	if !until.IsZero() {
		due = l.ticks(until) + 1
	}
	l.wheels[p.index%wheels].set(p.index, s, due)
}
