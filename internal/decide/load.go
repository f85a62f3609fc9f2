package decide

import (
	"slices"
	"time"

	"haechi"
)

// liftedBy is who lifted what the allow list or protection has overtaken.
const liftedBy = "haechi"

// Load takes up decisions of an earlier run: open ones are open again under their
// IDs, ended ones count as repetitions. It returns those that may no longer stand,
// lifted, for the caller to store: the allow list may have changed in between.
// Loading a decision twice is the same as loading it once.
func (d *Decider) Load(existing []haechi.Decision, now time.Time) (lifted []haechi.Decision) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range existing {
		e := &entry{Decision: existing[i], promised: existing[i].Until}
		e.Findings = slices.Clone(e.Findings)
		dec := &e.Decision
		if !d.loadable(dec) {
			continue
		}
		d.remember(dec, now)
		if dec.Origin == haechi.OriginPeer {
			d.peerSeen(dec.Rule, dec.From)
		}
		if !dec.Open(now) {
			continue
		}
		if why, no := d.overtaken(dec.Scope); no {
			d.lift(e, liftedBy, why, now)
			lifted = append(lifted, e.copy())
			continue
		}
		if d.book.byID[dec.ID] == nil && !d.book.room(now) {
			d.count.full++
			continue
		}
		d.book.add(e)
	}
	return lifted
}

// loadable brings a stored decision into canonical form.
func (d *Decider) loadable(dec *haechi.Decision) bool {
	scope, ok := canonical(dec.Scope, d.cfg.V6Bits)
	dec.Scope = scope
	return ok && dec.ID != "" && decidable(dec.Action) && (dec.Mode == haechi.Enforce || dec.Mode == haechi.Shadow)
}

// remember lets an earlier decision of a rule count as a repetition.
func (d *Decider) remember(dec *haechi.Decision, now time.Time) {
	if dec.Origin != haechi.OriginRule || !dec.LiftedAt.IsZero() || dec.Until.IsZero() {
		return
	}
	if now.Sub(dec.Until) > time.Duration(dec.Repeat+1)*d.cfg.Forgive {
		return // long forgiven
	}
	tr := d.standings.get(dec.Scope, now, d.cfg.HalfLife).track(dec.Mode)
	if dec.Until.After(tr.lastEnd) {
		tr.count, tr.lastEnd = dec.Repeat+1, dec.Until
	}
}

// Recheck lifts every open decision that the allow list or protection now covers,
// and returns them, lifted, for the caller to store and to take out of force. Call
// it when the allow list was reloaded or somebody logged in to the console.
func (d *Decider) Recheck(now time.Time) (lifted []haechi.Decision) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, dec := range d.book.byID {
		if !dec.Open(now) {
			continue
		}
		if why, no := d.overtaken(dec.Scope); no {
			d.lift(dec, liftedBy, why, now) // which takes it out of the table
			lifted = append(lifted, dec.copy())
		}
	}
	return byStart(lifted)
}

func (d *Decider) overtaken(s haechi.Scope) (why string, no bool) {
	if d.allowed(s) {
		return "on the allow list", true
	}
	if why, no = d.deps.Protected(s); !no {
		return "", false
	}
	return why, true
}
