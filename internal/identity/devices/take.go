package devices

import (
	"maps"
	"time"

	"haechi"
)

// take makes a reading so: rows that are new, changed or gone. Everything is in
// force before OnChange is told, so that a device whose session is cut cannot come
// back by what is known no more.
func (o *Outer) take(rows []Row, now time.Time) {
	changes := o.apply(rows, now)
	if !o.read.Swap(true) {
		o.cfg.Log.Info("the outer device registry was read", "registry", o.cfg.Name, "rows", len(rows))
		return
	}
	if len(changes) > 0 {
		o.changes.Add(uint64(len(changes)))
		o.cfg.Changed(changes)
	}
}

// apply puts the rows in force, and then tells OnChange what that changed.
func (o *Outer) apply(rows []Row, now time.Time) []Change {
	r := o.r
	r.admin.Lock()
	defer r.admin.Unlock()
	changes := o.enforce(rows, now)
	for _, c := range changes {
		r.cfg.OnChange(c.Before, c.After)
	}
	return changes
}

// enforce holds mu, so that nobody registers meanwhile. The caller holds the admin
// lock. What the first reading brings is no change.
func (o *Outer) enforce(rows []Row, now time.Time) (changes []Change) {
	r := o.r
	r.mu.Lock()
	defer r.mu.Unlock()
	o.round++
	next := o.index(rows, now)
	pending := int64(0)
	for key, e := range next {
		w := o.heard(e)
		if w != nil && w.known {
			if w.row.Status == haechi.Pending {
				pending++
			} else {
				r.settle(e) // it waits for no operator of Haechi
			}
		} else if e.forgettable() {
			delete(next, key)
		}
		if w.same(e.word.Load()) {
			continue
		}
		if before, after := e.hear(w); before.Status != after.Status && o.read.Load() {
			changes = append(changes, Change{before, after})
		}
	}
	r.index.Store(&next)
	o.rows.Store(int64(len(rows)))
	o.pending.Store(pending)
	return changes
}

// heard is the word that this reading has about the device.
func (o *Outer) heard(e *entry) *word {
	w := e.heard
	e.heard = nil
	if e.round != o.round {
		return o.none(&e.dev)
	}
	return w
}

// index is the registry's with an entry for every row, which has heard its word
// without following it yet.
func (o *Outer) index(rows []Row, now time.Time) map[string]*entry {
	r := o.r
	next := maps.Clone(*r.index.Load())
	for i := range rows {
		row := &rows[i]
		d := haechi.Device{Key: haechi.DeviceKey(row.Bot, row.Serial), Bot: row.Bot, Serial: row.Serial}
		if validKey(&d) != nil {
			o.unfit.Add(1)
			continue
		}
		e := next[d.Key]
		if e == nil {
			e = o.guest(&d, now)
			next[d.Key] = e
		}
		w := &word{outer: o, known: true, row: *row, at: row.ChangedAt}
		if w.at.IsZero() {
			w.at = now
		}
		if e.round == o.round { // a second row of the same device: the worse counts
			o.doubled.Add(1)
			if row.Status == haechi.Approved {
				continue
			}
		}
		e.heard, e.round = w, o.round
	}
	return next
}

// guest is the entry of a device that only the outer registry knows. It is not
// written until it is seen or an operator does something about it.
func (o *Outer) guest(d *haechi.Device, now time.Time) *entry {
	e := &entry{unsaved: true, dev: *d}
	e.dev.FirstSeen, e.dev.ChangedAt = now, now
	if len(o.cfg.Services) == 1 {
		e.dev.Service = o.cfg.Services[0]
	}
	return e
}

// known reports whether the outer registry had a row for the device.
func (e *entry) known() bool {
	w := e.word.Load()
	return w != nil && w.known
}

// forgettable reports whether nothing but a row that is gone made the entry.
func (e *entry) forgettable() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.isGuest() && len(e.all) == 0
}

// isGuest reports whether the device was never seen and nothing here is about it.
// The caller holds mu.
func (e *entry) isGuest() bool { return e.unsaved && e.dev.LastSeen.IsZero() && e.known() }

// stays puts a deleted device back as the outer registry has it: what is there is
// not Haechi's to delete. The caller holds the admin lock.
func (r *Registry) stays(e *entry) {
	w := e.word.Load()
	if w == nil || !w.known {
		return
	}
	fresh := w.outer.guest(&haechi.Device{Key: e.dev.Key, Bot: e.dev.Bot, Serial: e.dev.Serial}, r.cfg.Now())
	fresh.round = e.round
	fresh.hear(w)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(e.dev.Key, fresh)
}
