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
}

// Config bounds the registry. The zero value takes every default.
type Config struct {
	// PendingCap is how many devices may wait for an operator, PendingPerClient
	// how many of them from one IPv4 address or IPv6 /64. 0 means 1000 and 100.
	PendingCap, PendingPerClient int
	// PendingFor is how long a pending device that does not return is kept, so
	// that a flood of inventions does not close the queue for good; 0 means 7 days.
	PendingFor time.Duration
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
	// LastUse says when a key last proved a frame, for lists; nil: not known.
	LastUse func(device, id string) time.Time
	Now     func() time.Time // nil means time.Now
	Log     *slog.Logger     // nil: silent
}

func (c Config) withDefaults() Config {
	c.PendingCap = positive(c.PendingCap, DefaultPendingCap)
	c.PendingPerClient = positive(c.PendingPerClient, DefaultPendingPerClient)
	c.PendingFor = positive(c.PendingFor, DefaultPendingFor)
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
