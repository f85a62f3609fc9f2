package xdp

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"haechi"
	"haechi/internal/enforce"
)

// Config is what the enforcer is told. Interfaces must be set; the zero value of every
// other field means its default.
type Config struct {
	// Interfaces are the names of those on which the program drops.
	Interfaces []string
	// Dir is the folder of a BPF file system in which tables and program outlive the
	// process. It is made in an existing one. Default /sys/fs/bpf/haechi.
	Dir string
	// From is the mildest action that is enforced here: Drop (the default), or Deny,
	// with which a denied source gets no answer and no reference any more.
	From haechi.Action
	// Protected says why a prefix must never be dropped, if so. It answers for overlaps.
	Protected func(netip.Prefix) (why string, yes bool)
	// MaxDecisions bounds the decisions in force: a batch beyond it is refused as a
	// whole. Default, and at most, 200,000.
	MaxDecisions int
	// Grace is how long every answer passes for one that was asked for, after questions
	// began to be noted. Default 5 s.
	Grace time.Duration
	// Peered says that the other ends of virtual interfaces (veth) have an XDP program
	// too: without one, answers of the program lie there until something else comes.
	Peered bool
	// NetNS is a descriptor of the network namespace of the interfaces; 0: that of the
	// process.
	NetNS int
	// Now is the clock by which ends are counted. Default time.Now.
	Now func() time.Time
}

// DefaultDir is where tables are pinned by default.
const DefaultDir = "/sys/fs/bpf/haechi"

const maxDecisions = 200_000

func (c *Config) defaults() {
	if c.From == 0 {
		c.From = haechi.Drop
	}
	if c.Dir == "" {
		c.Dir = DefaultDir
	}
	if c.Protected == nil {
		c.Protected = func(netip.Prefix) (string, bool) { return "", false }
	}
	if c.MaxDecisions <= 0 || c.MaxDecisions > maxDecisions {
		c.MaxDecisions = maxDecisions
	}
	if c.Grace <= 0 {
		c.Grace = 5 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// maxGuarded bounds the prefixes that are let through before any drop.
const maxGuarded = 10_000

// Enforcer enforces in the driver. It is safe for concurrent use.
type Enforcer struct {
	cfg Config

	mu      sync.Mutex
	t       *tables
	hooks   map[string]*hook     // by interface
	asks    map[string]link.Link // of the second program, by interface
	books   *enforce.Ledger
	sent    map[netip.Prefix]time.Time // what the kernel has, and its ends; zero: endless
	guarded []netip.Prefix             // sorted, each once
	lengths control
	meters  meters
	base    Meters         // as the configuration has them
	stage   enforce.Meters // what a stage adds
	staged  [reasons]uint64
	stale   bool // hints are set that nothing needs any more
	broken  bool // something is not in its place

	loading sync.Mutex // one load of the deny list at a time
	list    *ebpf.Map  // the generation in force; nil: none
	listed  uint64
	parts   []*ebpf.Map // all lists but the first, each by itself
	names   []string    // of the lists

	refused, rebuilt uint64
}

var (
	_ enforce.Enforcer  = (*Enforcer)(nil)
	_ enforce.Selective = (*Enforcer)(nil)
	_ enforce.Watchful  = (*Enforcer)(nil)
	_ enforce.Lister    = (*Enforcer)(nil)
)

// Open takes the tables of an earlier process over, or makes them, and puts the program
// on its interfaces. What was left in force stays in force until it ends or is lifted.
// Errors are of kind Denied without the right, Conflict if another program is on an
// interface, NotFound without one of the interfaces, and Unavailable where the kernel has
// no XDP or no BPF file system.
func Open(ctx context.Context, cfg Config) (*Enforcer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cfg.defaults()
	if err := Probe(cfg.NetNS, cfg.Dir, cfg.Interfaces); err != nil {
		return nil, err
	}
	t, err := load(cfg.Dir)
	if err != nil {
		return nil, err
	}
	e := &Enforcer{cfg: cfg, t: t, hooks: map[string]*hook{}, asks: map[string]link.Link{}, sent: map[netip.Prefix]time.Time{},
		books: enforce.NewLedger(enforce.LedgerConfig{Name: "xdp", From: cfg.From, Protected: cfg.Protected, Most: cfg.MaxDecisions})}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.takeOver(); err != nil {
		return nil, errors.Join(err, e.shut())
	}
	return e, nil
}

// takeOver reads what an earlier process left, and puts the program on its interfaces.
func (e *Enforcer) takeOver() error {
	if err := e.t.Control.Lookup(uint32(0), &e.lengths); err != nil {
		return failed("read the tables", err)
	}
	if err := e.adoptMeters(); err != nil {
		return err
	}
	if err := e.look(); err != nil {
		return err
	}
	kept, err := e.readKept()
	if err != nil {
		return err
	}
	e.guarded = kept
	if err := e.adoptList(); err != nil {
		return err
	}
	if err := e.attach(); err != nil {
		return err
	}
	return e.hear()
}

// shut lets go of the descriptors. What is pinned goes on.
func (e *Enforcer) shut() error {
	errs := []error{e.t.close()}
	for _, h := range e.hooks {
		errs = append(errs, h.link.Close())
	}
	for _, l := range e.asks {
		errs = append(errs, l.Close())
	}
	for _, g := range append(e.parts, e.list) {
		errs = append(errs, closeList(g))
	}
	return errors.Join(errs...)
}

// Close ends the use of the enforcer. What is in force stays in force.
func (e *Enforcer) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.shut()
}

// Remove takes the program off its interfaces and everything in force with it, and closes
// the enforcer.
func (e *Enforcer) Remove() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for _, h := range e.hooks {
		errs = append(errs, gone(os.Remove(h.path)))
	}
	return errors.Join(errors.Join(errs...), e.deafen(), e.putList(nil), unpin(e.cfg.Dir), e.shut(), os.Remove(e.cfg.Dir))
}

// Name is "xdp".
func (e *Enforcer) Name() string { return "xdp" }

// Takes reports whether the program enforces the decision: it is about an address or a
// prefix that is not protected, for all services, and severe enough.
func (e *Enforcer) Takes(d *haechi.Decision) bool {
	return enforce.Takes(e.cfg.From, e.cfg.Protected)(d)
}

// Generic names the interfaces whose driver has no place for the program, so that the
// kernel makes each packet first: it drops there, and costs more.
func (e *Enforcer) Generic() (names []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.generic()
}

func (e *Enforcer) generic() (names []string) {
	for name, h := range e.hooks {
		if h.generic {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Stats are the sizes of the tables, what was refused, and what the program counted.
func (e *Enforcer) Stats() []haechi.Counter {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := []haechi.Counter{
		{Name: "xdp_decisions", Value: uint64(e.books.Len())},
		{Name: "xdp_decisions_refused", Value: e.refused},
		{Name: "xdp_listed", Value: e.listed},
		{Name: "xdp_guarded", Value: uint64(len(e.guarded))},
		{Name: "xdp_interfaces", Value: uint64(len(e.hooks))},
		{Name: "xdp_interfaces_generic", Value: uint64(len(e.generic()))},
		{Name: "xdp_rebuilt", Value: e.rebuilt},
	}
	c, err := e.counters()
	if err != nil {
		return out
	}
	return append(append(out, c.stats()...), e.listStats()...)
}
