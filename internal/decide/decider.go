package decide

import (
	"sync"
	"time"

	"haechi"
)

// Decider turns findings into decisions and keeps the open ones. It is safe for
// concurrent use.
type Decider struct {
	cfg  Config
	deps Deps

	mu        sync.Mutex
	standings *standings
	book      *book
	incidents *incidents
	count     counters
	peers     map[string]time.Time // by name: when something was last taken
}

// counters count what led to no decision, and why.
type counters struct {
	findings, allowed, off, spoofable, broad, protected, shared, internal, full uint64
}

// New returns a Decider without any decision; see [Decider.Load].
func New(cfg Config, deps Deps) *Decider {
	cfg.defaults()
	deps.defaults()
	return &Decider{
		cfg: cfg, deps: deps,
		standings: newStandings(cfg.MaxScopes),
		book:      newBook(cfg.MaxOpen),
		incidents: newIncidents(cfg.MaxIncidents),
		peers:     map[string]time.Time{},
	}
}

// Decide weighs one finding and appends what it leads to: at most one new,
// extended or strengthened decision, which the caller applies and records. A
// shadow decision is recorded and not applied. Nothing of f is kept.
func (d *Decider) Decide(f *haechi.Finding, now time.Time, out []haechi.Decision) []haechi.Decision {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count.findings++
	mode := d.mode(f)
	switch {
	case mode == haechi.Off:
		d.count.off++
		return out
	case d.allowedActor(f):
		d.count.allowed++
		return out
	}
	if f.Over { // what is over is no reason to decide anything
		d.over(f, mode, now)
		return out
	}
	in := d.observe(f, mode, now)
	ruled, changed := d.weigh(f, mode, now)
	if ruled != nil && in != nil {
		in.decided(ruled.ID)
	}
	d.announce(in, now)
	if changed {
		d.cfg.Log.Info("decided", "id", ruled.ID, "scope", ruled.Scope, "action", ruled.Action,
			"mode", ruled.Mode, "rule", ruled.Rule, "until", ruled.Until)
		out = append(out, ruled.copy())
	}
	return out
}

// mode is the weaker of the rule's mode and the Decider's own. A rule that names
// none is a shadow: nothing is enforced by an oversight.
func (d *Decider) mode(f *haechi.Finding) haechi.Mode {
	switch {
	case f.Mode == haechi.Off:
		return haechi.Off
	case f.Mode == haechi.Enforce && d.cfg.Mode == haechi.Enforce:
		return haechi.Enforce
	default:
		return haechi.Shadow
	}
}

// weigh scores the finding and rules on it. It returns the decision that is open
// because of it, if any, and whether that was changed.
func (d *Decider) weigh(f *haechi.Finding, mode haechi.Mode, now time.Time) (ruled *entry, changed bool) {
	if f.About.Kind == haechi.ScopeService || d.cfg.Mode == haechi.Off {
		return nil, false
	}
	t, ok := d.aim(f, now)
	if !ok {
		return nil, false
	}
	st := d.standings.get(t.scope, now, d.cfg.HalfLife)
	tr := st.track(mode)
	if !t.ours { // its score would ban it at the next thing that a gate sees
		tr.score = d.points(f, tr.score)
	}
	r, ok := d.rule(f, t, st.scoreIn(mode))
	if !ok {
		return nil, false
	}
	s := slot{scope: t.scope, mode: mode, origin: haechi.OriginRule}
	if d.cfg.PerService {
		s.service = f.Service
	}
	if mode == haechi.Shadow && d.enforcedAlready(s, r.action, now) {
		return nil, false
	}
	if open := d.book.find(s, now); open != nil {
		return open, d.strengthen(open, f, r, tr, now)
	}
	return d.open(s, f, r, tr, now)
}

