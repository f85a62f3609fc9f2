package session

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"haechi"
)

// Apply puts the batch into force, or none of it, and cuts the live sessions that
// it refuses before it returns. A decision that is over, lifted or in shadow is
// taken out of force instead. Errors: Invalid for a decision that cannot be
// enforced, Exhausted beyond MaxDecisions.
func (e *Enforcer) Apply(ctx context.Context, ds []haechi.Decision) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("apply decisions: %w", err)
	}
	now := e.cfg.Now()
	fresh, err := e.put(ds, now)
	if err != nil {
		e.refusedDecisions.Add(uint64(len(ds)))
		return err
	}
	e.cutRefused(fresh, now)
	return nil
}

// put changes the table and returns what is in force because of the batch.
func (e *Enforcer) put(ds []haechi.Decision, now time.Time) (fresh []*rule, err error) {
	e.write.Lock()
	defer e.write.Unlock()
	added := make(map[haechi.Reference]bool)
	for i := range ds {
		d := ds[i]
		var ok bool
		if d.Scope, ok = storable(d.Scope); !ok || d.ID == "" || !enforceable(d.Action) {
			return nil, &haechi.Error{Kind: haechi.Invalid, Op: "apply decision",
				Msg: fmt.Sprintf("decision %q, %s on %q, cannot be enforced in process", d.ID, d.Action, d.Scope)}
		}
		if d.Applies(now) {
			d.Findings = slices.Clone(d.Findings)
			fresh = append(fresh, &rule{d})
			added[d.ID] = e.table.byID[d.ID] == nil
		}
	}
	grow := 0
	for _, isNew := range added {
		if isNew {
			grow++
		}
	}
	if len(e.table.byID)+grow > e.cfg.MaxDecisions {
		return nil, &haechi.Error{Kind: haechi.Exhausted, Op: "apply decisions",
			Msg: fmt.Sprintf("more than %d decisions would be in force", e.cfg.MaxDecisions), Hint: "lift some, or decide about prefixes"}
	}
	c := e.table.change()
	for i := range ds {
		c.remove(ds[i].ID)
	}
	for _, r := range fresh {
		c.remove(r.ID) // the same ID twice in one batch: the last one counts
		c.add(r)
	}
	c.commit()
	return fresh, nil
}

func enforceable(a haechi.Action) bool {
	return a != haechi.Pass && a != haechi.Hold && a <= haechi.Drop
}

// Lift takes decisions out of force.
func (e *Enforcer) Lift(ctx context.Context, ids []haechi.Reference) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("lift decisions: %w", err)
	}
	e.write.Lock()
	defer e.write.Unlock()
	c := e.table.change()
	for _, id := range ids {
		c.remove(id)
	}
	c.commit()
	return nil
}

// InForce reads the table that answers, oldest decision first.
func (e *Enforcer) InForce(ctx context.Context) ([]haechi.Decision, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read decisions in force: %w", err)
	}
	now := e.cfg.Now()
	e.write.Lock() // no half of a batch
	defer e.write.Unlock()
	var out []haechi.Decision
	for _, k := range namedKinds() {
		out = inForce(e.table.names[k], out, now)
	}
	out = inForce(e.table.asns, out, now)
	out = inForce(e.table.prefixes, out, now)
	slices.SortFunc(out, func(a, b haechi.Decision) int {
		return cmp.Or(a.From.Compare(b.From), strings.Compare(string(a.ID), string(b.ID)))
	})
	return out, nil
}

func inForce[K comparable](s *store[K], out []haechi.Decision, now time.Time) []haechi.Decision {
	for i := range s.parts {
		part := s.parts[i].Load()
		if part == nil {
			continue
		}
		for _, rules := range *part {
			for _, r := range rules {
				if r.Applies(now) {
					d := r.Decision
					d.Findings = slices.Clone(d.Findings)
					out = append(out, d)
				}
			}
		}
	}
	return out
}

// Sweep frees the room of what is over. Nothing depends on when it runs: what is
// over is not in force either way. Call it every few seconds.
func (e *Enforcer) Sweep(now time.Time) {
	e.memory.sweep(now)
	e.write.Lock()
	defer e.write.Unlock()
	var over []haechi.Reference
	for id, r := range e.table.byID {
		if !r.Applies(now) {
			over = append(over, id)
		}
	}
	if len(over) == 0 {
		return
	}
	c := e.table.change()
	for _, id := range over {
		c.remove(id)
	}
	c.commit()
}
