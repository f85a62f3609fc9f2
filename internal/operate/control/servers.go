package control

import (
	"context"
	"strings"

	"haechi"
)

// Servers drains the servers behind services.
type Servers interface {
	// Drain says whether the service's server gets nothing new. Errors are of kind
	// NotFound for a server that is not behind the service and Conflict for the last one
	// that is not being drained.
	Drain(service, server string, on bool) error
}

// Drain takes a server out of its turn, or puts it back. What it has under way goes on.
// It lasts until it is put back or the gateway restarts.
func (c *Control) Drain(ctx context.Context, op haechi.Operator, service, server string, on bool, reason string) error {
	entry := haechi.AuditEntry{Action: ActionDrain, Subject: service + " " + server, Reason: reason}
	if !on {
		entry.Action = ActionResume
	}
	return c.audited(ctx, op, entry, func(context.Context) error {
		return c.d.Servers.Drain(service, server, on)
	})
}

func (c *Control) undoDrain(ctx context.Context, op haechi.Operator, e *haechi.AuditEntry, reason string) error {
	service, server, _ := strings.Cut(e.Subject, " ")
	return c.Drain(ctx, op, service, server, e.Action == ActionResume, reason)
}
