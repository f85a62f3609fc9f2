package devices

import (
	"context"
	"fmt"
	"strings"
	"time"

	"haechi"
)

// SetStatus changes a device's status, durably, and then tells OnChange. by is
// the operator, or "rule:ID" or "system". An operator may make any change; a rule
// or the system may neither approve nor touch a pending device, so that nothing
// but a person decides who comes in. The change is not made if the store does not
// take it. Setting the status a device has already changes only reason, by and
// time. Errors: NotFound, Invalid, Denied, or the store's.
func (r *Registry) SetStatus(ctx context.Context, key string, s haechi.DeviceStatus, by, reason string, now time.Time) (before, after haechi.Device, err error) {
	r.admin.Lock()
	defer r.admin.Unlock()
	e := r.entry(key)
	if e == nil {
		return before, after, notFound("set a device's status", key)
	}
	before = e.view()
	if err := allowed(before.Status, s, by); err != nil {
		return before, before, err
	}
	if s, err = e.ruling(s, by); err != nil {
		return before, before, err
	}
	next := e.snapshot()
	setStatus(&next, s, by, reason, now)
	if err := r.ask(func() error { return r.store.SaveDevice(ctx, &next) }); err != nil {
		return before, before, fmt.Errorf("set device %q to %v: %w", key, s, err)
	}
	after = r.apply(e, next, now)
	r.cfg.OnChange(before, after)
	return before, after, nil
}

func setStatus(d *haechi.Device, s haechi.DeviceStatus, by, reason string, now time.Time) {
	d.Status, d.By, d.Reason, d.ChangedAt = s, by, reason, now
}

// apply makes a written status visible and keeps the count of pending devices.
func (r *Registry) apply(e *entry, next haechi.Device, now time.Time) haechi.Device {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := e.snapshot().Status
	switch {
	case was == haechi.Pending && next.Status != haechi.Pending:
		r.settle(e)
	case was != haechi.Pending && next.Status == haechi.Pending:
		r.wait(e)
	}
	return e.publish(func(d *haechi.Device) {
		setStatus(d, next.Status, next.By, next.Reason, next.ChangedAt)
		e.unsaved, e.savedAt = false, now
	}, e.all)
}

// allowed is the state machine.
func allowed(from, to haechi.DeviceStatus, by string) error {
	const op = "set a device's status"
	person := by != "" && by != "system" && !strings.HasPrefix(by, "rule:")
	switch {
	case to > haechi.Blocked:
		return &haechi.Error{Kind: haechi.Invalid, Op: op, Msg: fmt.Sprintf("%v is no status", to)}
	case by == "":
		return &haechi.Error{Kind: haechi.Invalid, Op: op, Msg: "it is not said who makes the change"}
	case !person && (from == haechi.Pending || to == haechi.Approved):
		return &haechi.Error{Kind: haechi.Denied, Op: op,
			Msg:  fmt.Sprintf("%s may not move a device from %v to %v", by, from, to),
			Hint: "only an operator admits a device"}
	}
	return nil
}

// Delete forgets a device and its keys, durably. A device that returns is
// pending again. OnChange gets a zero after.
func (r *Registry) Delete(ctx context.Context, key string) (before haechi.Device, err error) {
	r.admin.Lock()
	defer r.admin.Unlock()
	e := r.entry(key)
	if e == nil {
		return before, notFound("delete a device", key)
	}
	before = e.view()
	if err := r.remove(ctx, key, e); err != nil {
		return before, fmt.Errorf("delete device %q: %w", key, err)
	}
	r.stays(e)
	r.cfg.OnChange(before, haechi.Device{})
	return before, nil
}

// remove takes a device out of the store and then out of memory, its keys first:
// a key must not outlive its device. The caller holds admin.
func (r *Registry) remove(ctx context.Context, key string, e *entry) error {
	err := r.ask(func() error {
		for _, k := range e.all {
			if err := r.store.DeleteKey(ctx, key, k.ID); ignoreMissing(err) != nil {
				return err
			}
		}
		return ignoreMissing(r.store.DeleteDevice(ctx, key))
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.snapshot().Status == haechi.Pending {
		r.settle(e)
	}
	e.keys.Store(nil)
	r.put(key, nil)
	return nil
}

func ignoreMissing(err error) error {
	if err != nil && haechi.KindOf(err) == haechi.NotFound {
		return nil
	}
	return err
}
