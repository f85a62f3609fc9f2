package devices

import (
	"context"
	"fmt"
	"maps"
	"slices"
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

// batch bounds how many devices are written in one step.
const batch = 500

// Flush hands every touched device to Touched, writes newcomers and sightings that
// are due and the audit entries that wait, and deletes pending devices that lost
// their place or never came back. It stops at the first failure of the store; what
// was not written is tried again.
func (r *Registry) Flush(ctx context.Context) error {
	now := r.cfg.Now()
	var whole []string
	var seen []haechi.Device
	for key, e := range *r.index.Load() {
		d, do := r.due(e, now)
		if do.touched && !do.expired {
			r.cfg.Touched(d)
		}
		switch {
		case do.expired:
			if err := r.expire(ctx, key, now); err != nil {
				return fmt.Errorf("forget device %q: %w", key, err)
			}
		case do.whole:
			whole = append(whole, key)
		case do.seen:
			seen = append(seen, e.snapshot())
		}
	}
	for _, step := range []func() error{
		func() error { return inBatches(whole, func(keys []string) error { return r.saveAll(ctx, keys, now) }) },
		func() error {
			return inBatches(seen, func(ds []haechi.Device) error { return r.saveSeen(ctx, ds, now) })
		},
		func() error { return r.forgetGone(ctx) },
		func() error { return r.forgetCodes(ctx, now) },
		func() error { return r.notes.write(ctx, r.cfg.Audit) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("write the device registry: %w", err)
		}
	}
	return nil
}

func inBatches[T any](all []T, do func([]T) error) error {
	for part := range slices.Chunk(all, batch) {
		if err := do(part); err != nil {
			return err
		}
	}
	return nil
}

// duty is what a flush has to do about a device.
type duty struct{ touched, whole, seen, expired bool }

func (r *Registry) due(e *entry, now time.Time) (haechi.Device, duty) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.keys.Load() != nil && e.measure(&r.cfg) {
		e.unwritten = true
	}
	do := duty{touched: e.touched, whole: e.unsaved && !e.isGuest(), expired: e.expired(&r.cfg, now)}
	do.seen = (e.unwritten || e.dev.LastSeen.After(e.savedAt)) && now.Sub(e.savedAt) >= r.cfg.SeenEvery
	d := e.seenBy()
	if e.touched {
		e.spell(&d)
	}
	e.touched = false
	return d, do
}

// expired reports whether a pending device was waited for long enough: a day if it
// never came back. One that an operator added, or gave a key, is waited for longer,
// or for ever. The caller holds mu.
func (e *entry) expired(cfg *Config, now time.Time) bool {
	if e.dev.Status != haechi.Pending || len(e.dev.Keys) > 0 || e.known() {
		return false
	}
	patience := cfg.PendingFor
	if e.client.IsValid() && e.dev.By == "" && !e.returned() {
		patience = min(patience, cfg.PendingAlone)
	}
	return now.Sub(e.lastSign()) > patience
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

func (r *Registry) save(ctx context.Context, key string, now time.Time) error {
	return r.saveAll(ctx, []string{key}, now)
}

// saveAll writes devices as they are now. It holds admin, so that an older copy
// never overwrites a change of status.
func (r *Registry) saveAll(ctx context.Context, keys []string, now time.Time) error {
	r.admin.Lock()
	defer r.admin.Unlock()
	ds, entries := make([]haechi.Device, 0, len(keys)), make([]*entry, 0, len(keys))
	for _, key := range keys {
		e := r.entry(key)
		if e == nil || !e.storing() {
			continue
		}
		ds, entries = append(ds, e.snapshot()), append(entries, e)
	}
	if len(ds) == 0 {
		return nil
	}
	if err := r.ask(func() error { return r.store.SaveDevices(ctx, ds) }); err != nil {
		return err
	}
	for i, e := range entries {
		e.saved(&ds[i], now)
	}
	return nil
}

// storing notes that the device is about to be in the store; false if it lost its
// place meanwhile.
func (e *entry) storing() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stored = e.stored || !e.removed
	return !e.removed
}

// saved notes that the store has the device as it was.
func (e *entry) saved(as *haechi.Device, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unsaved = e.dev.UUID != as.UUID // pinned meanwhile
	e.savedAt = now
}

// saveSeen writes what was seen of devices. It needs no lock: it touches nothing
// that an operator changes.
func (r *Registry) saveSeen(ctx context.Context, ds []haechi.Device, now time.Time) error {
	if err := r.ask(func() error { return r.store.SaveSeen(ctx, ds) }); err != nil {
		return err
	}
	for i := range ds {
		if e := r.entry(ds[i].Key); e != nil {
			e.mu.Lock()
			e.savedAt, e.unwritten = now, false
			e.mu.Unlock()
		}
	}
	return nil
}

// forgetGone deletes those who lost their place, unless they are back.
func (r *Registry) forgetGone(ctx context.Context) error {
	r.mu.Lock()
	keys := slices.Collect(maps.Keys(r.gone))
	r.mu.Unlock()
	for _, key := range keys {
		if err := r.forgetOne(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

func (r *Registry) forgetOne(ctx context.Context, key string) error {
	r.admin.Lock()
	defer r.admin.Unlock()
	if r.entry(key) == nil {
		if err := r.ask(func() error { return ignoreMissing(r.store.DeleteDevice(ctx, key)) }); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.gone, key)
	return nil
}

func (r *Registry) expire(ctx context.Context, key string, now time.Time) error {
	r.admin.Lock()
	defer r.admin.Unlock()
	e := r.entry(key)
	if e == nil {
		return nil
	}
	e.mu.Lock()
	expired := e.expired(&r.cfg, now)
	e.mu.Unlock()
	if !expired {
		return nil
	}
	return r.remove(ctx, key, e)
}
