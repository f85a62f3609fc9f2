package control

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"haechi"
)

// bySQL is who changed a status with a statement in the records' database; the
// database does not say more.
const bySQL = "sql"

// actionRefused is the entry of a change by SQL that was put back.
const actionRefused = ActionDeviceStatus + ".refused"

// maxByHand bounds what is quoted of a text that somebody wrote, in bytes.
const maxByHand = 100

// ByHand takes up a device's status that somebody wrote into kb_bot_devices with a
// statement of SQL (row A89). Such a statement may take approval away and nothing
// else: who may write to the records is not who may admit devices. Anything else is
// refused, which is audited as well. Errors are of kind NotFound for a device that
// nobody registered, Denied for a change that was refused, else those of
// SetDeviceStatus.
func (c *Control) ByHand(ctx context.Context, key, status, reason string) error {
	before, err := c.device(key)
	if err != nil {
		return err
	}
	s, err := haechi.ParseDeviceStatus(status)
	switch {
	case err == nil && s == before.Status:
		return nil
	case err == nil && (s == haechi.Blocked || s == haechi.Revoked || s == haechi.DeniedDevice):
		_, err := c.SetDeviceStatus(ctx, haechi.Operator{Name: bySQL, Via: bySQL}, key, s, cmp.Or(strings.TrimSpace(clip(reason)), "changed by SQL"))
		return err
	}
	refused := &haechi.Error{Kind: haechi.Denied, Op: "change a device by SQL", Msg: fmt.Sprintf("SQL may block, deny or revoke a device, not make it %q", clip(status)),
		Hint: "use haechi devices, or the console"}
	e := haechi.AuditEntry{Time: c.d.Now().UTC(), By: bySQL, Via: bySQL, Action: actionRefused, Subject: key,
		Before: before.Status.String(), After: clip(status), Reason: refused.Msg}
	if err := c.d.Chain.AppendAudit(ctx, &e); err != nil {
		return &haechi.Error{Kind: haechi.Unavailable, Op: actionRefused, Err: err}
	}
	return refused
}

func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxByHand)], "") }
