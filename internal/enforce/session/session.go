package session

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/enforce"
)

// Config is what the enforcer is told. The zero value of every field means its
// default.
type Config struct {
	// Delay is how long a throttled actor waits each time: 1 s by default, at most
	// 10 s, so that waiting peers do not pile up.
	Delay time.Duration
	// V6Bits is the length of an IPv6 client key. Default 64.
	V6Bits int
	// MaxDecisions bounds the decisions in force: a batch beyond it is refused as a
	// whole. Default 200,000.
	MaxDecisions int
	// MaxSessions bounds the live sessions: one beyond it is cut at once, because
	// nothing could cut it later. Default 1,000,000.
	MaxSessions int
	// Remember is how long a device that left still counts as a good device of its
	// address, so that an outage does not strip a shared address of its protection.
	// Default 15 min; negative: not at all. MaxRemembered bounds them. Default 100,000.
	Remember      time.Duration
	MaxRemembered int
	// Now is the clock for what carries no time of its own. Default time.Now.
	Now func() time.Time
}

const (
	defaultDelay = time.Second
	maxDelay     = 10 * time.Second
)

func (c *Config) defaults() {
	if c.Delay <= 0 {
		c.Delay = defaultDelay
	}
	c.Delay = min(c.Delay, maxDelay)
	if c.V6Bits <= 0 {
		c.V6Bits = 64
	}
	if c.MaxDecisions <= 0 {
		c.MaxDecisions = 200_000
	}
	if c.MaxSessions <= 0 {
		c.MaxSessions = 1_000_000
	}
	if c.Remember == 0 {
		c.Remember = 15 * time.Minute
	}
	if c.MaxRemembered <= 0 {
		c.MaxRemembered = 100_000
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// Enforcer enforces in process. It is safe for concurrent use.
type Enforcer struct {
	cfg Config

	write sync.Mutex // held by whoever changes the table
	table *table

	live   *registry
	memory *memory

	refusedDecisions, refusedSessions, cuts atomic.Uint64
}

var (
	_ enforce.Enforcer  = (*Enforcer)(nil)
	_ enforce.Selective = (*Enforcer)(nil)
)

// New returns an enforcer with nothing in force.
func New(cfg Config) *Enforcer {
	cfg.defaults()
	seed := maphash.MakeSeed()
	return &Enforcer{
		cfg:    cfg,
		table:  newTable(seed),
		live:   newRegistry(seed, cfg.V6Bits),
		memory: newMemory(cfg.Remember, cfg.MaxRemembered, cfg.V6Bits),
	}
}

// Name is "session".
func (e *Enforcer) Name() string { return "session" }

// Takes reports whether the decision can be enforced here: every enforced one can.
func (e *Enforcer) Takes(d *haechi.Decision) bool { return d.Mode == haechi.Enforce }

// Stats are the sizes of the tables, and what was refused and cut.
func (e *Enforcer) Stats() []haechi.Counter {
	e.write.Lock()
	decisions := len(e.table.byID)
	e.write.Unlock()
	held, refused := e.memory.stats()
	return []haechi.Counter{
		{Name: "session_decisions", Value: uint64(decisions)},
		{Name: "session_decisions_refused", Value: e.refusedDecisions.Load()},
		{Name: "session_live", Value: uint64(e.live.count.Load())},
		{Name: "session_refused", Value: e.refusedSessions.Load()},
		{Name: "session_cut", Value: e.cuts.Load()},
		{Name: "session_remembered", Value: uint64(held)},
		{Name: "session_remembered_refused", Value: refused},
	}
}
