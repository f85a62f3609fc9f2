package parking

import (
	"os"
	"time"
)

// waiter is the owner of a place that a goroutine waits for.
type waiter chan Events

// Wake implements [Waker].
func (w waiter) Wake(why Events) { w <- why }

// Await waits for a descriptor that has no place in this lot, with the goroutine that
// calls it: for an owner who cannot go on, for example because a peer does not read.
// After the deadline (zero: none) the error is os.ErrDeadlineExceeded. Whoever wants
// to end the wait calls [Shut].
func (l *Lot) Await(fd int, what Events, until time.Time) error {
	w := make(waiter, 1)
	p, err := l.Take(fd, w)
	if err != nil {
		return err
	}
	defer l.Leave(p)
	if err := l.Park(p, what, until); err != nil {
		return err
	}
	switch why := <-w; {
	case why&(Readable|Writable|Broken) != 0:
		return nil
	case why&Expired != 0:
		return os.ErrDeadlineExceeded
	default:
		return ErrClosed
	}
}
