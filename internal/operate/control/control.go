package control

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"haechi"
	"haechi/internal/brick/hub"
)

// Registry is the device registry.
type Registry interface {
	// Add registers a device as pending, durably.
	Add(ctx context.Context, d haechi.Device, now time.Time) (haechi.Device, error)
	List(f haechi.DeviceFilter) []haechi.Device
	SetStatus(ctx context.Context, key string, s haechi.DeviceStatus, by, reason string, now time.Time) (before, after haechi.Device, err error)
	NewKey(ctx context.Context, key string, now time.Time) (haechi.NewKey, error)
	RetireKey(ctx context.Context, key, id string) error
	Delete(ctx context.Context, key string) (before haechi.Device, err error)
}

// Fleet is what the registry does beyond one device's status and keys.
type Fleet interface {
	// SetStatuses changes many devices in one durable step, or none.
	SetStatuses(ctx context.Context, moves []haechi.Move, by, reason string, now time.Time) error
	// SetPin binds a device to an identity; an empty one means anew.
	SetPin(ctx context.Context, key, id string, now time.Time) (before, after haechi.Device, err error)
}

// Enroller keeps enrolment codes and lets devices in that prove one.
type Enroller interface {
	EnrolCodes() []haechi.EnrolCode
	// DraftCode makes a code that counts once AddCode has taken it.
	DraftCode(spec haechi.EnrolCode, by string, now time.Time) (haechi.NewCode, error)
	AddCode(ctx context.Context, c haechi.EnrolCode, now time.Time) error
	EndCode(ctx context.Context, id, by string, now time.Time) (haechi.EnrolCode, error)
	ReopenCode(ctx context.Context, id string, now time.Time) (haechi.EnrolCode, error)
	Enrol(ctx context.Context, code string, d haechi.Device, now time.Time) (before, after haechi.Device, err error)
}

// Decider holds the decisions that should be in force.
type Decider interface {
	// Check says whether an operator may decide this, without deciding.
	Check(d haechi.Decision, now time.Time) error
	Operator(d haechi.Decision, now time.Time) (haechi.Decision, error)
	Lift(id haechi.Reference, by, reason string, now time.Time) (haechi.Decision, error)
	// Load takes up decisions that exist already.
	Load(existing []haechi.Decision, now time.Time) (lifted []haechi.Decision)
	// Protected says why nothing may be decided against the scope, "" if it may.
	Protected(s haechi.Scope) string
}

// Peers takes decisions of other programs over.
type Peers interface {
	// Import takes them, or with dry only says what that would do.
	Import(ds []haechi.Decision, dry bool, now time.Time) ([]haechi.Decision, haechi.Import)
	// OfPeer lists what Withdraw would lift: about the scope, or all of the peer.
	OfPeer(about haechi.Scope, peer string, now time.Time) []haechi.Decision
	Withdraw(about haechi.Scope, peer, by, reason string, now time.Time) []haechi.Decision
}

// Enforcer puts decisions into force and reads them back.
type Enforcer interface {
	Apply(ctx context.Context, ds []haechi.Decision) error
	Lift(ctx context.Context, ids []haechi.Reference) error
	InForce(ctx context.Context) ([]haechi.Decision, error)
}

// Exceptions keeps the exceptions from the WAF.
type Exceptions interface {
	// Exceptions lists those in force, with those of the configuration, which have no ID.
	Exceptions() []haechi.Exception
	// AddException keeps one, durably, in the place of one with the same ID.
	AddException(ctx context.Context, x haechi.Exception, now time.Time) error
	EndException(ctx context.Context, id string) (haechi.Exception, error)
}

// Usual knows what the parameters of web services usually hold.
type Usual interface {
	// Held lists what is known of those of a service, of all without one, the most used
	// first.
	Held(service string) []haechi.Held
}

// Stages is how the gateway stands while an attack goes on.
type Stages interface {
	Status(now time.Time) haechi.AttackStatus
	// Set takes a stage for so long; Release lets floods decide again, from watch on.
	Set(s haechi.Stage, by string, length time.Duration, now time.Time) error
	Release(by string, now time.Time)
}

// Journal keeps decisions durably.
type Journal interface {
	SaveDecision(ctx context.Context, d *haechi.Decision) error
	// SaveDecisions keeps them all, or none.
	SaveDecisions(ctx context.Context, ds []haechi.Decision) error
	Decisions(ctx context.Context, f *haechi.DecisionFilter) ([]haechi.Decision, error)
}

