package record

import (
	"context"
	"time"

	"haechi"
)

// BatchID numbers a batch, so that one which is sent again because nobody knows
// whether it arrived is not written twice. The batches of one run of a writer come
// with rising numbers. The zero ID is of a batch that is never sent again.
type BatchID struct {
	Run string // random, at most 32 characters
	Seq uint64
}

// Batch is what one append writes, in one transaction.
type Batch struct {
	ID        BatchID
	Events    []haechi.Event
	Findings  []haechi.Finding
	Incidents []haechi.Incident // replaced by ID
	Devices   []haechi.Device   // the projection beside the events, replaced by Key
}

// Len is the number of rows in the batch.
func (b *Batch) Len() int {
	return len(b.Events) + len(b.Findings) + len(b.Incidents) + len(b.Devices)
}

// Appender takes batches of what happened.
type Appender interface {
	Append(ctx context.Context, b *Batch) error
}

// Events answers the console's and the reports' questions about what happened.
type Events interface {
	Appender
	Events(ctx context.Context, f *haechi.EventFilter) ([]haechi.Event, error)
	Findings(ctx context.Context, f *FindingFilter) ([]haechi.Finding, error)
	Incidents(ctx context.Context, openOnly bool, limit int) ([]haechi.Incident, error)
	// Overview counts; midnight is that of zone.
	Overview(ctx context.Context, now time.Time, zone *time.Location) (haechi.Overview, error)
	// Report runs a named report; Reports lists the names.
	Report(ctx context.Context, name string, now time.Time) (haechi.Table, error)
}

// FindingFilter selects findings, newest first.
type FindingFilter struct {
	Since time.Time
	About haechi.Scope // equal scope; zero: any
	Rule  string
	Ref   haechi.Reference
	Limit int // 0 means 100
}

// Retention is how long each kind of record is kept. Zero keeps the default.
type Retention struct {
	Events, Connections, Messages, Findings, Queries time.Duration
}

// Pruner forgets what is older than its retention.
type Pruner interface {
	Prune(ctx context.Context, now time.Time, r Retention) (rows int64, err error)
}

// Decisions keeps decisions. SaveDecision is durable when it returns. A decision that
// was lifted stays lifted, whatever comes late.
type Decisions interface {
	SaveDecision(ctx context.Context, d *haechi.Decision) error
	Decisions(ctx context.Context, f *haechi.DecisionFilter) ([]haechi.Decision, error)
}

// Devices keeps the registry. Saves are durable when they return.
type Devices interface {
	Devices(ctx context.Context) ([]haechi.Device, error)
	// SaveDevice inserts or replaces the device; its keys are left alone.
	SaveDevice(ctx context.Context, d *haechi.Device) error
	DeleteDevice(ctx context.Context, key string) error
	Keys(ctx context.Context, device string) ([]haechi.Key, error)
	SaveKey(ctx context.Context, device string, k *haechi.Key) error
	DeleteKey(ctx context.Context, device, id string) error
}

// Fleet keeps many devices in one durable step each.
type Fleet interface {
	// SaveDevices inserts or replaces them all, or none; keys are left alone.
	SaveDevices(ctx context.Context, ds []haechi.Device) error
	// SaveSeen writes what was seen of them (ClientType, Version, Addr, LastSeen,
	// LastPing, Skew) and the LastUse of their Keys. Devices and keys that are not
	// there are passed over, and everything else about them is left alone.
	SaveSeen(ctx context.Context, ds []haechi.Device) error
}

// Codes keeps enrolment codes. Saves are durable when they return.
type Codes interface {
	// Codes returns them all, oldest first, then by id.
	Codes(ctx context.Context) ([]haechi.EnrolCode, error)
	// SaveCode inserts or replaces.
	SaveCode(ctx context.Context, c *haechi.EnrolCode) error
	// DeleteCode takes one away; one that is not there is no error.
	DeleteCode(ctx context.Context, id string) error
	// Enrol saves a code after its use, the device that it let in and the device's
	// key, all in one durable step.
	Enrol(ctx context.Context, c *haechi.EnrolCode, d *haechi.Device, k *haechi.Key) error
}

// Audit keeps the chain. AppendAudit fills Seq, Prev and Hash and is durable when
// it returns; AuditEntries reads on from a sequence number, oldest first.
type Audit interface {
	AppendAudit(ctx context.Context, e *haechi.AuditEntry) error
	AuditEntries(ctx context.Context, from uint64, limit int) ([]haechi.AuditEntry, error)
}

// History finds entries of the chain by what they are about.
type History interface {
	// AuditAbout returns the newest entries with exactly this subject, newest first; a
	// limit of 0 means 1000, at most 10,000.
	AuditAbout(ctx context.Context, subject string, limit int) ([]haechi.AuditEntry, error)
}

// Settings keeps small named values: the console's password hash, its sessions.
// A missing one is an error of kind NotFound.
type Settings interface {
	Setting(ctx context.Context, name string) ([]byte, error)
	SetSetting(ctx context.Context, name string, value []byte, until time.Time) error
	DeleteSetting(ctx context.Context, name string) error
	SettingNames(ctx context.Context, prefix string) ([]string, error)
}

// Eraser forgets everything recorded about one device: its messages, connections,
// queries, findings and its row in the projection. The registry entry goes with
// Devices.DeleteDevice; decisions and the audit log stay, since they say what was
// done to whom.
type Eraser interface {
	EraseDevice(ctx context.Context, key string) (rows int64, err error)
}

// Journal keeps many decisions in one durable step, or none of them.
type Journal interface {
	SaveDecisions(ctx context.Context, ds []haechi.Decision) error
}

// HandChange is a row of kb_bot_devices, the copy of the registry, whose status
// somebody changed with a statement of SQL.
type HandChange struct {
	Device string
	Status string // as written, which may be no status at all
	Reason string // of the column blocked_reason
}

// HandWatcher tells what was changed by hand. SettleHandChange writes the registry's
// present state over one, after it was taken up or refused.
type HandWatcher interface {
	HandChanges(ctx context.Context) ([]HandChange, error)
	SettleHandChange(ctx context.Context, c HandChange) error
}
