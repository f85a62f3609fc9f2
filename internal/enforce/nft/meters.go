package nft

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"haechi"
	"haechi/internal/enforce"
)

// The table of the meters. It is another one than that of the decisions, so that it comes
// and goes with the stage.
const (
	meterTable    = "haechi_meters"
	meterChain    = "metered"
	askedChain    = "asked"
	meterPriority = -305 // after the decisions, before connection tracking (-200)
	askedPriority = 110  // after the translation of source addresses (100)
)

// The bounds of the sets. What finds no room in a meter's is not metered.
const (
	meterSize = 65_536
	knownSize = 131_072
)

// Meters are what sources may begin while an attack goes on, in the kernel: dynamic sets
// of a table that is there only while there are meters. They count packets that are for
// this machine or for what is published by it, never what it routes for others. Nobody who
// is guarded is dropped. It is safe for concurrent use, and implements [enforce.Meterer]
// but for Cookies, which is a setting and no packet filter.
type Meters struct {
	k *kernel

	mu      sync.Mutex
	guarded []netip.Prefix
	now     enforce.Meters
	rules   map[string][]uint64 // handles, by chain
	known   map[netip.Prefix]time.Time
	rebuilt uint64
}

// OpenMeters takes meters away that an earlier process left. Only NetNS and Timeout of
// the configuration count. Errors are those of [Open].
func OpenMeters(ctx context.Context, cfg Config) (*Meters, error) {
	cfg.defaults()
	m := &Meters{k: newKernel(cfg.NetNS, cfg.Timeout), known: map[netip.Prefix]time.Time{}}
	m.k.table = &nftables.Table{Name: meterTable, Family: nftables.TableFamilyINet}
	return m, m.k.remove(ctx)
}

// Guard replaces the prefixes that are never metered.
func (m *Meters) Guard(ctx context.Context, ps []netip.Prefix) error {
	all := enforce.Distinct(ps)
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.Equal(all, m.guarded) {
		return nil
	}
	before := m.guarded
	m.guarded = all
	if m.now == (enforce.Meters{}) {
		return nil
	}
	err := m.put(ctx)
	if err != nil {
		m.guarded = before
	}
	return err
}

// SetMeters implements [enforce.Meterer]. What sources had begun so far is forgotten.
func (m *Meters) SetMeters(ctx context.Context, now enforce.Meters) error {
	now.Cookies = false
	if err := now.Check(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if now == m.now && now != (enforce.Meters{}) {
		return nil // none are taken away in any case: what failed before may have left some
	}
	before := m.now
	m.now = now
	if now == (enforce.Meters{}) {
		clear(m.known)
		return m.k.remove(ctx)
	}
	err := m.put(ctx)
	if err != nil {
		m.now = before
	}
	return err
}

// Know implements [enforce.Meterer]. Beyond 131,072 sources the others stay metered.
func (m *Meters) Know(ctx context.Context, clients []netip.Prefix, length time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now == (enforce.Meters{}) || len(clients) == 0 {
		return nil
	}
	until := time.Now().Add(length)
	for _, p := range clients {
		if len(m.known) >= knownSize {
			break
		}
		m.known[p.Masked()] = until
	}
	return m.know(ctx, clients, length)
}

// know adds elements, some thousands a transaction: each waits for the one before.
func (m *Meters) know(ctx context.Context, clients []netip.Prefix, length time.Duration) error {
	for some := range slices.Chunk(clients, 10*chunk) {
		c, err := m.k.conn(ctx)
		if err != nil {
			return failed("exempt known sources", err)
		}
		for _, f := range families() {
			var els []nftables.SetElement
			for _, p := range some {
				if p.Addr().Is6() == f.v6 && (f.v6 && p.Bits() <= 64 || !f.v6 && p.Bits() == 32) {
					els = append(els, nftables.SetElement{Key: f.key(p), Timeout: length})
				}
			}
			for part := range slices.Chunk(els, chunk) {
				if err := c.SetAddElements(f.set(m.k.table, knownSet, 0), part); err != nil {
					return failed("exempt known sources", err)
				}
			}
		}
		if err := c.Flush(); err != nil {
			return failed("exempt known sources", err)
		}
	}
	return nil
}

// Held implements [enforce.Meterer].
func (m *Meters) Held(ctx context.Context) ([]haechi.Counter, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now == (enforce.Meters{}) {
		return nil, nil
	}
	if whole, err := m.whole(ctx); err != nil {
		return nil, err
	} else if !whole {
		m.rebuilt++
		if err := m.put(ctx); err != nil {
			return nil, err
		}
	}
	out := []haechi.Counter{{Name: "meters_rebuilt", Value: m.rebuilt}}
	for _, name := range drops() {
		c, err := m.k.conn(ctx)
		if err != nil {
			return nil, failed("read the meters", err)
		}
		o, err := c.GetObject(m.counter(name))
		if err != nil {
			return nil, failed("read the meters", err)
		}
		if named, ok := o.(*nftables.NamedObj); ok {
			if n, ok := named.Obj.(*expr.Counter); ok {
				out = append(out, haechi.Counter{Name: "metered_" + name, Value: n.Packets})
			}
		}
	}
	return out, nil
}

// whole reports whether the rules are those that were put there.
func (m *Meters) whole(ctx context.Context) (bool, error) {
	now, err := m.handles(ctx)
	if err != nil {
		return false, err
	}
	for chain, handles := range m.rules {
		if !slices.Equal(now[chain], handles) {
			return false, nil
		}
	}
	return true, nil
}

func (m *Meters) handles(ctx context.Context) (map[string][]uint64, error) {
	out := map[string][]uint64{}
	for _, name := range []string{meterChain, askedChain} {
		c, err := m.k.conn(ctx)
		if err != nil {
			return nil, failed("read the meters", err)
		}
		rules, err := c.GetRules(m.k.table, &nftables.Chain{Table: m.k.table, Name: name})
		if err != nil && !vanished(err) {
			return nil, failed("read the meters", err)
		}
		for _, r := range rules {
			out[name] = append(out[name], r.Handle)
		}
	}
	return out, nil
}

func (m *Meters) counter(name string) *nftables.NamedObj {
	return &nftables.NamedObj{Table: m.k.table, Name: name, Type: nftables.ObjTypeCounter, Obj: &expr.Counter{}}
}