// Past answers questions about what happened.
type Past interface {
	Events(ctx context.Context, f *haechi.EventFilter) ([]haechi.Event, error)
	Incidents(ctx context.Context, openOnly bool, limit int) ([]haechi.Incident, error)
	Overview(ctx context.Context, now time.Time, zone *time.Location) (haechi.Overview, error)
	Report(ctx context.Context, name string, now time.Time) (haechi.Table, error)
}

// Chain is the audit chain.
type Chain interface {
	AppendAudit(ctx context.Context, e *haechi.AuditEntry) error
	AuditEntries(ctx context.Context, from uint64, limit int) ([]haechi.AuditEntry, error)
	// AuditAbout reads the newest entries with this subject, newest first.
	AuditAbout(ctx context.Context, subject string, limit int) ([]haechi.AuditEntry, error)
}

// Program is the running program itself.
type Program struct {
	Status   func(ctx context.Context) haechi.Status
	Reload   func(ctx context.Context) error
	Backup   func(ctx context.Context, path string) error
	Verify   func(ctx context.Context) (uint64, error)
	Rules    func() []haechi.RuleInfo
	Findings func(ctx context.Context, about haechi.Scope, ref haechi.Reference, limit int) ([]haechi.Finding, error)
	Reports  func() []string
	Replay   func(events iter.Seq[*haechi.Event]) ([]haechi.Finding, []haechi.Decision)
	// Erase forgets everything recorded about a device.
	Erase func(ctx context.Context, device string) (rows int64, err error)
	// LoginLink makes a one-time link to the console; empty without a console.
	LoginLink func() string
	// Live is the number of live sessions.
	Live func() int
}

// Deps is what Control works with. All fields are required.
type Deps struct {
	Registry Registry
	Fleet    Fleet
	Enroller Enroller
	Decider  Decider
	Peers    Peers
	Enforcer Enforcer
	Except   Exceptions
	Usual    Usual
	Stages   Stages
	Servers  Servers
	Closeups Closeups
	Journal  Journal
	Past     Past
	Chain    Chain
	Program  Program
	Zone     *time.Location
	IPv6Bits int // the client prefix, for `why ADDRESS`
	Now      func() time.Time
	Log      *slog.Logger
}

// Control does what operators ask for. It is safe for concurrent use.
type Control struct {
	d    Deps
	feed *hub.Hub[haechi.Event]
}

// The bounds of live followers: how many at once, and how many events each may
// lag behind before it loses the oldest.
const (
	maxFollowers   = 64
	followerBuffer = 256
)

// New makes the control over its parts.
func New(d Deps) *Control {
	return &Control{d: d, feed: hub.New[haechi.Event](maxFollowers)}
}

// Tap feeds the followers of the live stream. It never blocks.
func (c *Control) Tap(e *haechi.Event) { c.feed.Publish(e) }

// Stats count what slow followers of the live stream lost, and followers refused.
func (c *Control) Stats() []haechi.Counter {
	return []haechi.Counter{{Name: "follow_dropped", Value: c.feed.Dropped()}, {Name: "follow_refused", Value: c.feed.Refused()}}
}

// audited writes the entry, then does the change; when the change fails, that is
// written too. Without the first entry nothing happens; after it the change is no
// longer cancelled, so that nobody leaves half of one behind by closing a page.
func (c *Control) audited(ctx context.Context, op haechi.Operator, e haechi.AuditEntry, change func(ctx context.Context) error) error {
	return c.auditedAs(ctx, op, &e, change)
}

// auditedAs is audited for a change that has to know the number of its entry.
func (c *Control) auditedAs(ctx context.Context, op haechi.Operator, e *haechi.AuditEntry, change func(ctx context.Context) error) error {
	e.Time, e.By, e.Via = c.d.Now().UTC(), op.Name, op.Via
	if op.Name == "" {
		return &haechi.Error{Kind: haechi.Denied, Op: e.Action, Msg: "nobody asked for it", Hint: "log in first"}
	}
	if err := c.d.Chain.AppendAudit(ctx, e); err != nil {
		return &haechi.Error{Kind: haechi.Unavailable, Op: e.Action, Msg: "the audit entry could not be written, so nothing was changed",
			Hint: "check the disk of the state folder, or the database of the records", Err: err}
	}
	ctx = context.WithoutCancel(ctx)
	err := change(ctx)
	if err == nil {
		return nil
	}
	failed := haechi.AuditEntry{Time: c.d.Now().UTC(), By: op.Name, Via: op.Via, Action: e.Action + ".failed",
		Subject: e.Subject, Reason: err.Error()}
	if aerr := c.d.Chain.AppendAudit(ctx, &failed); aerr != nil {
		return fmt.Errorf("%w; its failure could not be audited: %w", err, aerr)
	}
	return err
}
