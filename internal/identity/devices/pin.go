package devices

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"haechi"
)

const (
	maxPin = 128 // bytes
	// noPin is what MessengerBotR signs when it cannot read its identity.
	noPin = "unknown"
)

// Pin binds an approved device to the identity that it signed, if it is bound to
// none, in memory at once and in the store with the next flush. It reports whether
// the device may go on: false if it is bound to another one, which is counted and,
// once an hour, audited.
func (r *Registry) Pin(device, id string, now time.Time) bool {
	e := r.entry(device)
	if e == nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.dev.UUID == id && id != "":
		return true
	case e.dev.UUID == "" && (id == "" || id == noPin):
		return true // nothing to hold it to
	case e.dev.UUID == "" && validPin(id):
		if e.dev.UUID, e.unsaved = e.dev.Serial, true; id != e.dev.Serial {
			e.dev.UUID = strings.Clone(id)
		}
		r.notes.add(haechi.AuditEntry{Time: now.UTC(), Action: ActionPin, Subject: e.dev.Key, After: e.dev.UUID, Reason: "first proved session"})
		r.nudge()
		return true
	}
	r.notes.refused.Add(1)
	if r.again(&e.pinNoted, pinEvery, now) {
		r.notes.add(haechi.AuditEntry{Time: now.UTC(), Action: ActionPinRefused, Subject: e.dev.Key, Before: e.dev.UUID, After: clip(id, maxPin),
			Reason: "a proved session signed another identity"})
		r.nudge()
	}
	return false
}

// nudge wakes the loop that writes.
func (r *Registry) nudge() {
	select {
	case r.wake <- struct{}{}:
	default: // it is awake already
	}
}

func validPin(id string) bool {
	return len(id) <= maxPin && utf8.ValidString(id) && !strings.ContainsFunc(id, unicode.IsControl)
}

func clip(s string, n int) string {
	return strings.ToValidUTF8(strings.Clone(s[:min(len(s), n)]), "?")
}

// SetPin binds a device to an identity, durably; an empty one means that the next
// proved session binds it anew. Errors: NotFound, Invalid, or the store's.
func (r *Registry) SetPin(ctx context.Context, device, id string, now time.Time) (before, after haechi.Device, err error) {
	if !validPin(id) || id == noPin {
		return before, after, &haechi.Error{Kind: haechi.Invalid, Op: "pin a device", Msg: "that is no identity that a device can sign",
			Hint: "give the deviceUUID that the phone signs, or none to pin it at its next session"}
	}
	r.admin.Lock()
	defer r.admin.Unlock()
	e := r.entry(device)
	if e == nil {
		return before, after, notFound("pin a device", device)
	}
	before = e.view()
	next := e.snapshot()
	next.UUID = id
	if err := r.ask(func() error { return r.store.SaveDevice(ctx, &next) }); err != nil {
		return before, before, fmt.Errorf("pin device %q: %w", device, err)
	}
	after = e.publish(func(d *haechi.Device) {
		d.UUID = id
		e.unsaved, e.savedAt, e.pinNoted = false, now, 0
	}, e.all)
	r.cfg.OnChange(before, after)
	return before, after, nil
}
