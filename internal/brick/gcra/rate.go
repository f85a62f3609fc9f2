package gcra

import (
	"math"
	"time"
)

// Rate is one window: Events in Per, of which Burst may come at once.
type Rate struct {
	// Events is how many are admitted in Per, sustained: at most a million a
	// second. 0 or less admits nothing.
	Events int
	// Per is the length of the window, above 0.
	Per time.Duration
	// Burst is how many are admitted at once after a quiet time, at most
	// [MaxBurst]. 0 means Events: a limit of N admits N at once and refuses the next.
	Burst int
}

// MaxBurst bounds a rate's burst, so that an arrival time fits its 32 bits.
const MaxBurst = maxAhead / perInterval

const (
	perInterval = 64      // units of time between two events at the sustained rate
	eraUnits    = 1 << 30 // units in an era, at most
	maxAhead    = 1 << 29 // units that a burst may reach beyond now
	maxWaiting  = 1 << 29 // and a reservation beyond that
	minInterval = time.Microsecond
	never       = math.MaxInt64 // the wait of a call that cannot be admitted
)

// window is a Rate in its own unit of time, a 64th of its interval.
type window struct {
	unit      uint64 // nanoseconds
	tolerance uint64 // units: the burst
}

// newWindow rounds the unit up, so that rounding never admits more than was asked
// for.
func newWindow(r Rate) window {
	if r.Events <= 0 || r.Per <= 0 {
		return window{unit: uint64(time.Second)} // a tolerance of 0 admits nothing
	}
	burst := r.Burst
	if burst <= 0 {
		burst = r.Events
	}
	interval := max((uint64(r.Per)+uint64(r.Events)-1)/uint64(r.Events), uint64(minInterval))
	return window{
		unit:      (interval + perInterval - 1) / perInterval,
		tolerance: uint64(min(burst, MaxBurst)) * perInterval,
	}
}

// judge answers for one window: what the arrival time becomes if the call is
// admitted, and how long it would have to wait first, in nanoseconds.
func (w window) judge(tat, now, cost uint64) (next, wait uint64) {
	next = max(tat, now) + cost*perInterval
	switch limit := now + w.tolerance; {
	case cost*perInterval > w.tolerance:
		return next, never
	case next > limit:
		return next, (next - limit) * w.unit
	}
	return next, 0
}

// used is how many events the arrival time stands for at now.
func (w window) used(tat, now uint64) float64 {
	if tat <= now {
		return 0
	}
	return float64(tat-now) / perInterval
}
