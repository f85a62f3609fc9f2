package control

import (
	"context"
	"time"

	"haechi"
)

// stageSubject is the subject of entries about the stage.
const stageSubject = "stage"

// Attack says at which stage the gateway is, and why.
func (c *Control) Attack(context.Context) (haechi.AttackStatus, error) {
	return c.d.Stages.Status(c.d.Now()), nil
}

// SetStage takes a stage for so long, whatever floods ask for. Errors are of kind Invalid
// for more than a day.
func (c *Control) SetStage(ctx context.Context, op haechi.Operator, s haechi.Stage, length time.Duration, reason string) (haechi.AttackStatus, error) {
	before := c.d.Stages.Status(c.d.Now())
	entry := haechi.AuditEntry{Action: ActionStage, Subject: stageSubject, Before: before.Stage.String(), After: s.String() + " for " + length.String(), Reason: reason}
	err := c.audited(ctx, op, entry, func(context.Context) error { return c.d.Stages.Set(s, op.Name, length, c.d.Now()) })
	return c.d.Stages.Status(c.d.Now()), err
}

// ReleaseStage ends the operator's stage and what the present floods ask for.
func (c *Control) ReleaseStage(ctx context.Context, op haechi.Operator, reason string) (haechi.AttackStatus, error) {
	before := c.d.Stages.Status(c.d.Now())
	entry := haechi.AuditEntry{Action: ActionRelease, Subject: stageSubject, Before: before.Stage.String(), After: haechi.StageWatch.String(), Reason: reason}
	err := c.audited(ctx, op, entry, func(context.Context) error {
		c.d.Stages.Release(op.Name, c.d.Now())
		return nil
	})
	return c.d.Stages.Status(c.d.Now()), err
}
