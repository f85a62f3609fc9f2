package nft

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"haechi"
	"haechi/internal/enforce"
)

// Config is what the enforcer is told. The zero value of every field means its
// default.
type Config struct {
	// From is the mildest action that is enforced here: Drop (the default), or Deny,
	// with which a denied source gets no answer and no reference any more.
	From haechi.Action
	// Protected says why a prefix must never be dropped, if so. It answers for overlaps.
	Protected func(netip.Prefix) (why string, yes bool)
	// MaxDecisions bounds the decisions in force: a batch beyond it is refused as a
	// whole. Default 200,000.
	MaxDecisions int
	// Timeout bounds one exchange with the kernel. Default 5 s.
	Timeout time.Duration
	// NetNS is a descriptor of the network namespace; 0: that of the process.
	NetNS int
	// Now is the clock by which ends are counted. Default time.Now.
	Now func() time.Time
}

func (c *Config) defaults() {
	if c.From == 0 {
		c.From = haechi.Drop
	}
	if c.Protected == nil {
		c.Protected = func(netip.Prefix) (string, bool) { return "", false }
	}
	if c.MaxDecisions <= 0 {
		c.MaxDecisions = 200_000
	}
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// maxGuarded bounds the prefixes that are accepted before any drop.
const maxGuarded = 10_000

// Enforcer enforces in the kernel. It is safe for concurrent use.
type Enforcer struct {
	cfg Config
	k   *kernel

	mu      sync.Mutex
	books   *enforce.Ledger
	sent    map[netip.Prefix]time.Time // the kernel's elements and their ends; zero: endless
	lengths map[length]bool            // the prefix lengths that have a set
	guarded []netip.Prefix             // sorted, each once
	rules   []uint64                   // the handles of the rules, in order
	broken  bool                       // somebody changed the table's frame
	gen     uint32                     // the kernel's generation that was last seen whole

	loading sync.Mutex                // one load of the deny list at a time
	list    map[length][]netip.Prefix // as it was loaded
	listed  int                       // how many that are
	lists   map[length]string         // its sets, by name; nil before the first look
	listGen int                       // the number of the latest generation of sets
	filling int                       // the generation that is being filled; 0: none
	stale   []string                  // the names of all sets of lists that are there

	refused, rebuilt uint64
}

var (
	_ enforce.Enforcer  = (*Enforcer)(nil)
	_ enforce.Selective = (*Enforcer)(nil)
	_ enforce.Watchful  = (*Enforcer)(nil)
	_ enforce.Lister    = (*Enforcer)(nil)
)

// Open takes the table over, or makes it. What an earlier process left in force stays
// in force until it ends or is lifted. Errors are of kind Denied without the right to
// change the packet filter, and Unavailable where the kernel has none.
func Open(ctx context.Context, cfg Config) (*Enforcer, error) {
	cfg.defaults()
	books := enforce.NewLedger(enforce.LedgerConfig{Name: "nft", From: cfg.From, Protected: cfg.Protected, Most: cfg.MaxDecisions})
	e := &Enforcer{cfg: cfg, k: newKernel(cfg.NetNS, cfg.Timeout), books: books, sent: map[netip.Prefix]time.Time{}, lengths: map[length]bool{}}
	if err := e.k.adoptable(ctx); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	err := e.mend(ctx)
	e.rebuilt = 0
	return e, err
}

// Name is "nft".
func (e *Enforcer) Name() string { return "nft" }

// Takes reports whether the kernel enforces the decision: it is about an address or a
// prefix that is not protected, for all services, and severe enough.
func (e *Enforcer) Takes(d *haechi.Decision) bool {
	return enforce.Takes(e.cfg.From, e.cfg.Protected)(d)
}

// Guard replaces the prefixes that the kernel accepts before any drop: the allow list
// and whoever is protected. Errors: Exhausted beyond 10,000.
func (e *Enforcer) Guard(ctx context.Context, ps []netip.Prefix) error {
	all := enforce.Distinct(ps)
	if len(all) > maxGuarded {
		return &haechi.Error{Kind: haechi.Exhausted, Op: "guard protected addresses in the kernel",
			Msg: "more than 10,000 prefixes are allowed or protected", Hint: "write fewer and broader ones in the allow list"}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if slices.Equal(all, e.guarded) && !e.broken {
		return nil
	}
	before, put := e.guarded, e.frame
	if e.broken {
		put = e.mend
	}
	e.guarded = all
	err := put(ctx)
	if err != nil {
		e.guarded = before
	}
	return err
}

// Stats are the sizes of the tables, what was refused, and what the kernel dropped.
func (e *Enforcer) Stats() []haechi.Counter {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := []haechi.Counter{
		{Name: "nft_decisions", Value: uint64(e.books.Len())},
		{Name: "nft_decisions_refused", Value: e.refused},
		{Name: "nft_listed", Value: uint64(e.listed)},
		{Name: "nft_guarded", Value: uint64(len(e.guarded))},
		{Name: "nft_rebuilt", Value: e.rebuilt},
	}
	by, err := e.k.dropped()
	if err != nil {
		return out
	}
	if all := by[counterName]; all != nil {
		out = append(out, haechi.Counter{Name: "nft_dropped_packets", Value: all.Packets}, haechi.Counter{Name: "nft_dropped_bytes", Value: all.Bytes})
	}
	for _, name := range e.listNames() {
		if n := by[listCounter(name)]; n != nil {
			out = append(out, haechi.Counter{Name: enforce.ListCounter(e.Name(), name), Value: n.Packets})
		}
	}
	return out
}

// Remove takes the whole table out of the kernel, and with it everything in force.
func (e *Enforcer) Remove(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.broken = true
	return e.k.remove(ctx)
}