// enforcedAlready reports whether a shadow decision would add nothing.
func (d *Decider) enforcedAlready(s slot, a haechi.Action, now time.Time) bool {
	s.mode = haechi.Enforce
	for s.origin = haechi.OriginRule; s.origin <= haechi.OriginPeer; s.origin++ {
		if open := d.book.find(s, now); open != nil && open.Action >= a {
			return true
		}
	}
	return false
}

func (d *Decider) open(s slot, f *haechi.Finding, r ruling, tr *track, now time.Time) (*entry, bool) {
	if !d.book.room(now) {
		d.count.full++
		return nil, false
	}
	repeat := tr.repeats(now, d.cfg.Forgive)
	e := &entry{Decision: haechi.Decision{
		ID: d.book.newID(f.Rule, s.scope, now), Scope: s.scope, Service: s.service, Mode: s.mode,
		Origin: s.origin, From: now, Repeat: repeat,
	}}
	e.promise(now, r)
	d.fill(e, f, r, now)
	tr.count, tr.lastEnd = repeat+1, e.Until
	d.book.add(e)
	return e, true
}

// strengthen makes an open decision stronger or longer. A weaker finding does not
// prolong a stronger decision, except as far as its rule asks for a time itself:
// that is a promise, and the stronger action keeps it (see promise for watches).
func (d *Decider) strengthen(e *entry, f *haechi.Finding, r ruling, tr *track, now time.Time) bool {
	before := e.Decision
	e.promise(now, r)
	e.cite(f.Ref)
	switch {
	case r.action > e.Action:
		d.fill(e, f, r, now)
	case r.action == e.Action:
		e.Until = later(e.Until, d.end(r, e.Repeat, now))
	}
	e.Until = later(e.Until, e.promised)
	d.book.ends(e)
	tr.lastEnd = e.Until
	return e.Action != before.Action || !e.Until.Equal(before.Until)
}

func (d *Decider) fill(e *entry, f *haechi.Finding, r ruling, now time.Time) {
	e.Action, e.Rule, e.Reason = r.action, f.Rule, r.reason
	e.Observed, e.Threshold, e.Window = r.observed, r.threshold, r.window
	e.Until = later(e.promised, d.end(r, e.Repeat, now))
	e.cite(f.Ref)
}

// end is when a ruling made now would end.
func (d *Decider) end(r ruling, repeat int, now time.Time) time.Time {
	return wholeSecond(now.Add(d.length(r, repeat)))
}

// Tick forgets decisions that are over and closes incidents that have gone quiet.
// Call it about once a second.
func (d *Decider) Tick(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.book.expire(now)
	for _, in := range d.incidents.quiet(now, d.cfg.Quiet) {
		d.deps.OnIncident(in)
	}
}

// Open lists what is in force or in shadow at the time, oldest first. It is what
// the reconciler wants to find at the enforcers.
func (d *Decider) Open(now time.Time) []haechi.Decision {
	d.mu.Lock()
	open := d.book.open(now)
	d.mu.Unlock()
	return byStart(open)
}

// Stats are the counters of what was decided about, and of what was not and why.
func (d *Decider) Stats() []haechi.Counter {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &d.count
	return []haechi.Counter{
		{Name: "decide_findings", Value: c.findings},
		{Name: "decide_open", Value: uint64(len(d.book.byID))},
		{Name: "decide_scopes", Value: uint64(len(d.standings.slots))},
		{Name: "decide_scopes_forgotten", Value: d.standings.forgotten},
		{Name: "decide_refused_allowed", Value: c.allowed},
		{Name: "decide_refused_off", Value: c.off},
		{Name: "decide_refused_unverified", Value: c.spoofable},
		{Name: "decide_refused_broad", Value: c.broad},
		{Name: "decide_refused_protected", Value: c.protected},
		{Name: "decide_softened_internal", Value: c.internal},
		{Name: "decide_softened_shared", Value: c.shared},
		{Name: "decide_refused_full", Value: c.full},
		{Name: "decide_incidents", Value: uint64(len(d.incidents.open))},
		{Name: "decide_incidents_refused", Value: d.incidents.refused},
	}
}
