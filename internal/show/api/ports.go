package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"haechi"
)

// Watcher answers what is going on.
type Watcher interface {
	Overview(ctx context.Context) (haechi.Overview, error)
	Events(ctx context.Context, f haechi.EventFilter) ([]haechi.Event, error)
	// Follow streams events until ctx ends; a slow reader loses the oldest ones.
	Follow(ctx context.Context, f haechi.EventFilter) (<-chan haechi.Event, error)
	Findings(ctx context.Context, limit int) ([]haechi.Finding, error)
	Incidents(ctx context.Context, limit int) ([]haechi.Incident, error)
	Status(ctx context.Context) (haechi.Status, error)
}

// Devices keeps the registry of devices.
type Devices interface {
	Devices(ctx context.Context, f haechi.DeviceFilter) ([]haechi.Device, error)
	SetDeviceStatus(ctx context.Context, op haechi.Operator, key string, s haechi.DeviceStatus, reason string) (haechi.Device, error)
	NewDeviceKey(ctx context.Context, op haechi.Operator, key string) (haechi.NewKey, error)
	RetireDeviceKey(ctx context.Context, op haechi.Operator, key, id string) error
	AddDevice(ctx context.Context, op haechi.Operator, service, key string) (haechi.Device, error)
	// DeleteDevice forgets a device and everything recorded about it, for good.
	DeleteDevice(ctx context.Context, op haechi.Operator, key, reason string) (rows int64, err error)
}

// Fleet keeps many devices in order: who is unused, which keys are old, what
// happened to one, and to which identity it is bound.
type Fleet interface {
	DeviceHistory(ctx context.Context, key string, limit int) ([]haechi.AuditEntry, error)
	UnusedDevices(ctx context.Context, f haechi.UnusedFilter) ([]haechi.Device, error)
	// RetireUnused revokes them all, if there are as many as count.
	RetireUnused(ctx context.Context, op haechi.Operator, f haechi.UnusedFilter, count int, reason string) (haechi.Bulk, error)
	KeyReport(ctx context.Context, old bool) (haechi.KeyReport, error)
	PinDevice(ctx context.Context, op haechi.Operator, key, id, reason string) (haechi.Device, error)
}

// Enrolment makes the codes by which devices let themselves in.
type Enrolment interface {
	EnrolCodes(ctx context.Context) ([]haechi.EnrolCode, error)
	NewEnrolCode(ctx context.Context, op haechi.Operator, spec haechi.EnrolCode, lasts time.Duration) (haechi.NewCode, error)
	EndEnrolCode(ctx context.Context, op haechi.Operator, id, reason string) (haechi.EnrolCode, error)
}

// Decisions lists, adds and lifts decisions.
type Decisions interface {
	Decisions(ctx context.Context, f haechi.DecisionFilter) ([]haechi.Decision, error)
	AddDecision(ctx context.Context, op haechi.Operator, d haechi.Decision) (haechi.Decision, error)
	LiftDecision(ctx context.Context, op haechi.Operator, id haechi.Reference, reason string) (haechi.Decision, error)
}

// Explainer says why, and by which rules.
type Explainer interface {
	Why(ctx context.Context, query string) (haechi.Explanation, error)
	Rules(ctx context.Context) ([]haechi.RuleInfo, error)
	Report(ctx context.Context, name string) (haechi.Table, error)
	Reports(ctx context.Context) []string
}

// Keeper looks after the gateway itself.
type Keeper interface {
	Reload(ctx context.Context, op haechi.Operator) error
	Backup(ctx context.Context, op haechi.Operator, path string) error
	Audit(ctx context.Context, limit int) ([]haechi.AuditEntry, error)
	VerifyAudit(ctx context.Context) (entries uint64, err error)
	// Undo reverses an audit entry. Errors are of kind NotFound or Conflict.
	Undo(ctx context.Context, op haechi.Operator, seq uint64) error
	// LoginLink makes a one-time link to the console, on the local socket only.
	LoginLink(ctx context.Context, op haechi.Operator) (string, error)
}

// Replayer shows what the present rules would have done with what is recorded.
type Replayer interface {
	Replay(ctx context.Context, since time.Time) (haechi.Replay, error)
}

// Excepter makes exceptions from the WAF, after showing what they change.
type Excepter interface {
	Exceptions(ctx context.Context) ([]haechi.Exception, error)
	PreviewException(ctx context.Context, ref haechi.Reference, since time.Time) (haechi.ExceptionPreview, error)
	ProposeExceptions(ctx context.Context, since time.Time) ([]haechi.ExceptionProposal, error)
	AddException(ctx context.Context, op haechi.Operator, order haechi.ExceptionOrder) ([]haechi.Exception, error)
	EndException(ctx context.Context, op haechi.Operator, id, reason string) (haechi.Exception, error)
}

// Usual says what the parameters of the web services usually hold.
type Usual interface {
	Held(ctx context.Context, service, name string, limit int) ([]haechi.Held, error)
}

// Attacker says how the gateway stands while an attack goes on, and changes it.
type Attacker interface {
	Attack(ctx context.Context) (haechi.AttackStatus, error)
	SetStage(ctx context.Context, op haechi.Operator, s haechi.Stage, length time.Duration, reason string) (haechi.AttackStatus, error)
	ReleaseStage(ctx context.Context, op haechi.Operator, reason string) (haechi.AttackStatus, error)
}

// Drainer takes servers behind services out of their turn, and puts them back.
type Drainer interface {
	Drain(ctx context.Context, op haechi.Operator, service, server string, on bool, reason string) error
}

// Closeups are the packets that are kept of whom is watched closely.
type Closeups interface {
	Closeups(ctx context.Context) ([]haechi.Closeup, error)
	Packets(ctx context.Context, op haechi.Operator, about haechi.Scope, reason string) (haechi.Packets, error)
}

// Deps are the parts the interface asks. All but Log and Now are required.
type Deps struct {
	Watcher   Watcher
	Devices   Devices
	Fleet     Fleet
	Enrolment Enrolment
	Decisions Decisions
	Importer  Importer
	Explainer Explainer
	Keeper    Keeper
	Replayer  Replayer
	Excepter  Excepter
	Usual     Usual
	Attacker  Attacker
	Drainer   Drainer
	Closeups  Closeups
	// Operator names who asks: from the console's session, or from the peer
	// credentials of the local socket. Without one every request is refused.
	Operator func(*http.Request) (haechi.Operator, bool)
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: discard
}
