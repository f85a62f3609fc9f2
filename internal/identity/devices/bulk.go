package devices

import (
	"context"
	"fmt"
	"time"

	"haechi"
)

// SetStatuses changes the status of many devices in one durable step, or of none,
// and then tells OnChange about each. It is SetStatus otherwise. A device must not
// be named twice. Errors: NotFound, Invalid, Denied, Conflict where
// an outer registry has the word, or the store's.
func (r *Registry) SetStatuses(ctx context.Context, moves []haechi.Move, by, reason string, now time.Time) error {
	r.admin.Lock()
	defer r.admin.Unlock()
	entries, next := make([]*entry, len(moves)), make([]haechi.Device, len(moves))
	for i, m := range moves {
		if entries[i] = r.entry(m.Device); entries[i] == nil {
			return notFound("set a device's status", m.Device)
		}
		if err := allowed(entries[i].view().Status, m.To, by); err != nil {
			return err
		}
		to, err := entries[i].ruling(m.To, by)
		if err != nil {
			return err
		}
		next[i] = entries[i].snapshot()
		setStatus(&next[i], to, by, reason, now)
	}
	if err := r.ask(func() error { return r.store.SaveDevices(ctx, next) }); err != nil {
		return fmt.Errorf("set the status of %d devices: %w", len(moves), err)
	}
	for i, e := range entries {
		before := e.view()
		r.cfg.OnChange(before, r.apply(e, next[i], now))
	}
	return nil
}
