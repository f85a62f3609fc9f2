package devices

import (
	"context"
	"fmt"
	"time"

	"haechi"
)

// spacing keeps a run of newcomers from becoming a run of flushes.
const spacing = 250 * time.Millisecond

// Run writes sightings and newcomers, lets pending devices age out and asks the
// store whether it lives, until ctx ends; then it flushes once more. It must run
// while the registry is in use. It returns nil.
func (r *Registry) Run(ctx context.Context) error {
	flush, probe := time.NewTicker(r.cfg.FlushEvery), time.NewTicker(r.cfg.Probe)
	defer flush.Stop()
	defer probe.Stop()
	wasSilent := false
	for {
		var err error
		select {
		case <-ctx.Done():
			last, stop := context.WithTimeout(context.WithoutCancel(ctx), r.cfg.StoreTimeout)
			defer stop()
			r.report(r.Flush(last), false)
			return nil
		case <-flush.C:
			err = r.flushBounded(ctx)
		case <-r.wake:
			if err = r.flushBounded(ctx); !pause(ctx, spacing) {
				continue
			}
		case <-probe.C:
			err = r.probe(ctx)
		}
		wasSilent = r.report(err, wasSilent)
	}
}

// report logs the beginning and the end of a silence, not every failure in it.
func (r *Registry) report(err error, wasSilent bool) (silent bool) {
	silence := r.health.silence(r.cfg.Now())
	switch {
	case err != nil && !wasSilent:
		r.cfg.Log.Error("the device registry's store fails; last known approvals hold", "for", r.cfg.Grace, "err", err)
		return true
	case wasSilent && silence == 0:
		r.cfg.Log.Info("the device registry's store answers again")
		return false
	}
	return wasSilent
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (r *Registry) flushBounded(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, r.cfg.StoreTimeout)
	defer stop()
	return r.Flush(ctx)
}

// Flush hands every touched device to Touched, writes newcomers and sightings
// that are due, and deletes pending devices that never came back. It stops at the
// first failure of the store; what was not written is tried again.
func (r *Registry) Flush(ctx context.Context) error {
	now := r.cfg.Now()
	for key, e := range *r.index.Load() {
		d, touched, due, expired := r.due(e, now)
		if touched && !expired {
			r.cfg.Touched(d)
		}
		var err error
		switch {
		case expired:
			err = r.expire(ctx, key, now)
		case due:
			err = r.save(ctx, key, now)
		}
		if err != nil {
			return fmt.Errorf("write device %q: %w", key, err)
		}
	}
	return nil
}

// due says what a flush has to do about a device.
func (r *Registry) due(e *entry, now time.Time) (d haechi.Device, touched, due, expired bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	touched, e.touched = e.touched, false
	fresh := e.dev.LastSeen.After(e.savedAt) && now.Sub(e.savedAt) >= r.cfg.SeenEvery
	expired = e.dev.Status == haechi.Pending && len(e.all) == 0 && !e.known() && now.Sub(e.lastSign()) > r.cfg.PendingFor
	return e.seenBy(), touched, e.unsaved && !e.isGuest() || fresh, expired
}

// lastSign is the last time anything happened about the device.
func (e *entry) lastSign() time.Time {
	last := e.dev.FirstSeen
	for _, t := range []time.Time{e.dev.LastSeen, e.dev.ChangedAt} {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// save writes a device as it is now. It holds admin, so that an older copy never
// overwrites a change of status.
func (r *Registry) save(ctx context.Context, key string, now time.Time) error {
	r.admin.Lock()
	defer r.admin.Unlock()
	e := r.entry(key)
	if e == nil {
		return nil
	}
	d := e.snapshot()
	if err := r.ask(func() error { return r.store.SaveDevice(ctx, &d) }); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unsaved, e.savedAt = false, now
	return nil
}

func (r *Registry) expire(ctx context.Context, key string, now time.Time) error {
	r.admin.Lock()
	defer r.admin.Unlock()
	e := r.entry(key)
	if e == nil {
		return nil
	}
	if _, _, _, expired := r.due(e, now); !expired {
		return nil
	}
	return r.remove(ctx, key, e)
}
