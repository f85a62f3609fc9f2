package console

import (
	"cmp"
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/show/catalogue"
)

// Watcher answers what is going on.
type Watcher interface {
	Overview(ctx context.Context) (haechi.Overview, error)
	Events(ctx context.Context, f haechi.EventFilter) ([]haechi.Event, error)
	// Follow streams events until ctx ends; a slow reader loses the oldest ones.
	Follow(ctx context.Context, f haechi.EventFilter) (<-chan haechi.Event, error)
	Incidents(ctx context.Context, limit int) ([]haechi.Incident, error)
	Status(ctx context.Context) (haechi.Status, error)
}

// Devices keeps the registry of devices. A change takes effect at once.
type Devices interface {
	Devices(ctx context.Context, f haechi.DeviceFilter) ([]haechi.Device, error)
	SetDeviceStatus(ctx context.Context, op haechi.Operator, key string, s haechi.DeviceStatus, reason string) (haechi.Device, error)
	NewDeviceKey(ctx context.Context, op haechi.Operator, key string) (haechi.NewKey, error)
	RetireDeviceKey(ctx context.Context, op haechi.Operator, key, id string) error
	// AddDevice registers a device before it ever connected, as pending.
	AddDevice(ctx context.Context, op haechi.Operator, service, key string) (haechi.Device, error)
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

// Decisions lists, adds and lifts decisions. Those in force are read back from
// where they are enforced.
type Decisions interface {
	Decisions(ctx context.Context, f haechi.DecisionFilter) ([]haechi.Decision, error)
	AddDecision(ctx context.Context, op haechi.Operator, d haechi.Decision) (haechi.Decision, error)
	LiftDecision(ctx context.Context, op haechi.Operator, id haechi.Reference, reason string) (haechi.Decision, error)
}

// Explainer says why, by which rules, and in which reports.
type Explainer interface {
	Why(ctx context.Context, query string) (haechi.Explanation, error)
	Rules(ctx context.Context) ([]haechi.RuleInfo, error)
	Report(ctx context.Context, name string) (haechi.Table, error)
	Reports(ctx context.Context) []string
}

// Keeper looks after the gateway itself.
type Keeper interface {
	Reload(ctx context.Context, op haechi.Operator) error
	Audit(ctx context.Context, limit int) ([]haechi.AuditEntry, error)
	VerifyAudit(ctx context.Context) (entries uint64, err error)
	// Undo reverses an audit entry. Errors are of kind NotFound or Conflict.
	Undo(ctx context.Context, op haechi.Operator, seq uint64) error
}

// Excepter makes exceptions from the WAF, after showing what they change.
type Excepter interface {
	Exceptions(ctx context.Context) ([]haechi.Exception, error)
	PreviewException(ctx context.Context, ref haechi.Reference, since time.Time) (haechi.ExceptionPreview, error)
	ProposeExceptions(ctx context.Context, since time.Time) ([]haechi.ExceptionProposal, error)
	AddException(ctx context.Context, op haechi.Operator, order haechi.ExceptionOrder) ([]haechi.Exception, error)
	EndException(ctx context.Context, op haechi.Operator, id, reason string) (haechi.Exception, error)
}

// Settings keeps password hashes and sessions. A missing value is an error of
// kind NotFound; a zero until keeps a value for good.
type Settings interface {
	Setting(ctx context.Context, name string) ([]byte, error)
	SetSetting(ctx context.Context, name string, value []byte, until time.Time) error
	DeleteSetting(ctx context.Context, name string) error
	SettingNames(ctx context.Context, prefix string) ([]string, error)
}

// Sink takes the events of logins.
type Sink interface {
	Emit(e *haechi.Event)
}

// Deps are the parts the console asks. API may be nil; all others are required.
type Deps struct {
	Watcher   Watcher
	Devices   Devices
	Fleet     Fleet
	Enrolment Enrolment
	Decisions Decisions
	Explainer Explainer
	Keeper    Keeper
	Excepter  Excepter
	Settings  Settings
	Sink      Sink
	Texts     *catalogue.Catalogue
	// API is served under /api/v1/ behind the session; it finds the operator by
	// [OperatorOf].
	API http.Handler
}

// Config is how the console behaves. Zero values take the defaults named here.
type Config struct {
	// Assets has the folders templates, static and vendor.
	Assets   fs.FS
	Zone     *time.Location // display only; UTC
	Language string         // "en", "ko", or "" for what the browser asks for
	// RuleTitle is what a rule looks for, in a language; empty for no rule. May be nil.
	RuleTitle func(id, language string) string
	// Sentence explains what a detector found, in a language; empty for rules that
	// count. May be nil.
	Sentence func(f *haechi.Finding, language string) string
	Idle     time.Duration // a session ends without use for this long; 30 min
	Absolute time.Duration // and after this long in any case; 12 h
	FirstTTL time.Duration // how long a login link is valid; 15 min
	Failures int           // failed logins a client may make within Within; 5
	Within   time.Duration // 5 min
	// Client is the client key of an address; IPv4 /32 and IPv6 /64.
	Client func(netip.Addr) netip.Prefix
	Now    func() time.Time // time.Now
	Log    *slog.Logger     // discard
}

func (c *Config) defaults() {
	if c.Sentence == nil {
		c.Sentence = func(*haechi.Finding, string) string { return "" }
	}
	if c.RuleTitle == nil {
		c.RuleTitle = func(string, string) string { return "" }
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	c.Idle = cmp.Or(c.Idle, 30*time.Minute)
	c.Absolute = cmp.Or(c.Absolute, 12*time.Hour)
	c.FirstTTL = cmp.Or(c.FirstTTL, 15*time.Minute)
	c.Within = cmp.Or(c.Within, 5*time.Minute)
	c.Failures = cmp.Or(c.Failures, 5)
	if c.Client == nil {
		c.Client = func(a netip.Addr) netip.Prefix { return clientkey.Of(a, 0) }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}
