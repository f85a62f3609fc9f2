package control

import (
	"context"
	"fmt"

	"haechi"
)

// The actions that the audit chain names. Those marked can be undone.
const (
	ActionDeviceAdd    = "device.add"
	ActionDeviceStatus = "device.status" // undone by setting the status it had
	ActionDeviceDelete = "device.delete"
	ActionDeviceKey    = "device.key"
	ActionDeviceEnrol  = "device.enrol"       // undone by making it wait again
	ActionBulk         = "device.bulk"        // undone for all devices that did not change since
	ActionBulkStatus   = "device.bulk.status" // of one device in it; undone as device.status is
	ActionPin          = "device.pin"         // undone by setting the one before
	ActionCodeAdd      = "code.add"           // undone by ending it
	ActionCodeEnd      = "code.end"           // undone by opening it again
	ActionLoginLink    = "console.link"
	ActionKeyRetire    = "device.key.retire"
	ActionDecisionAdd  = "decision.add"  // undone by lifting it
	ActionDecisionLift = "decision.lift" // undone by ruling the same again
	ActionImport       = "decision.import"
	ActionWithdraw     = "decision.withdraw"
	ActionExcept       = "waf.except" // undone by ending it
	ActionExceptEnd    = "waf.end"    // undone by making it again
	ActionStage        = "attack.stage"
	ActionRelease      = "attack.release"
	ActionDrain        = "server.drain"  // undone by putting it back
	ActionResume       = "server.resume" // undone by draining it
	ActionPackets      = "packets.read"
	ActionReload       = "config.reload"
	ActionBackup       = "records.backup"
)

// Undo reverses the audit entry with that number, as a new entry. Errors are of
// kind NotFound for an unknown number and Conflict for what cannot be undone.
func (c *Control) Undo(ctx context.Context, op haechi.Operator, seq uint64) error {
	found, err := c.d.Chain.AuditEntries(ctx, seq, 1)
	if err != nil {
		return err
	}
	if len(found) == 0 || found[0].Seq != seq {
		return &haechi.Error{Kind: haechi.NotFound, Op: "undo", Msg: "no audit entry has this number", Hint: "haechi audit lists them"}
	}
	e, reason := found[0], fmt.Sprintf("undo of audit entry %d", seq)
	switch e.Action {
	case ActionDeviceStatus, ActionBulkStatus, ActionDeviceEnrol:
		return c.undoStatus(ctx, op, &e, reason)
	case ActionBulk:
		return c.undoBulk(ctx, op, &e, reason)
	case ActionPin:
		return c.undoPin(ctx, op, &e, reason)
	case ActionCodeAdd, ActionCodeEnd:
		return c.undoCode(ctx, op, &e, reason)
	case ActionDecisionAdd:
		return c.undoAdd(ctx, op, &e, reason)
	case ActionDecisionLift:
		return c.undoLift(ctx, op, haechi.Reference(e.Before), reason)
	case ActionExcept, ActionExceptEnd:
		return c.undoException(ctx, op, &e, reason)
	case ActionDrain, ActionResume:
		return c.undoDrain(ctx, op, &e, reason)
	}
	if e.Action == ActionImport {
		return &haechi.Error{Kind: haechi.Conflict, Op: "undo " + e.Action, Msg: "what another program handed over is taken back by its name",
			Hint: "haechi decisions withdraw, with --from"}
	}
	return &haechi.Error{Kind: haechi.Conflict, Op: "undo " + e.Action, Msg: "this cannot be undone",
		Hint: "changes of a device's status or pin, of enrolment codes, decisions, exceptions and drained servers can"}
}

// undoStatus sets the status that a device had before. A change that came after is
// not overrun.
func (c *Control) undoStatus(ctx context.Context, op haechi.Operator, e *haechi.AuditEntry, reason string) error {
	before, err := haechi.ParseDeviceStatus(e.Before)
	if err != nil {
		return err
	}
	d, err := c.device(e.Subject)
	if err != nil {
		return err
	}
	if d.Status.String() != e.After {
		return &haechi.Error{Kind: haechi.Conflict, Op: "undo", Msg: fmt.Sprintf("the device is %v by now, not %s", d.Status, e.After),
			Hint: "haechi devices show says since when; undo that first, or set the status"}
	}
	_, err = c.SetDeviceStatus(ctx, op, e.Subject, before, reason)
	return err
}

func (c *Control) undoPin(ctx context.Context, op haechi.Operator, e *haechi.AuditEntry, reason string) error {
	d, err := c.device(e.Subject)
	if err != nil {
		return err
	}
	if d.UUID != e.After {
		return &haechi.Error{Kind: haechi.Conflict, Op: "undo", Msg: "the device was pinned anew since", Hint: "haechi devices show says since when"}
	}
	_, err = c.PinDevice(ctx, op, e.Subject, e.Before, reason)
	return err
}

func (c *Control) undoAdd(ctx context.Context, op haechi.Operator, e *haechi.AuditEntry, reason string) error {
	about, err := haechi.ParseScope(e.Subject)
	if err != nil {
		return err
	}
	open, err := c.Decisions(ctx, haechi.DecisionFilter{OpenAt: c.d.Now(), About: about})
	if err != nil {
		return err
	}
	for _, d := range open {
		if d.Scope == about && d.Origin == haechi.OriginOperator {
			_, err := c.LiftDecision(ctx, op, d.ID, reason)
			return err
		}
	}
	return &haechi.Error{Kind: haechi.Conflict, Op: "undo", Msg: "the decision is not in force any more"}
}

func (c *Control) undoLift(ctx context.Context, op haechi.Operator, id haechi.Reference, reason string) error {
	found, err := c.d.Journal.Decisions(ctx, &haechi.DecisionFilter{ID: id, Limit: 1})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return &haechi.Error{Kind: haechi.NotFound, Op: "undo", Msg: "the decision is not recorded any more"}
	}
	old := found[0]
	_, err = c.AddDecision(ctx, op, haechi.Decision{Scope: old.Scope, Service: old.Service, Action: old.Action,
		Mode: old.Mode, Reason: reason, Rule: old.Rule, Until: old.Until})
	return err
}
