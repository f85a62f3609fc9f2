package devices

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"haechi"
)

// Enrolling are the keys of the codes that a device which is unknown or pending may
// bring to a service now, nil if there are none or it was asked lately: a device
// may guess once in 30 s, and inventing devices is counted against its address. Who
// is governed by an outer registry is let in there alone.
func (r *Registry) Enrolling(service, device string, from netip.Addr, now time.Time) (keys []haechi.Key) {
	bot, _, ok := haechi.SplitDeviceKey(device)
	if !ok || r.closed(now) || r.outer.governs(service) {
		return nil
	}
	r.codes.mu.Lock()
	for _, c := range r.codes.all {
		if c.Service == service && (c.Bot == "" || c.Bot == bot) && c.Open(now) {
			keys = append(keys, haechi.Key{ID: c.ID, Secret: c.Hash, Created: c.Created})
		}
	}
	r.codes.mu.Unlock()
	if len(keys) == 0 || !r.mayTry(device, from, now) {
		return nil
	}
	return keys
}

// again reports whether something is due that is done at most once in so long, and
// notes that it is done. last is when it was, since the registry was opened; 0: never.
func (r *Registry) again(last *time.Duration, every time.Duration, now time.Time) bool {
	at := now.Sub(r.health.start)
	if *last != 0 && at-*last < every {
		return false
	}
	if *last = at; at == 0 {
		*last = 1 // 0 is never
	}
	return true
}

// mayTry spaces the tries of one device.
func (r *Registry) mayTry(device string, from netip.Addr, now time.Time) bool {
	if e := r.entry(device); e != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.dev.Status == haechi.Pending && e.word.Load() == nil && r.again(&e.tried, tryEvery, now)
	}
	client := clientOf(from)
	r.codes.mu.Lock()
	defer r.codes.mu.Unlock()
	if since := r.codes.tried.note(client, device, now); since >= 0 && since < tryEvery {
		return false
	}
	r.codes.tried.forget(client, device)
	r.codes.tried.note(client, device, now)
	return true
}

// Enrol lets a device in that proved a code: it is approved with the code as its
// first key and bound to d.UUID, durably and in one step with the use of the code.
// A device that is neither unknown nor pending is left alone. Errors: Invalid;
// Conflict when the code is over or the device may not enrol; or the store's.
func (r *Registry) Enrol(ctx context.Context, code string, d haechi.Device, now time.Time) (before, after haechi.Device, err error) {
	const op = "enrol a device"
	if err := validKey(&d); err != nil {
		return before, after, err
	}
	r.admin.Lock()
	defer r.admin.Unlock()
	old := r.codes.get(code)
	if old == nil || !old.Open(now) || old.Service != d.Service || old.Bot != "" && old.Bot != d.Bot {
		return before, after, &haechi.Error{Kind: haechi.Conflict, Op: op, Msg: "the enrolment code is over, or not for this device"}
	}
	e := r.entry(d.Key)
	if e == nil {
		e = newcomer(&d, now)
	} else if before = e.view(); before.Status != haechi.Pending || before.Source != "" {
		return before, before, &haechi.Error{Kind: haechi.Conflict, Op: op, Msg: fmt.Sprintf("the device is %v, or not Haechi's to approve", before.Status)}
	}
	c, k := *old, haechi.Key{ID: code, Secret: old.Hash, Salt: haechi.Secret{}, Created: now, Code: code}
	c.Used++
	next := e.snapshot()
	setStatus(&next, haechi.Approved, ByCode+code, "enrolment code "+code, now)
	next.Service, next.Label, next.UUID = d.Service, c.Label, ""
	if d.UUID != noPin && validPin(d.UUID) {
		next.UUID = strings.Clone(d.UUID)
	}
	others := slices.DeleteFunc(slices.Clone(e.all), func(k haechi.Key) bool { return k.ID == code })
	keep, drop := rotate(others, k, now, r.cfg.KeyOverlap)
	if err := r.ask(func() error { return r.writeEnrolment(ctx, &c, &next, keep) }); err != nil {
		return before, before, fmt.Errorf("enrol device %q: %w", d.Key, err)
	}
	r.dropKeys(ctx, d.Key, drop)
	r.codes.put(&c)
	r.codes.enrolled.Add(1)
	after = r.welcome(e, next, keep, now)
	r.cfg.OnChange(before, after)
	return before, after, nil
}

// writeEnrolment ends the older key, should an operator have made one, and then
// writes the rest in one step.
func (r *Registry) writeEnrolment(ctx context.Context, c *haechi.EnrolCode, d *haechi.Device, keep []haechi.Key) error {
	for i := range keep[1:] {
		if err := r.store.SaveKey(ctx, d.Key, &keep[1+i]); err != nil {
			return err
		}
	}
	return r.store.Enrol(ctx, c, d, &keep[0])
}

// welcome makes an enrolled device visible, known or not. The caller holds admin.
func (r *Registry) welcome(e *entry, next haechi.Device, keys []haechi.Key, now time.Time) haechi.Device {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.entry(next.Key); other != nil {
		r.settle(other) // e itself, or what came after e lost its place
	}
	r.put(next.Key, e)
	return e.publish(func(d *haechi.Device) {
		setStatus(d, next.Status, next.By, next.Reason, next.ChangedAt)
		d.Service, d.Label, d.UUID = next.Service, next.Label, next.UUID
		e.unsaved, e.stored, e.removed, e.savedAt = false, true, false, now
	}, keys)
}
