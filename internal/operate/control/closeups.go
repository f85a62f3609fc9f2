package control

import (
	"bytes"
	"context"
	"io"
	"net/netip"

	"haechi"
)

// Closeups are the packets of whom the sensor watches closely.
type Closeups interface {
	List() []haechi.Closeup
	// Write writes those of a client as a capture. Errors are of kind NotFound.
	Write(w io.Writer, about netip.Prefix) (packets int, err error)
}

// Closeups lists of whom packets are kept, the newest first.
func (c *Control) Closeups(context.Context) ([]haechi.Closeup, error) {
	return c.d.Closeups.List(), nil
}

// Packets reads those that are kept of a client. They hold what was said, so that who
// reads them is in the audit trail.
func (c *Control) Packets(ctx context.Context, op haechi.Operator, about haechi.Scope, reason string) (haechi.Packets, error) {
	if !about.IsSource() || !about.Prefix.IsValid() {
		return haechi.Packets{}, &haechi.Error{Kind: haechi.Invalid, Op: "read packets", Msg: "packets are kept of addresses", Hint: "name one, for example ip:203.0.113.7"}
	}
	var b bytes.Buffer
	out := haechi.Packets{About: about}
	entry := haechi.AuditEntry{Action: ActionPackets, Subject: about.String(), Reason: reason}
	err := c.audited(ctx, op, entry, func(context.Context) (err error) {
		out.Packets, err = c.d.Closeups.Write(&b, about.Prefix)
		return err
	})
	out.Capture = b.Bytes()
	return out, err
}
