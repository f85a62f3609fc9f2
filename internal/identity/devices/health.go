package devices

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"haechi"
)

// health remembers since when the store has not answered. Times are nanoseconds
// since start by the monotonic clock, so that a step of the wall clock neither
// opens nor closes anything.
type health struct {
	start  time.Time
	silent atomic.Int64 // 0: the store answers
	errors atomic.Uint64
}

// asking notes that the store is being asked. Should the call fail or never
// return, this is when the silence began.
func (h *health) asking(now time.Time) {
	h.silent.CompareAndSwap(0, max(1, int64(now.Sub(h.start))))
}

// answered notes the outcome of a call and returns err unchanged. An error that
// is about what was asked is an answer as well.
func (h *health) answered(err error) error {
	if err != nil {
		switch haechi.KindOf(err) {
		case haechi.NotFound, haechi.Conflict, haechi.Invalid:
		default:
			if !errors.Is(err, context.Canceled) {
				h.errors.Add(1)
			}
			return err
		}
	}
	h.silent.Store(0)
	return err
}

// silence is how long the store has not answered, 0 if it does.
func (h *health) silence(now time.Time) time.Duration {
	since := h.silent.Load()
	if since == 0 {
		return 0
	}
	return now.Sub(h.start) - time.Duration(since)
}

// ask makes one call of the store and keeps the books on whether it answered.
func (r *Registry) ask(call func() error) error {
	r.health.asking(r.cfg.Now())
	return r.health.answered(call())
}

// closed reports whether the store has been silent for too long for what is
// known to be believed.
func (r *Registry) closed(now time.Time) bool {
	return r.health.silence(now) > r.cfg.Grace
}

// Health is how long the store has not answered, and whether the registry has
// closed because of that. A few milliseconds are a call under way.
func (r *Registry) Health(now time.Time) (silent time.Duration, closed bool) {
	return r.health.silence(now), r.closed(now)
}

// probe asks the store for something small that is read from the database: the
// keys of a device that cannot exist.
func (r *Registry) probe(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, r.cfg.StoreTimeout)
	defer stop()
	err := r.ask(func() error {
		_, err := r.store.Keys(ctx, "")
		return err
	})
	if r.health.silent.Load() == 0 {
		return nil // it answered, whatever it said
	}
	return err
}
