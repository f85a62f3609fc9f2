package control

import (
	"context"
	"strings"

	"haechi"
)

// Decisions lists decisions. Those open now are read back from where they are
// enforced (promise 4); ended and lifted ones come from the journal.
func (c *Control) Decisions(ctx context.Context, f haechi.DecisionFilter) ([]haechi.Decision, error) {
	if f.OpenAt.IsZero() {
		return c.d.Journal.Decisions(ctx, &f)
	}
	in, err := c.d.Enforcer.InForce(ctx)
	if err != nil {
		return nil, err
	}
	out := in[:0:0]
	for _, d := range in {
		if d.Open(f.OpenAt) && matches(&f, &d) {
			out = append(out, d)
		}
	}
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[:f.Limit]
	}
	return out, nil
}

func matches(f *haechi.DecisionFilter, d *haechi.Decision) bool {
	switch {
	case f.ID != "" && d.ID != f.ID, !f.Since.IsZero() && d.From.Before(f.Since):
		return false
	case f.About == haechi.Scope{} || d.Scope == f.About:
		return true
	case f.About.Kind == haechi.ScopeAddress && d.Scope.Prefix.IsValid():
		return d.Scope.Prefix.Overlaps(f.About.Prefix)
	}
	return false
}

// AddDecision rules on an operator's behalf. The allow list and protected scopes
// win: errors are of kind Denied then, Invalid for a ruling that makes no sense.
func (c *Control) AddDecision(ctx context.Context, op haechi.Operator, d haechi.Decision) (haechi.Decision, error) {
	d.Origin, d.By = haechi.OriginOperator, op.Name
	if err := c.d.Decider.Check(d, c.d.Now()); err != nil {
		return haechi.Decision{}, err
	}
	entry := haechi.AuditEntry{Action: ActionDecisionAdd, Subject: d.Scope.String(), After: d.Action.String(), Reason: d.Reason}
	err := c.audited(ctx, op, entry, func(ctx context.Context) (err error) {
		before, err := c.d.Enforcer.InForce(ctx)
		if err != nil {
			return err
		}
		d, err = c.d.Decider.Operator(d, c.d.Now())
		if err != nil {
			return err
		}
		if err := c.d.Journal.SaveDecision(ctx, &d); err != nil {
			c.takeBack(&d, before)
			return err
		}
		return c.d.Enforcer.Apply(ctx, []haechi.Decision{d})
	})
	return d, err
}

// takeBack undoes a decision that could not be kept. One that it replaced, under
// the same reference, goes on as it was.
func (c *Control) takeBack(d *haechi.Decision, before []haechi.Decision) {
	_, _ = c.d.Decider.Lift(d.ID, d.By, "could not be kept", c.d.Now()) // unknown to the journal, so nothing is left of it
	for _, old := range before {
		if old.ID == d.ID {
			_ = c.d.Decider.Load([]haechi.Decision{old}, c.d.Now()) // what it lifts, the next check of the lists lifts as well
		}
	}
}

// LiftDecision takes a decision back, whoever made it.
func (c *Control) LiftDecision(ctx context.Context, op haechi.Operator, id haechi.Reference, reason string) (haechi.Decision, error) {
	standing, err := c.Decisions(ctx, haechi.DecisionFilter{ID: id, OpenAt: c.d.Now()})
	if err == nil && len(standing) == 0 { // a shadow decision is only recorded
		standing, err = c.d.Journal.Decisions(ctx, &haechi.DecisionFilter{ID: id, Limit: 1})
	}
	if err != nil {
		return haechi.Decision{}, err
	}
	if len(standing) == 0 || !standing[0].Open(c.d.Now()) {
		return haechi.Decision{}, &haechi.Error{Kind: haechi.NotFound, Op: "lift the decision", Msg: "no open decision has this reference",
			Hint: "haechi decisions lists those in force"}
	}
	var lifted haechi.Decision
	entry := haechi.AuditEntry{Action: ActionDecisionLift, Subject: standing[0].Scope.String(), Before: string(id), Reason: strings.TrimSpace(reason)}
	err = c.audited(ctx, op, entry, func(ctx context.Context) (err error) {
		lifted, err = c.d.Decider.Lift(id, op.Name, entry.Reason, c.d.Now())
		if err != nil {
			return err
		}
		if err := c.d.Journal.SaveDecision(ctx, &lifted); err != nil {
			return err
		}
		return c.d.Enforcer.Lift(ctx, []haechi.Reference{id})
	})
	return lifted, err
}
