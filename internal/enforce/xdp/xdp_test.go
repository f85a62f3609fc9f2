package xdp_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/internal/enforce"
	"haechi/internal/enforce/enforcetest"
	"haechi/internal/enforce/xdp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// place is a wire, and a folder for what is pinned.
type place struct {
	*netnstest.Wire
	dir string
}

func newPlace(t testing.TB) *place {
	t.Helper()
	return &place{netnstest.NewWire(t), filepath.Join(netnstest.BPF(t), "haechi")}
}

func (p *place) open(t testing.TB, cfg xdp.Config) *xdp.Enforcer {
	t.Helper()
	cfg.NetNS, cfg.Dir = p.Guarded.FD(), p.dir
	if cfg.Interfaces == nil {
		cfg.Interfaces = []string{"in0"}
	}
	if cfg.From == 0 {
		cfg.From = haechi.Deny
	}
	e, err := xdp.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func TestConformance(t *testing.T) {
	enforcetest.Run(t, func(t *testing.T) *enforcetest.Subject {
		t.Parallel() // some wait for the kernel's clock
		p := newPlace(t)
		return &enforcetest.Subject{
			Enforcer: p.open(t, xdp.Config{}), Now: time.Now, Span: 2 * time.Second, Exact: time.Second,
			Advance: func(d time.Duration) { <-time.After(d + 5*time.Millisecond) },
			Refuses: func(a haechi.Actor, _ string) bool { return !p.Arrives(t, a.Addr) },
		}
	})
}

func drop(t testing.TB, id haechi.Reference, about string) haechi.Decision {
	t.Helper()
	s, err := haechi.ParseScope(about)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	return haechi.Decision{ID: id, Scope: s, Action: haechi.Drop, Mode: haechi.Enforce, From: now.Add(-time.Minute), Until: now.Add(time.Hour)}
}

func apply(t testing.TB, e *xdp.Enforcer, ds ...haechi.Decision) {
	t.Helper()
	if err := e.Apply(context.Background(), ds); err != nil {
		t.Fatal(err)
	}
}

func inForce(t testing.TB, e *xdp.Enforcer) []haechi.Decision {
	t.Helper()
	ds, err := e.InForce(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

func (p *place) expect(t *testing.T, when string, arrives map[string]bool) {
	t.Helper()
	for from, want := range arrives {
		if got := p.Arrives(t, netip.MustParseAddr(from)); got != want {
			t.Errorf("%s: %s arrives: %v", when, from, got)
		}
	}
}

// Whoever is protected is refused whatever the caller says; and were an entry about him
// in the kernel all the same, the program lets him through first.
func TestProtectedIsNeverDropped(t *testing.T) {
	p := newPlace(t)
	own := netip.MustParsePrefix("203.0.113.7/32")
	e := p.open(t, xdp.Config{Protected: func(q netip.Prefix) (string, bool) { return "an operator is there", q.Overlaps(own) }})
	if err := e.Guard(t.Context(), prefixes("203.0.113.7/32", "2001:db8:1::/48", "198.51.100.0/24")); err != nil {
		t.Fatal(err)
	}
	for _, about := range []string{"ip:203.0.113.7", "prefix:203.0.113.0/24", "prefix:203.0.113.6/31"} {
		d := drop(t, "A", about)
		if e.Takes(&d) {
			t.Errorf("%s is taken", about)
		}
		if err := e.Apply(t.Context(), []haechi.Decision{drop(t, "B", "ip:203.0.113.9"), d}); haechi.KindOf(err) != haechi.Denied {
			t.Errorf("%s: %v", about, err)
		}
	}
	if got := inForce(t, e); len(got) != 0 {
		t.Fatalf("half of a refused batch is in force: %+v", got)
	}
	apply(t, e, drop(t, "C", "ip:2001:db8:1:2::/64"), drop(t, "D", "ip:203.0.113.8"), drop(t, "E", "ip:198.51.100.7"))
	if err := e.Load(t.Context(), enforce.List{Prefixes: prefixes("203.0.113.0/24", "198.51.0.0/16", "2001:db8::/32")}); err != nil {
		t.Fatal(err)
	}
	p.expect(t, "guarded", map[string]bool{"203.0.113.7": true, "2001:db8:1:2::1": true, "198.51.100.7": true, "203.0.113.8": false, "198.51.101.7": false, "2001:db8:2::1": false})
	if err := e.Guard(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	p.expect(t, "no longer guarded", map[string]bool{"203.0.113.7": false, "2001:db8:1:2::1": false, "198.51.100.7": false})
}

// A list is in force besides the decisions, after the guard, until it is replaced, in
// ranges and addresses, and outlives the process.
func TestList(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{})
	apply(t, e, drop(t, "A", "ip:192.0.2.1"))
	load := func(e *xdp.Enforcer, ps ...string) {
		t.Helper()
		if err := e.Load(t.Context(), enforce.List{Prefixes: prefixes(ps...)}); err != nil {
			t.Fatal(err)
		}
	}
	load(e, "203.0.113.0/25", "203.0.113.7/32", "198.51.100.3/32", "100.64.0.0/10", "2001:db8:1::/48", "2001:db8:2::5/128")
	p.expect(t, "loaded", map[string]bool{"203.0.113.127": false, "203.0.113.128": true, "198.51.100.3": false, "198.51.100.4": true, "100.127.255.255": false,
		"100.128.0.0": true, "2001:db8:1:5::1": false, "2001:db8:2::5": false, "2001:db8:2::6": true, "192.0.2.1": false})
	if got := inForce(t, e); len(got) != 1 || got[0].ID != "A" {
		t.Errorf("a list is no decision: %+v", got)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	p.expect(t, "without a process", map[string]bool{"203.0.113.7": false, "192.0.2.1": false, "192.0.2.2": true})
	other := p.open(t, xdp.Config{})
	p.expect(t, "another process", map[string]bool{"203.0.113.7": false, "2001:db8:1:5::1": false})
	load(other, "198.51.100.3/32")
	p.expect(t, "replaced", map[string]bool{"203.0.113.7": true, "198.51.100.3": false, "2001:db8:1:5::1": true})
	load(other)
	p.expect(t, "taken away", map[string]bool{"198.51.100.3": true})
	if err := other.Load(t.Context(), enforce.List{Prefixes: make([]netip.Prefix, 4_000_001)}); haechi.KindOf(err) != haechi.Exhausted {
		t.Errorf("got %v", err)
	}
}

// TestListsMeanTheSame: as in nftables.
func TestListsMeanTheSame(t *testing.T) {
	p := newPlace(t)
	enforcetest.Lists(t, p.Wire, p.open(t, xdp.Config{}))
}

// A list that somebody takes out of its place by itself is put there again.
func TestListsByThemselvesAreRepaired(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{})
	if err := e.Load(t.Context(), enforce.List{Name: "a", Prefixes: prefixes("198.51.100.3/32")}, enforce.List{Name: "b", Prefixes: prefixes("198.51.100.4/32")}); err != nil {
		t.Fatal(err)
	}
	m, err := ebpf.LoadPinnedMap(filepath.Join(p.dir, "haechi_list"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Delete(uint32(1)), m.Close()); err != nil {
		t.Fatal(err)
	}
	if changed, err := e.Changed(t.Context()); err != nil || !changed {
		t.Errorf("changed %v, %v", changed, err)
	}
	if _, err := e.InForce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.Guard(t.Context(), nil); err != nil { // whatever is done next repairs it
		t.Fatal(err)
	}
	p.expect(t, "repaired", map[string]bool{"198.51.100.4": false})
	if want := (haechi.Counter{Name: "xdp_listed_packets_b", Value: 1}); !slices.Contains(e.Stats(), want) {
		t.Errorf("want %v: %v", want, e.Stats())
	}
}

// A process that starts again finds what the last one left in force, and packets find no
// gap; what nobody decided is listed, and can be lifted.
func TestNothingEndsWithTheProcess(t *testing.T) {
	p := newPlace(t)
	first := p.open(t, xdp.Config{})
	d := drop(t, "A", "ip:203.0.113.7")
	apply(t, first, d, drop(t, "LIFTED", "ip:203.0.113.8"))
	if err := first.Guard(t.Context(), prefixes("192.0.2.0/24")); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	p.expect(t, "without a process", map[string]bool{"203.0.113.7": false, "203.0.113.8": false, "203.0.113.9": true})
	second := p.open(t, xdp.Config{})
	p.expect(t, "started again", map[string]bool{"203.0.113.7": false})
	apply(t, second, d)
	got := inForce(t, second)
	if len(got) != 2 {
		t.Fatalf("in force: %+v", got)
	}
	for _, x := range got {
		if x.ID == "A" {
			continue
		}
		if err := second.Lift(t.Context(), []haechi.Reference{x.ID}); err != nil {
			t.Fatal(err)
		}
	}
	inForce(t, second)
	p.expect(t, "lifted", map[string]bool{"203.0.113.7": false, "203.0.113.8": true})
	if err := second.Remove(); err != nil {
		t.Fatal(err)
	}
	p.expect(t, "removed", map[string]bool{"203.0.113.7": true})
	if _, err := os.Stat(p.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left: %v", err)
	}
}

// damages are what somebody may do behind the enforcer's back.
func damages(p *place) map[string]func() error {
	key := func(addr, bits uint32) []uint32 { return []uint32{addr, bits} }
	table := func(name string, do func(*ebpf.Map) error) func() error {
		return func() error {
			m, err := ebpf.LoadPinnedMap(filepath.Join(p.dir, name), nil)
			if err != nil {
				return err
			}
			return errors.Join(do(m), m.Close())
		}
	}
	return map[string]func() error{
		"program taken off": func() error {
			l, err := link.LoadPinnedLink(filepath.Join(p.dir, "driver:in0"), nil)
			if err != nil {
				return err
			}
			return errors.Join(l.(interface{ Detach() error }).Detach(), l.Close())
		},
		"hold of the interface deleted": func() error { return os.Remove(filepath.Join(p.dir, "driver:in0")) },
		"everything unpinned":           func() error { return os.RemoveAll(p.dir) },
		"decision deleted":              table("haechi_held4", func(m *ebpf.Map) error { return m.Delete(key(203<<24|113<<8|7, 32)) }),
		"protected deleted":             table("haechi_kept4", func(m *ebpf.Map) error { return m.Delete(key(192<<24|2<<8|1, 32)) }),
		"lengths zeroed":                table("haechi_control", func(m *ebpf.Map) error { return m.Put(uint32(0), make([]byte, m.ValueSize())) }),
		"meters zeroed":                 table("haechi_meters", func(m *ebpf.Map) error { return m.Put(uint32(0), make([]byte, m.ValueSize())) }),
		"list deleted":                  table("haechi_list", func(m *ebpf.Map) error { return m.Delete(uint32(0)) }),
	}
}

// Whatever somebody does is noticed, repaired and reported in time.
func TestDriftIsRepairedInTime(t *testing.T) {
	for name := range damages(nil) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			e := p.open(t, xdp.Config{})
			if err := e.Guard(t.Context(), prefixes("192.0.2.1/32")); err != nil {
				t.Fatal(err)
			}
			if err := e.Load(t.Context(), enforce.List{Prefixes: prefixes("198.51.100.0/24")}); err != nil {
				t.Fatal(err)
			}
			ds := []haechi.Decision{drop(t, "A", "ip:203.0.113.7"), drop(t, "B", "ip:2001:db8::/64")}
			apply(t, e, ds...)
			told := make(chan enforce.Drift, 10)
			r := enforce.NewReconciler(enforce.ReconcilerConfig{OnDrift: func(_ string, d enforce.Drift) { told <- d }},
				func(time.Time) []haechi.Decision { return ds }, e)
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- r.Run(ctx, time.Minute) }()
			defer func() { stop(); <-done }()
			if err := damages(p)[name](); err != nil {
				t.Fatal(err)
			}
			select {
			case <-told:
			case <-time.After(time.Minute): // it takes a second, on a machine with nothing else to do
				t.Fatal("not noticed")
			}
			p.expect(t, name, map[string]bool{"203.0.113.7": false, "2001:db8::1": false, "203.0.113.8": true, "198.51.100.9": false, "192.0.2.1": true})
			if again := inForce(t, e); len(again) != 2 {
				t.Errorf("in force after it: %+v", again)
			}
		})
	}
}

