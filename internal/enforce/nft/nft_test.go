package nft_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/internal/enforce"
	"haechi/internal/enforce/enforcetest"
	"haechi/internal/enforce/nft"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, w *netnstest.Wire, cfg nft.Config) *nft.Enforcer {
	t.Helper()
	cfg.NetNS = w.Guarded.FD()
	if cfg.From == 0 {
		cfg.From = haechi.Deny
	}
	e, err := nft.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestConformance(t *testing.T) {
	enforcetest.Run(t, func(t *testing.T) *enforcetest.Subject {
		t.Parallel() // some wait for the kernel's clock
		w := netnstest.NewWire(t)
		return &enforcetest.Subject{
			Enforcer: open(t, w, nft.Config{}), Now: time.Now, Span: 3 * time.Second, Exact: time.Second,
			Advance: func(d time.Duration) { <-time.After(d + 30*time.Millisecond) }, // the kernel counts in ticks of 4 to 10 ms
			Refuses: func(a haechi.Actor, _ string) bool { return !w.Arrives(t, a.Addr) },
		}
	})
}

func scope(t testing.TB, text string) haechi.Scope {
	t.Helper()
	s, err := haechi.ParseScope(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func drop(t testing.TB, id haechi.Reference, about string) haechi.Decision {
	t.Helper()
	now := time.Now()
	return haechi.Decision{ID: id, Scope: scope(t, about), Action: haechi.Drop, Mode: haechi.Enforce, From: now.Add(-time.Minute), Until: now.Add(time.Hour)}
}

func apply(t testing.TB, e *nft.Enforcer, ds ...haechi.Decision) {
	t.Helper()
	if err := e.Apply(context.Background(), ds); err != nil {
		t.Fatal(err)
	}
}

func inForce(t testing.TB, e *nft.Enforcer) []haechi.Decision {
	t.Helper()
	ds, err := e.InForce(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

// Two decisions about one source end as the longer does, and lifting one leaves the
// other in force.
func TestDecisionsAboutOneSourceStandForThemselves(t *testing.T) {
	w := netnstest.NewWire(t)
	e := open(t, w, nft.Config{})
	source := netip.MustParseAddr("203.0.113.7")
	short, long := drop(t, "SHORT", "ip:203.0.113.7"), drop(t, "LONG", "ip:203.0.113.7")
	long.Until = long.Until.Add(time.Hour)
	apply(t, e, long)
	apply(t, e, short)
	if got := inForce(t, e); len(got) != 2 || !got[0].Until.Equal(long.Until) && !got[1].Until.Equal(long.Until) {
		t.Fatalf("in force: %+v", got)
	}
	for _, id := range []haechi.Reference{"LONG", "SHORT"} {
		if w.Arrives(t, source) {
			t.Fatalf("let through before %s was lifted", id)
		}
		if err := e.Lift(t.Context(), []haechi.Reference{id}); err != nil {
			t.Fatal(err)
		}
	}
	if !w.Arrives(t, source) || len(inForce(t, e)) != 0 {
		t.Fatal("still dropped")
	}
}

// A decision that became milder than the kernel enforces is taken out of it.
func TestMilderDecisionLeavesTheKernel(t *testing.T) {
	w := netnstest.NewWire(t)
	e := open(t, w, nft.Config{From: haechi.Drop})
	d := drop(t, "A", "ip:2001:db8::/64")
	apply(t, e, d)
	if w.Arrives(t, netip.MustParseAddr("2001:db8::5")) {
		t.Fatal("not dropped")
	}
	d.Action = haechi.Deny
	apply(t, e, d)
	if !w.Arrives(t, netip.MustParseAddr("2001:db8::5")) {
		t.Fatal("a refusal with an answer is not for the kernel here")
	}
}

// Whoever is protected is refused whatever the caller says; and were an element about
// him in the kernel all the same, its rules accept him first.
func TestProtectedIsNeverDropped(t *testing.T) {
	w := netnstest.NewWire(t)
	own := netip.MustParsePrefix("203.0.113.7/32")
	e := open(t, w, nft.Config{Protected: func(p netip.Prefix) (string, bool) { return "an operator is there", p.Overlaps(own) }})
	if err := e.Guard(t.Context(), []netip.Prefix{own, netip.MustParsePrefix("2001:db8:1::/48")}); err != nil {
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
	apply(t, e, drop(t, "C", "ip:2001:db8:1:2::/64"), drop(t, "D", "ip:203.0.113.8"))
	w.Guarded.Run(t, "nft", "add element inet haechi deny4_32 { 203.0.113.7 }")
	for from, want := range map[string]bool{"203.0.113.7": true, "2001:db8:1:2::1": true, "203.0.113.8": false} {
		if got := w.Arrives(t, netip.MustParseAddr(from)); got != want {
			t.Errorf("%s arrives: %v", from, got)
		}
	}
	if err := e.Guard(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if w.Arrives(t, netip.MustParseAddr("2001:db8:1:2::1")) {
		t.Error("no longer protected, and still let through")
	}
}

// A gateway that starts again finds what the last one left in force, and packets find
// no gap.
func TestNothingEndsWithTheProcess(t *testing.T) {
	w := netnstest.NewWire(t)
	first := open(t, w, nft.Config{})
	d := drop(t, "A", "ip:203.0.113.7")
	apply(t, first, d, drop(t, "LIFTED", "ip:203.0.113.8"))
	second := open(t, w, nft.Config{})
	if w.Arrives(t, netip.MustParseAddr("203.0.113.7")) {
		t.Fatal("starting opened a gap")
	}
	apply(t, second, d)
	got := inForce(t, second)
	if len(got) != 2 {
		t.Fatalf("in force: %+v", got)
	}
	for _, x := range got {
		if x.ID == "A" {
			continue
		}
		if x.Scope.Prefix != netip.MustParsePrefix("203.0.113.8/32") {
			t.Errorf("found %+v", x)
		}
		if err := second.Lift(t.Context(), []haechi.Reference{x.ID}); err != nil {
			t.Fatal(err)
		}
	}
	if !w.Arrives(t, netip.MustParseAddr("203.0.113.8")) || w.Arrives(t, netip.MustParseAddr("203.0.113.7")) {
		t.Error("what nobody decided stays, or what was decided went with it")
	}
}

// The library loses elements of a message that is too large, without an error.
func TestLargeBatchArrivesWhole(t *testing.T) {
	w := netnstest.NewWire(t)
	e := open(t, w, nft.Config{MaxDecisions: 20_000})
	var ds []haechi.Decision
	now := time.Now()
	addr := netip.MustParseAddr("100.64.0.0")
	for i := range 20_000 {
		addr = addr.Next()
		p := netip.PrefixFrom(addr, 32)
		if i%4 == 3 {
			b := netip.MustParseAddr("2001:db8::").As16()
			b[5], b[6], b[7] = byte(i>>16), byte(i>>8), byte(i)
			p = netip.PrefixFrom(netip.AddrFrom16(b), 64)
		}
		ds = append(ds, haechi.Decision{ID: haechi.Reference(fmt.Sprint(i)), Scope: haechi.Scope{Kind: haechi.ScopeAddress, Prefix: p},
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

// Other tables are none of ours: they stay as they were, through everything.
func TestOtherTablesStay(t *testing.T) {
	w := netnstest.NewWire(t)
	w.Guarded.Run(t, "nft", `table inet filter {
			set haechi { type ipv4_addr; elements = { 192.0.2.1 }; }
			chain early { type filter hook input priority 0; ip saddr @haechi drop; }
		}
		table ip haechi {
			chain early { type filter hook forward priority 5; counter; }
		}`)
	tables := func() string {
		return w.Guarded.Run(t, "nft", "list table inet filter") + w.Guarded.Run(t, "nft", "list table ip haechi")
	}
	before := tables()
	e := open(t, w, nft.Config{})
	apply(t, e, drop(t, "A", "ip:203.0.113.7"))
	w.Guarded.Run(t, "nft", "delete table inet haechi")
	inForce(t, e)
	apply(t, e, drop(t, "A", "ip:203.0.113.7"))
	if err := e.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := tables(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if all := w.Guarded.Run(t, "nft", "list tables"); strings.Contains(all, "inet haechi") {
		t.Errorf("left: %s", all)
	}
}

// What goes through the machine, to a container, is dropped as what is meant for it.
// What is dropped is counted, also over a change of the rules.
func TestForwardedTrafficIsDroppedAndCounted(t *testing.T) {
	w := netnstest.NewWire(t)
	e := open(t, w, nft.Config{})
	container := netnstest.New(t)
	netnstest.Link(t, netnstest.End{NS: w.Guarded, Name: "br0", Addrs: []string{"10.78.0.1/24", "fd78::1/64"}},
		netnstest.End{NS: container, Name: "eth0", Addrs: []string{"10.78.0.2/24", "fd78::2/64"}})
	w.Guarded.Set(t, "net/ipv4/ip_forward", "1")
	w.Guarded.Set(t, "net/ipv6/conf/all/forwarding", "1")
	w.Strangers.Run(t, "ip", "route", "add", "10.78.0.0/24", "via", "10.77.0.1")
	w.Strangers.Run(t, "ip", "route", "add", "fd78::/64", "via", "fd77::1")
	w.Serve(t, container)
	w.To4, w.To6 = netip.MustParseAddr("10.78.0.2"), netip.MustParseAddr("fd78::2")
	apply(t, e, drop(t, "A", "ip:203.0.113.7"))
	for from, want := range map[string]bool{"203.0.113.7": false, "203.0.113.8": true, "2001:db8::1": true} {
		if got := w.Arrives(t, netip.MustParseAddr(from)); got != want {
			t.Errorf("%s arrives: %v", from, got)
		}
	}
	apply(t, e, drop(t, "B", "ip:2001:db8::/64"))
	if w.Arrives(t, netip.MustParseAddr("2001:db8::1")) {
		t.Error("IPv6 is forwarded")
	}
	for _, c := range e.Stats() {
		if c.Name == "nft_dropped_packets" && c.Value == 2 {
			return
		}
	}
	t.Errorf("two packets were dropped: %+v", e.Stats())
}

// A table of our name in another form is replaced.
func TestForeignFormOfTheOwnTable(t *testing.T) {
	w := netnstest.NewWire(t)
	w.Guarded.Run(t, "nft", `table inet haechi {
			set deny4_32 { type ipv4_addr; flags interval; elements = { 203.0.113.0/24 }; }
			chain early { type filter hook input priority 0; }
		}`)
	e := open(t, w, nft.Config{})
	apply(t, e, drop(t, "A", "ip:203.0.113.7"))
	if w.Arrives(t, netip.MustParseAddr("203.0.113.7")) || !w.Arrives(t, netip.MustParseAddr("203.0.113.8")) {
		t.Error("not taken over")
	}
}

// Whatever somebody does to the table is noticed, repaired and reported in time.
func TestDriftIsRepairedInTime(t *testing.T) {
	for name, damage := range map[string]string{
		"ruleset flushed": "flush ruleset", "table deleted": "delete table inet haechi", "chain flushed": "flush chain inet haechi early",
		"set flushed": "flush set inet haechi deny4_32", "element deleted": "delete element inet haechi deny4_32 { 203.0.113.7 }",
		"let through first": "insert rule inet haechi early ip saddr 203.0.113.7 accept", "put to sleep": "add table inet haechi { flags dormant; }",
		"guard deleted": "delete element inet haechi allow4_32 { 192.0.2.1 }",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := netnstest.NewWire(t)
			e := open(t, w, nft.Config{})
			if err := e.Guard(t.Context(), []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}); err != nil {
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
			w.Guarded.Run(t, "nft", damage)
			began := time.Now()
			select {
			case d := <-told:
				if !d.Any() {
					t.Errorf("told %+v", d)
				}
			case <-time.After(time.Minute): // it takes a second, on a machine with nothing else to do
				t.Fatal("not noticed")
			}
			t.Logf("repaired after %v", time.Since(began))
			for from, want := range map[string]bool{"203.0.113.7": false, "2001:db8::1": false, "203.0.113.8": true} {
				if got := w.Arrives(t, netip.MustParseAddr(from)); got != want {
					t.Errorf("%s arrives: %v", from, got)
				}
			}
		})
	}
}
