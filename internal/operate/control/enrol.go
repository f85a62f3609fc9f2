package control

import (
	"context"
	"strings"
	"time"

	"haechi"
)

// codeSubject begins the subject of an entry about an enrolment code.
const codeSubject = "code:"

// EnrolCodes lists the enrolment codes, those made last first. The codes
// themselves are not known.
func (c *Control) EnrolCodes(context.Context) ([]haechi.EnrolCode, error) {
	return c.d.Enroller.EnrolCodes(), nil
}

// NewEnrolCode makes a code with the Service, Bot, Label and Uses of spec, which
// lets devices in for that long, and returns it: the only time it is shown. Errors
// are of kind Invalid, Exhausted or Unavailable.
func (c *Control) NewEnrolCode(ctx context.Context, op haechi.Operator, spec haechi.EnrolCode, lasts time.Duration) (haechi.NewCode, error) {
	now := c.d.Now()
	spec.Until = now.Add(lasts)
	made, err := c.d.Enroller.DraftCode(spec, op.Name, now)
	if err != nil {
		return haechi.NewCode{}, err
	}
	entry := haechi.AuditEntry{Action: ActionCodeAdd, Subject: codeSubject + made.ID, After: "open until " + made.Until.UTC().Format(time.RFC3339), Reason: made.Label}
	err = c.audited(ctx, op, entry, func(ctx context.Context) error { return c.d.Enroller.AddCode(ctx, made.EnrolCode, now) })
	if err != nil {
		return haechi.NewCode{}, err
	}
	return made, nil
}

// EndEnrolCode ends a code early. The devices that it let in stay. Errors are of
// kind NotFound or Conflict.
func (c *Control) EndEnrolCode(ctx context.Context, op haechi.Operator, id, reason string) (haechi.EnrolCode, error) {
	if reason = strings.TrimSpace(reason); reason == "" {
		return haechi.EnrolCode{}, &haechi.Error{Kind: haechi.Invalid, Op: "end the enrolment code", Msg: "a reason is missing", Hint: "say in a few words why"}
	}
	var ended haechi.EnrolCode
	entry := haechi.AuditEntry{Action: ActionCodeEnd, Subject: codeSubject + id, Before: "open", After: "ended", Reason: reason}
	err := c.audited(ctx, op, entry, func(ctx context.Context) (err error) {
		ended, err = c.d.Enroller.EndCode(ctx, id, op.Name, c.d.Now())
		return err
	})
	return ended, err
}

// Enrol lets a device in that has proved a code, in the name of the code.
func (c *Control) Enrol(ctx context.Context, code string, d haechi.Device) error {
	before := haechi.Pending
	if known, err := c.device(d.Key); err == nil {
		before = known.Status
	}
	op := haechi.Operator{Name: codeSubject + code, Via: "gate"}
	entry := haechi.AuditEntry{Action: ActionDeviceEnrol, Subject: d.Key, Before: before.String(), After: haechi.Approved.String(), Reason: "enrolment code " + code}
	return c.audited(ctx, op, entry, func(ctx context.Context) error {
		_, _, err := c.d.Enroller.Enrol(ctx, code, d, c.d.Now())
		return err
	})
}

func (c *Control) undoCode(ctx context.Context, op haechi.Operator, e *haechi.AuditEntry, reason string) error {
	id, _ := strings.CutPrefix(e.Subject, codeSubject)
	if e.Action == ActionCodeAdd {
		_, err := c.EndEnrolCode(ctx, op, id, reason)
		return err
	}
	entry := haechi.AuditEntry{Action: ActionCodeAdd, Subject: e.Subject, Before: "ended", After: "open", Reason: reason}
	return c.audited(ctx, op, entry, func(ctx context.Context) error {
		_, err := c.d.Enroller.ReopenCode(ctx, id, c.d.Now())
		return err
	})
}
