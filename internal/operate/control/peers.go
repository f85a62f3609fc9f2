package control

import (
	"context"
	"fmt"
	"strings"

	"haechi"
)

// ImportDecisions takes over decisions of other programs, all of them durable in one
// step, or none; with dry it only says what would become of them. What may not be
// decided is told and leaves the others alone. Each decision's Rule names its peer.
func (c *Control) ImportDecisions(ctx context.Context, op haechi.Operator, ds []haechi.Decision, dry bool) (haechi.Import, error) {
	_, told := c.d.Peers.Import(ds, true, c.d.Now())
	if dry || told.Added+told.Changed == 0 {
		told.DryRun = dry
		return told, nil
	}
	err := c.audited(ctx, op, importEntry(ds), func(ctx context.Context) error {
		before, err := c.d.Enforcer.InForce(ctx)
		if err != nil {
			return err
		}
		var taken []haechi.Decision
		taken, told = c.d.Peers.Import(ds, false, c.d.Now())
		if err := c.d.Journal.SaveDecisions(ctx, taken); err != nil {
			c.takeAllBack(taken, before)
			return err
		}
		return c.d.Enforcer.Apply(ctx, taken)
	})
	return told, err
}

// importEntry is the one audit entry of an import: about the scope, where it is one, else
// about the peer of the first.
func importEntry(ds []haechi.Decision) haechi.AuditEntry {
	first := &ds[0]
	e := haechi.AuditEntry{Action: ActionImport, Subject: first.Rule, After: fmt.Sprintf("decisions: %d", len(ds)), Reason: first.Reason}
	if len(ds) == 1 {
		e.Subject, e.After, e.Reason = first.Scope.String(), first.Action.String(), strings.TrimSpace(first.Rule+" "+first.Reason)
	}
	return e
}

// takeAllBack undoes what could not be kept; what it replaced goes on as it was.
func (c *Control) takeAllBack(taken, before []haechi.Decision) {
	old := map[haechi.Reference]haechi.Decision{}
	for _, d := range before {
		old[d.ID] = d
	}
	var again []haechi.Decision
	for i := range taken {
		_, _ = c.d.Decider.Lift(taken[i].ID, "", "could not be kept", c.d.Now()) // unknown to the journal, so nothing is left of it
		if d, ok := old[taken[i].ID]; ok {
			again = append(again, d)
		}
	}
	_ = c.d.Decider.Load(again, c.d.Now()) // what it lifts, the next check of the lists lifts as well
}

// WithdrawDecisions lifts what a peer decided about the scope, or all that it decided
// where the scope is none. Nothing of it is no error: it may have ended by itself.
func (c *Control) WithdrawDecisions(ctx context.Context, op haechi.Operator, about haechi.Scope, peer, reason string) ([]haechi.Decision, error) {
	standing := c.d.Peers.OfPeer(about, peer, c.d.Now())
	if len(standing) == 0 {
		return []haechi.Decision{}, nil
	}
	entry := haechi.AuditEntry{Action: ActionWithdraw, Subject: peer, Before: fmt.Sprintf("decisions: %d", len(standing)), Reason: reason}
	if about.Kind != haechi.ScopeNone {
		entry.Subject, entry.Before, entry.Reason = about.String(), string(standing[0].ID), strings.TrimSpace(peer+" "+reason)
	}
	var lifted []haechi.Decision
	err := c.audited(ctx, op, entry, func(ctx context.Context) error {
		lifted = c.d.Peers.Withdraw(about, peer, op.Name, reason, c.d.Now())
		if err := c.d.Journal.SaveDecisions(ctx, lifted); err != nil {
			return err // as with an operator's lift: the reconciler takes them out, and the next start finds them open again
		}
		ids := make([]haechi.Reference, len(lifted))
		for i := range lifted {
			ids[i] = lifted[i].ID
		}
		return c.d.Enforcer.Lift(ctx, ids)
	})
	return lifted, err
}
