package parking

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Events say why a place was woken, or what it waits for.
type Events uint32

// The events. Only Readable and Writable can be waited for; the others come anyway.
const (
	// Readable: there is something to read, or the peer has closed its half.
	Readable Events = 1 << iota
	// Writable: the socket takes bytes again.
	Writable
	// Broken: the connection is over or failed; Readable and Writable come with it.
	Broken
	// Expired: the deadline has passed.
	Expired
	// Kicked: somebody called Kick.
	Kicked
	// Ending: the lot closes. The owner has to leave.
	Ending
	// HungUp: the peer has closed its half, or more; Readable comes with it. What it sent
	// before is to be read first.
	HungUp
)

// parked is the bit of a place whose owner waits.
const parked = 1 << 16

// Errors of a lot.
var (
	ErrFull   = errors.New("parking: every place is taken")
	ErrClosed = errors.New("parking: the lot is closed")
	ErrStale  = errors.New("parking: the place was given back")
)

// Waker is the owner of a place. Wake runs in a goroutine of its own, never twice at
// a time for one place. It has to park the place again or to leave, now or later.
type Waker interface{ Wake(why Events) }

// Config bounds a lot. Zero fields mean the defaults.
type Config struct {
	// Places is the most that may be taken at once; 1,048,576. Memory is taken as
	// they are, PlaceBytes each.
	Places int
	// Tick is the grain of deadlines; 100 ms.
	Tick time.Duration
	// Workers is how many idle goroutines are kept for the next wakes; 32.
	Workers int
	// Riding lets the loop run its owners itself, those that are [Rider]s: nothing is
	// quicker for many short pieces of work. Its goroutine waits in the kernel, and so
	// has a thread.
	Riding bool
}

// Place is a place in a lot. The zero Place is none.
type Place struct{ index, gen uint32 }

// Taken reports whether this was ever a place.
func (p Place) Taken() bool { return p.gen != 0 }

// Stats count since the lot was made; Taken and Parked are how many are now.
// Rides are wakes by the loop itself, Ended the turns that an owner ended.
type Stats struct {
	Taken, Refused, Wakes, Expired, Kicks, Rides, Ended uint64
}

// Lot is a set of parked descriptors with its loop. It is safe for concurrent use.
type Lot struct {
	file *os.File // the epoll descriptor, itself in the runtime's set; nil of a riding lot
	raw  syscall.RawConn
	fd   int
	bell int // that ends a riding lot's loop
	slab slab
	crew crew

	round  round // of a riding lot
	wheels [wheels]wheel
	tick   time.Duration
	start  time.Time

	closed atomic.Bool
	stop   chan struct{}
	wg     sync.WaitGroup

	wakes, expired, kicks, rides, ended, looks atomic.Uint64
}

// New makes a lot and starts its loop, two goroutines. Close ends it.
func New(cfg Config) (*Lot, error) {
	if cfg.Places <= 0 {
		cfg.Places = 1 << 20
	}
	if cfg.Tick <= 0 {
		cfg.Tick = 100 * time.Millisecond
	}
	if cfg.Workers <= 0 {
		cfg.Workers = 32
	}
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	l := &Lot{fd: fd, tick: cfg.Tick, start: time.Now(), stop: make(chan struct{})}
	l.slab.max, l.crew.keep = uint32(min(cfg.Places, maxPlaces)), cfg.Workers
	for i := range l.wheels {
		l.wheels[i].slab = &l.slab
	}
	loop, begin := l.loop, l.watch
	if cfg.Riding {
		loop, begin = l.lead, l.hang
	}
	if err := begin(); err != nil {
		return nil, errors.Join(err, syscall.Close(fd))
	}
	l.wg.Go(loop)
	l.wg.Go(l.turn)
	return l, nil
}

// watch puts the epoll descriptor, as a file, into the runtime's own set: waiting for it
// holds up neither a thread nor a processor of the scheduler.
func (l *Lot) watch() (err error) {
	if err := syscall.SetNonblock(l.fd, true); err != nil {
		return os.NewSyscallError("setnonblock", err)
	}
	l.file = os.NewFile(uintptr(l.fd), "epoll")
	l.raw, err = l.file.SyscallConn()
	return err
}

// Take gets a place for a descriptor in non-blocking mode, not parked yet. w must not
// be nil. The descriptor must stay open until Leave.
func (l *Lot) Take(fd int, w Waker) (Place, error) { return l.take(fd, w, false) }

// TakeReader is Take for an owner who parks for input only, and never before a read took
// less than it had room for; after HungUp or Broken, not before a read found nothing or
// the end. Then parking costs no system call.
func (l *Lot) TakeReader(fd int, w Waker) (Place, error) { return l.take(fd, w, true) }

