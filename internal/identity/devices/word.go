package devices

import (
	"time"

	"haechi"
)

// none is what lists show of a device for which the outer registry has no row.
const none = "none"

// word is what the outer registry last said about a device. It is replaced whole.
type word struct {
	outer *Outer
	known bool // it has a row
	row   Row
	at    time.Time
}

// none is the word about a device without a row: nil if that needs none.
func (o *Outer) none(d *haechi.Device) *word {
	if !o.governs(d.Service) {
		return nil
	}
	return &word{outer: o, row: Row{Status: haechi.Pending, Text: none, Reason: "the " + o.cfg.Name + " has no row for it"}}
}

// same reports whether both say the same; when a row changed and the version it
// last saw are no news.
func (w *word) same(v *word) bool {
	if w == nil || v == nil {
		return w == v
	}
	a, b := w.row, v.row
	return w.known == v.known && a.Status == b.Status && a.Text == b.Text && a.Reason == b.Reason && a.MaxFrame == b.MaxFrame
}

// over puts the word over a device's own entry. What an operator set against the
// device stands.
func (w *word) over(d *haechi.Device) {
	d.Source, d.There, d.MaxFrame = w.outer.cfg.Name, w.row.Text, w.row.MaxFrame
	if d.ClientType == "" {
		d.ClientType = w.row.ClientType
	}
	if d.Version == "" {
		d.Version = w.row.Version
	}
	if vetoed(d.Status) {
		d.Veto = d.Status
		return
	}
	setStatus(d, w.row.Status, w.outer.cfg.Name, w.row.Reason, w.at)
}

// vetoed reports whether an operator's status stands against a device, whatever the
// outer registry says. A local approval adds nothing to its word.
func vetoed(s haechi.DeviceStatus) bool {
	return s != haechi.Pending && s != haechi.Approved
}

// unknown is what a device is once the registry that it depends on has closed.
func unknown(d *haechi.Device) {
	d.Status = haechi.Pending
	d.Reason = "the device registry has not answered for too long"
}

// view is the device as it stands, the outer registry's word included.
func (e *entry) view() haechi.Device {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.spelled()
}

// spelled is view for who holds mu.
func (e *entry) spelled() haechi.Device {
	d := e.seenBy()
	e.spell(&d)
	return d
}

// standing is view for a frame, which asks for no address: that may be the one before.
func (e *entry) standing() haechi.Device {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seenBy()
}

// seenBy is standing for who holds mu.
func (e *entry) seenBy() haechi.Device {
	d := e.dev
	if w := e.word.Load(); w != nil {
		w.over(&d)
	}
	return d
}

// hear makes the outer registry's word count. The caller holds the admin lock, or
// nobody else knows the registry yet.
func (e *entry) hear(w *word) (before, after haechi.Device) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before = e.seenBy()
	e.word.Store(w)
	e.enforce()
	if after = e.seenBy(); after.Status != before.Status && !e.isGuest() {
		e.touched = true
	}
	return before, after
}

// enforce puts the keys in force that the device's status grants. The caller holds
// mu.
func (e *entry) enforce() {
	if keys := e.all; e.seenBy().Status == haechi.Approved {
		e.keys.Store(&keys)
	} else {
		e.keys.Store(nil)
	}
}

// shut reports whether the registry that the device depends on has closed.
func (e *entry) shut(now time.Time) bool {
	w := e.word.Load()
	return w != nil && w.outer.closed(now)
}

// ruling turns what an operator asks for a governed device into what can be done
// here: only something against it, or taking that back.
func (e *entry) ruling(to haechi.DeviceStatus, by string) (haechi.DeviceStatus, error) {
	w := e.word.Load()
	if w == nil || vetoed(to) {
		return to, nil
	}
	d := e.view()
	if d.Veto == haechi.Pending {
		return to, &haechi.Error{Kind: haechi.Conflict, Op: "set a device's status",
			Msg:  "its status is kept in the " + d.Source + ", which says: " + d.There,
			Hint: "change it there; here a device can be denied, revoked or blocked, and that be taken back"}
	}
	// To take it back may admit the device, so it is for whoever may approve.
	return haechi.Pending, allowed(d.Status, haechi.Approved, by)
}
