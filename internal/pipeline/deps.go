package pipeline

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	"haechi"
)

// Detector turns events into findings. Its memory is bounded, the same events give
// the same findings, and it must not keep e. It is used by one goroutine at a time.
type Detector interface {
	// Observe takes one event and appends what it found.
	Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding
	// Tick is called once a second, with the present time: wall time when live,
	// event time in a replay.
	Tick(now time.Time, out []haechi.Finding) []haechi.Finding
}

// Decider turns findings into decisions.
type Decider interface {
	Decide(f *haechi.Finding, now time.Time, out []haechi.Decision) []haechi.Decision
	Tick(now time.Time)
}

// Enforcer puts decisions into force.
type Enforcer interface {
	Apply(ctx context.Context, ds []haechi.Decision) error
}

// Recorder keeps what happened. Its methods never block, are called from several
// goroutines, and copy what they keep.
type Recorder interface {
	RecordEvent(e *haechi.Event)
	RecordFinding(f *haechi.Finding)
	RecordDecision(d *haechi.Decision)
}

// Tap sees every event that is passed on: metrics, the live stream. It never
// blocks, is called from several goroutines, and copies what it keeps.
type Tap interface {
	Tap(e *haechi.Event)
}

// Detectors is a set of detectors, exchanged as a whole by [Pipeline.Swap].
type Detectors struct {
	// Actor makes the detectors of one shard, 0 to shards-1. They see every event
	// of the shard's actors; nil means none.
	Actor func(shard, shards int) []Detector
	// Cross are the detectors across actors. They see roll-ups: for each second,
	// service, kind, outcome and reason one event that has nothing but these, the
	// flags Provoked and Shadow, and a Count.
	Cross []Detector
}

// Config is the pipeline's shape; zero values mean the defaults.
type Config struct {
	// Shards is the number of goroutines that run detectors; 0 means one a
	// processor, at most 16.
	Shards int
	// Queue is how many events wait for one shard before they coalesce. Default
	// 4,096; each takes about 0.7 KB, twice, from when so many first wait until
	// [Pipeline.Rest].
	Queue int
	// Coalesce is how many different events one shard holds while its queue is
	// full; beyond, overflow buckets count. Default 1,024.
	Coalesce int
	// Findings is how many findings wait for the decider before detectors wait.
	// Default 256.
	Findings int
	// References is how many different refusals one shard remembers, so as to
	// record equal ones as counts. Default 4,096.
	References int
	// Linger is how long a shard waits for more events after the first, so that a steady
	// stream costs few wake-ups. Default 4 ms; 1 ms at most once something failed.
	Linger time.Duration
	// ApplyTimeout bounds one call of the enforcer. Default 5 s.
	ApplyTimeout time.Duration
}

// Deps is who the pipeline works for. Now and Log may be nil; so may any other,
// and is then left out.
type Deps struct {
	Detectors
	Decider  Decider
	Enforcer Enforcer
	Recorder Recorder
	Taps     []Tap
	Now      func() time.Time
	Log      *slog.Logger
}

const maxShards = 16

// hurried is how long an event that failed waits for others: attacks are made of those.
const hurried = time.Millisecond

func (c Config) withDefaults() Config {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&c.Shards, min(runtime.GOMAXPROCS(0), maxShards))
	def(&c.Queue, 4096)
	def(&c.Coalesce, 1024)
	def(&c.Findings, 256)
	def(&c.References, 4096)
	if c.Linger <= 0 {
		c.Linger = 4 * time.Millisecond
	}
	if c.ApplyTimeout <= 0 {
		c.ApplyTimeout = 5 * time.Second
	}
	return c
}

func (d Deps) withDefaults() Deps {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Detectors.Actor == nil {
		d.Detectors.Actor = func(int, int) []Detector { return nil }
	}
	return d
}