func (l *Lot) take(fd int, w Waker, edge bool) (Place, error) {
	if l.closed.Load() {
		return Place{}, ErrClosed
	}
	p, s, ok := l.slab.take(int32(fd), w, edge)
	if !ok {
		return Place{}, ErrFull
	}
	if err := l.control(syscall.EPOLL_CTL_ADD, p, s, 0); err != nil {
		l.slab.give(p, s)
		return Place{}, err
	}
	return p, nil
}

// FD is the place's descriptor; -1 if it was given back. Only the owner asks.
func (l *Lot) FD(p Place) int {
	if s := l.slab.at(p); s != nil {
		return int(s.fd)
	}
	return -1
}

// Park waits for what, until the deadline (zero: for ever), with no goroutine. Only
// the owner calls it, and has nothing to do with the connection after it: the wake
// may already be running. After an error the place is the owner's still.
func (l *Lot) Park(p Place, what Events, until time.Time) error {
	s := l.slab.at(p)
	if s == nil {
		return ErrStale
	}
	l.schedule(p, s, until)
	if what&(Readable|Writable) != 0 && !s.edge {
		if err := l.control(syscall.EPOLL_CTL_MOD, p, s, what); err != nil {
			return err
		}
	}
	if l.closed.Load() {
		return ErrClosed
	}
	if due := s.park(p.gen); due != 0 {
		l.wake(s.waker, due)
	}
	if l.closed.Load() { // Close may have looked before it was parked
		l.signal(p, Ending)
	}
	return nil
}

// Due sets the deadline (zero: none) of a place, parked or not. Only the owner calls it.
func (l *Lot) Due(p Place, until time.Time) {
	if s := l.slab.at(p); s != nil {
		l.schedule(p, s, until)
	}
}

// Kick wakes the place if it is parked, and else as soon as it is. It may be called
// from anywhere and does not block; for a place that was given back it does nothing.
func (l *Lot) Kick(p Place) {
	l.kicks.Add(1)
	l.signal(p, Kicked)
}

// Leave gives the place back. Only the owner calls it, while it is not parked, and
// before it closes the descriptor.
func (l *Lot) Leave(p Place) {
	s := l.slab.at(p)
	if s == nil {
		return
	}
	// An error means that the descriptor was not in the set, which is what is wanted.
	_ = l.control(syscall.EPOLL_CTL_DEL, p, s, 0)
	l.wheels[p.index%wheels].remove(p.index)
	l.slab.give(p, s)
}

// Rest lets go of the goroutines that are kept for the next wakes, which take new ones:
// a stack that is kept holds the memory around it that others have given back.
func (l *Lot) Rest() { l.crew.release() }

// Stats are the lot's counters.
func (l *Lot) Stats() Stats {
	taken, refused := l.slab.count()
	return Stats{Taken: taken, Refused: refused, Wakes: l.wakes.Load(), Expired: l.expired.Load(), Kicks: l.kicks.Load(),
		Rides: l.rides.Load(), Ended: l.ended.Load()}
}

// Close wakes whoever is parked with Ending, and returns when the loop and every wake
// has ended. Afterwards nothing can be taken or parked.
func (l *Lot) Close() error {
	if l.closed.Swap(true) {
		return nil
	}
	close(l.stop)
	l.slab.each(func(p Place) { l.signal(p, Ending) })
	if l.file == nil {
		err := l.ring()
		l.crew.close()
		l.wg.Wait()
		return errors.Join(err, os.NewSyscallError("close", syscall.Close(l.bell)), os.NewSyscallError("close", syscall.Close(l.fd)))
	}
	l.crew.close()
	err := l.file.Close()
	l.wg.Wait()
	return err
}

// signal notes the events, and wakes the place if it is parked.
func (l *Lot) signal(p Place, e Events) {
	s := l.slab.at(p)
	if s == nil {
		return
	}
	if due := s.note(p.gen, e); due != 0 {
		l.wake(s.waker, due)
	}
}

func (l *Lot) wake(w Waker, why Events) {
	l.wakes.Add(1)
	l.crew.do(job{w, why})
}

// edgeTriggered is EPOLLET, which package syscall has as a negative number.
const edgeTriggered = 1 << 31

// control changes the kernel's set. Only the owner of a place does.
func (l *Lot) control(op int, p Place, s *spot, what Events) error {
	ev := syscall.EpollEvent{Events: syscall.EPOLLONESHOT | syscall.EPOLLRDHUP, Fd: int32(p.index), Pad: int32(p.gen)}
	if s.edge {
		ev.Events = syscall.EPOLLIN | syscall.EPOLLRDHUP | edgeTriggered
	}
	if what&Readable != 0 {
		ev.Events |= syscall.EPOLLIN
	}
	if what&Writable != 0 {
		ev.Events |= syscall.EPOLLOUT
	}
	if err := syscall.EpollCtl(l.fd, op, int(s.fd), &ev); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}