// A large batch arrives whole, is counted, bounded, and lifted.
func TestLargeBatchArrivesWhole(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{MaxDecisions: 20_000})
	var ds []haechi.Decision
	now := time.Now()
	addr := netip.MustParseAddr("100.64.0.0")
	for i := range 20_000 {
		addr = addr.Next()
		q := netip.PrefixFrom(addr, 32)
		if i%4 == 3 {
			b := netip.MustParseAddr("2001:db8::").As16()
			b[5], b[6], b[7] = byte(i>>16), byte(i>>8), byte(i)
			q = netip.PrefixFrom(netip.AddrFrom16(b), 64)
		}
		ds = append(ds, haechi.Decision{ID: haechi.Reference(fmt.Sprint(i)), Scope: haechi.Scope{Kind: haechi.ScopeAddress, Prefix: q},
			Action: haechi.Drop, Mode: haechi.Enforce, From: now, Until: now.Add(time.Hour)})
	}
	apply(t, e, ds...)
	if got := inForce(t, e); len(got) != len(ds) {
		t.Fatalf("%d of %d in force", len(got), len(ds))
	}
	if err := e.Apply(t.Context(), []haechi.Decision{drop(t, "MORE", "ip:203.0.113.7")}); haechi.KindOf(err) != haechi.Exhausted {
		t.Errorf("got %v", err)
	}
	ids := make([]haechi.Reference, len(ds))
	for i := range ds {
		ids[i] = ds[i].ID
	}
	if err := e.Lift(t.Context(), ids); err != nil {
		t.Fatal(err)
	}
	if got := inForce(t, e); len(got) != 0 {
		t.Fatalf("%d left", len(got))
	}
}

// What cannot be is said with its kind.
func TestWhyNot(t *testing.T) {
	p := newPlace(t)
	for _, c := range []struct {
		dir   string
		names []string
		want  haechi.ErrorKind
	}{
		{p.dir, []string{"eth9"}, haechi.NotFound}, {p.dir, nil, haechi.NotFound}, {p.dir, []string{"lo"}, haechi.Invalid},
		{filepath.Join(t.TempDir(), "haechi"), []string{"in0"}, haechi.Unavailable},
	} {
		_, err := xdp.Open(t.Context(), xdp.Config{NetNS: p.Guarded.FD(), Dir: c.dir, Interfaces: c.names})
		if haechi.KindOf(err) != c.want {
			t.Errorf("%+v: %v", c, err)
		}
		var known *haechi.Error
		if !errors.As(err, &known) || known.Hint == "" {
			t.Errorf("%+v: no hint: %v", c, err)
		}
	}
}
