package devices

import (
	"context"
	"log/slog"
	"time"

	"haechi"
)

// Defaults of [Config].
const (
	DefaultPendingCap       = 1000
	DefaultPendingPerClient = 100
	DefaultPendingFor       = 7 * 24 * time.Hour
	DefaultPendingAlone     = 24 * time.Hour
	DefaultKeyOverlap       = 7 * 24 * time.Hour
	DefaultGrace            = 15 * time.Minute
	DefaultFlushEvery       = 10 * time.Second
	DefaultSeenEvery        = 5 * time.Minute
	DefaultProbe            = 30 * time.Second
	DefaultStoreTimeout     = 5 * time.Second
)

// Store is where the registry is kept. Saves are durable when they return. An
// error of kind NotFound, Conflict or Invalid is an answer; any other counts as
// a failing store.
type Store interface {
	Devices(ctx context.Context) ([]haechi.Device, error)
	SaveDevice(ctx context.Context, d *haechi.Device) error
	DeleteDevice(ctx context.Context, key string) error
	Keys(ctx context.Context, device string) ([]haechi.Key, error)
	SaveKey(ctx context.Context, device string, k *haechi.Key) error
	DeleteKey(ctx context.Context, device, id string) error
	Fleet
	Codes
}

// Fleet writes many devices in one durable step each.
type Fleet interface {
	// SaveDevices writes all or none.
	SaveDevices(ctx context.Context, ds []haechi.Device) error
	// SaveSeen writes what was seen of them and the last use of their keys, and
	// nothing that an operator changes.
	SaveSeen(ctx context.Context, ds []haechi.Device) error
}

// Codes keeps enrolment codes.
type Codes interface {
	Codes(ctx context.Context) ([]haechi.EnrolCode, error)
	SaveCode(ctx context.Context, c *haechi.EnrolCode) error
	DeleteCode(ctx context.Context, id string) error
	// Enrol writes a code after its use, the device and its key, in one step.
	Enrol(ctx context.Context, c *haechi.EnrolCode, d *haechi.Device, k *haechi.Key) error
}

// Config bounds the registry. The zero value takes every default.
type Config struct {
	// PendingCap is how many devices may wait for an operator, PendingPerClient
	// how many of them from one IPv4 address or IPv6 /64. 0 means 1000 and 100.
	PendingCap, PendingPerClient int
	// PendingFor is how long a pending device is kept after it was last heard; 0
	// means 7 days. PendingAlone is the same for one that never came back after its
	// first contact, which real devices do within minutes; 0 means 24 hours.
	PendingFor, PendingAlone time.Duration
	// KeyOverlap is how long the older key stays valid beside a new one; 0 means
	// 7 days.
	KeyOverlap time.Duration
	// Grace is how long approvals hold while the store fails; 0 means 15 minutes.
	Grace time.Duration
	// FlushEvery is how often sightings are handed to Touched and new pending
	// devices are written; 0 means 10 s. SeenEvery is how often at most the store
	// writes a device because it was seen; 0 means 5 minutes.
	FlushEvery, SeenEvery time.Duration
	// Probe is how often the store is asked whether it lives; 0 means 30 s.
	// StoreTimeout bounds each call that nobody waits for; 0 means 5 s.
	Probe, StoreTimeout time.Duration
	// OnChange is told every durable change of a known device's status or keys,
	// after the write and before the call returns, one at a time. A deleted device
	// comes with a zero after. It must not change the registry.
	OnChange func(before, after haechi.Device)
	// Touched is told, at every flush, each device that is new or was seen since,
	// for the projection beside the events. It must not block.
	Touched func(haechi.Device)
	// LastUse says when a key last proved a frame in this run; nil: not known.
	LastUse func(device, id string) time.Time
	// Clock takes over what is known of a device's clock since it was last asked;
	// false: nothing new. Of its extremes whole milliseconds are kept. Nil: not known.
	Clock func(device string) (haechi.ClockSkew, bool)
	// Audit writes an entry about what the registry does by itself: binding a device
	// to its identity, and refusing another. Nil: nobody wants to know.
	Audit func(ctx context.Context, e *haechi.AuditEntry) error
	Now   func() time.Time // nil means time.Now
	Log   *slog.Logger     // nil: silent
}

func (c Config) withDefaults() Config {
	c.PendingCap = positive(c.PendingCap, DefaultPendingCap)
	c.PendingPerClient = positive(c.PendingPerClient, DefaultPendingPerClient)
	c.PendingFor = positive(c.PendingFor, DefaultPendingFor)
	c.PendingAlone = positive(c.PendingAlone, DefaultPendingAlone)
	c.KeyOverlap = positive(c.KeyOverlap, DefaultKeyOverlap)
	c.Grace = positive(c.Grace, DefaultGrace)
	c.FlushEvery = positive(c.FlushEvery, DefaultFlushEvery)
	c.SeenEvery = positive(c.SeenEvery, DefaultSeenEvery)
	c.Probe = positive(c.Probe, DefaultProbe)
	c.StoreTimeout = positive(c.StoreTimeout, DefaultStoreTimeout)
	if c.OnChange == nil {
		c.OnChange = func(_, _ haechi.Device) {}
	}
	if c.Touched == nil {
		c.Touched = func(haechi.Device) {}
	}
	if c.LastUse == nil {
		c.LastUse = func(_, _ string) time.Time { return time.Time{} }
	}
	if c.Clock == nil {
		c.Clock = func(string) (haechi.ClockSkew, bool) { return haechi.ClockSkew{}, false }
	}
	if c.Audit == nil {
		c.Audit = func(context.Context, *haechi.AuditEntry) error { return nil }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func positive[T int | time.Duration](v, fallback T) T {
	if v <= 0 {
		return fallback
	}
	return v
}
