package decide

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"haechi"
)

// group is what belongs together: what a detector says is one incident, and else what
// one rule finds about one.
type group struct {
	rule, service string
	about         haechi.Scope
	ref           haechi.Reference // the detector's own, in place of service and about
}

func groupOf(f *haechi.Finding) group {
	if f.Incident != "" {
		return group{rule: f.Rule, ref: f.Incident}
	}
	return group{rule: f.Rule, service: f.Service, about: f.About}
}

// incident is an open incident and what was last told of it.
type incident struct {
	haechi.Incident
	told   time.Time
	urgent bool // something other than the count changed since
}

func (in *incident) decided(id haechi.Reference) {
	if in.Decision != id {
		in.Decision, in.urgent = id, true
	}
}

// incidents is the bounded table of the open ones.
type incidents struct {
	open    map[group]*incident
	max     int
	refused uint64
}

func newIncidents(limit int) *incidents {
	return &incidents{open: make(map[group]*incident), max: limit}
}

// observe opens the finding's incident or adds to it; nil when the table is full.
func (d *Decider) observe(f *haechi.Finding, mode haechi.Mode, now time.Time) *incident {
	g := groupOf(f)
	in := d.incidents.open[g]
	if in == nil {
		if f.Over {
			return nil // it ended before: in an earlier run, or because it was too quiet
		}
		if len(d.incidents.open) >= d.incidents.max {
			d.incidents.refused++
			return nil
		}
		id := f.Incident
		if id == "" {
			id = d.book.newID("incident\x00"+f.Rule+"\x00"+f.Service, f.About, now)
		}
		in = &incident{urgent: true, Incident: haechi.Incident{
			ID:   id,
			Rule: f.Rule, Service: f.Service, About: f.About,
			Severity: f.Severity, Mode: mode, Start: startOf(f, now), Peak: f.Observed,
		}}
		d.incidents.open[g] = in
	}
	in.Findings++
	if now.After(in.Last) {
		in.Last = now
	}
	in.grow(f, mode)
	return in
}

// startOf is when the evidence began, which is never after the finding.
func startOf(f *haechi.Finding, now time.Time) time.Time {
	if f.First.IsZero() || f.First.After(now) {
		return now
	}
	return f.First
}

func (in *incident) grow(f *haechi.Finding, mode haechi.Mode) {
	in.Peak = max(in.Peak, f.Observed)
	if f.Severity > in.Severity {
		in.Severity, in.urgent = f.Severity, true
	}
	if mode > in.Mode { // from shadow to enforce
		in.Mode, in.urgent = mode, true
	}
}

// over ends an incident whose detector says so.
func (d *Decider) over(f *haechi.Finding, mode haechi.Mode, now time.Time) {
	in := d.observe(f, mode, now)
	if in == nil {
		return
	}
	in.End = in.Last
	if f.Last.After(in.Start) && f.Last.Before(in.End) {
		in.End = f.Last
	}
	delete(d.incidents.open, groupOf(f))
	d.deps.OnIncident(in.Incident)
}

// lost is after how long without a finding an incident ends whose detector promised to
// say when it is over.
const lost = 24 * time.Hour

// announce tells of a change at once, of a mere count now and then.
func (d *Decider) announce(in *incident, now time.Time) {
	if in == nil || (!in.urgent && now.Sub(in.told) < d.cfg.UpdateEvery) {
		return
	}
	in.told, in.urgent = now, false
	d.deps.OnIncident(in.Incident)
}

// quiet closes and returns the incidents without a finding for so long, by start.
// They end with their last finding. A detector's own wait for its word.
func (t *incidents) quiet(now time.Time, after time.Duration) []haechi.Incident {
	var out []haechi.Incident
	for g, in := range t.open {
		if silence := now.Sub(in.Last); silence >= lost || silence >= after && g.ref == "" {
			in.End = in.Last
			out = append(out, in.Incident)
			delete(t.open, g)
		}
	}
	sortIncidents(out)
	return out
}

func sortIncidents(ins []haechi.Incident) {
	slices.SortFunc(ins, func(a, b haechi.Incident) int {
		return cmp.Or(a.Start.Compare(b.Start), strings.Compare(string(a.ID), string(b.ID)))
	})
}

// Incidents lists the open incidents, oldest first.
func (d *Decider) Incidents() []haechi.Incident {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]haechi.Incident, 0, len(d.incidents.open))
	for _, in := range d.incidents.open {
		out = append(out, in.Incident)
	}
	sortIncidents(out)
	return out
}

// LoadIncidents takes up the open incidents of an earlier run, so that each gets
// its end; closed ones and those beyond the bound are ignored.
func (d *Decider) LoadIncidents(existing []haechi.Incident) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, in := range existing {
		g := group{rule: in.Rule, service: in.Service, about: in.About} // detectors began anew
		if !in.End.IsZero() || d.incidents.open[g] != nil || len(d.incidents.open) >= d.incidents.max {
			continue
		}
		d.incidents.open[g] = &incident{Incident: in, told: in.Last}
	}
}
