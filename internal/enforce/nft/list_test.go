package nft_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/internal/enforce"
	"haechi/internal/enforce/enforcetest"
	"haechi/internal/enforce/nft"
)

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

func expect(t *testing.T, w *netnstest.Wire, when string, arrives map[string]bool) {
	t.Helper()
	for from, want := range arrives {
		if got := w.Arrives(t, netip.MustParseAddr(from)); got != want {
			t.Errorf("%s: %s arrives: %v", when, from, got)
		}
	}
}

// A list is in force besides the decisions, after the guard, until it is replaced; it
// outlives the process; whatever becomes of it is repaired.
func TestList(t *testing.T) {
	w := netnstest.NewWire(t)
	e := open(t, w, nft.Config{})
	if err := e.Guard(t.Context(), prefixes("203.0.113.9/32")); err != nil {
		t.Fatal(err)
	}
	apply(t, e, drop(t, "A", "ip:192.0.2.1"))
	load := func(ps ...string) {
		t.Helper()
		if err := e.Load(t.Context(), enforce.List{Prefixes: prefixes(ps...)}); err != nil {
			t.Fatal(err)
		}
	}
	load("203.0.113.0/24", "203.0.113.7/32", "198.51.100.3/32", "2001:db8:1::/48")
	want := map[string]bool{"203.0.113.8": false, "203.0.113.7": false, "203.0.113.9": true, "198.51.100.3": false, "198.51.100.4": true,
		"2001:db8:1:5::1": false, "2001:db8:2::1": true, "192.0.2.1": false}
	expect(t, w, "loaded", want)
	if got := inForce(t, e); len(got) != 1 || got[0].ID != "A" {
		t.Errorf("a list is no decision: %+v", got)
	}

	other := open(t, w, nft.Config{})
	expect(t, w, "another process", map[string]bool{"203.0.113.8": false, "198.51.100.3": false, "2001:db8:1:5::1": false})
	if err := other.Load(t.Context(), enforce.List{Prefixes: prefixes("198.51.100.3/32")}); err != nil {
		t.Fatal(err)
	}
	expect(t, w, "replaced", map[string]bool{"203.0.113.8": true, "198.51.100.3": false, "2001:db8:1:5::1": true})
	if all := w.Guarded.Run(t, "nft", "list sets"); strings.Count(all, "set list") != 1 {
		t.Errorf("old sets are left:\n%s", all)
	}

	for _, damage := range []string{"flush ruleset", "flush chain inet haechi early"} {
		w.Guarded.Run(t, "nft", damage)
		if got := inForce(t, other); len(got) != 0 {
			t.Errorf("after %s: %+v", damage, got)
		}
		if err := other.Guard(t.Context(), nil); err != nil { // whatever is done next repairs it
			t.Fatal(err)
		}
		expect(t, w, damage, map[string]bool{"198.51.100.3": false, "198.51.100.4": true})
	}

	if err := other.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(t, w, "taken away", map[string]bool{"198.51.100.3": true})
	if all := w.Guarded.Run(t, "nft", "list sets"); strings.Contains(all, "set list") {
		t.Errorf("sets are left:\n%s", all)
	}
}

// An element that somebody takes out of a list is missed, where the kernel counts.
func TestListIsReadBack(t *testing.T) {
	w := netnstest.NewWire(t)
	e := open(t, w, nft.Config{})
	if err := e.Load(t.Context(), enforce.List{Prefixes: prefixes("198.51.100.3/32", "198.51.100.4/32")}); err != nil {
		t.Fatal(err)
	}
	inForce(t, e)
	w.Guarded.Run(t, "nft", "delete element inet haechi list4_32_1 { 198.51.100.3 }")
	expect(t, w, "damaged", map[string]bool{"198.51.100.3": true})
	inForce(t, e)
	if err := e.Guard(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	expect(t, w, "repaired", map[string]bool{"198.51.100.3": false, "198.51.100.4": false})
}

// A list of several transactions, each of many messages, arrives whole: what is read back
// after it was filled is compared, and the first and last of a message are dropped.
func TestListOfManyMessages(t *testing.T) {
	w := netnstest.NewWire(t)
	e := open(t, w, nft.Config{})
	var ps []netip.Prefix
	for i := range 60_001 {
		ps = append(ps, netip.PrefixFrom(netip.AddrFrom4([4]byte{20, 0, byte(i >> 8), byte(i)}), 32),
			netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 1, byte(i >> 8), byte(i)}), 64))
	}
	if err := e.Load(t.Context(), enforce.List{Prefixes: ps}); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"20.0.234.97": true, "2001:db8:1:ea61::1": true}
	for _, i := range []int{0, 499, 500, 24_999, 25_000, 60_000} {
		want[ps[2*i].Addr().String()], want[ps[2*i+1].Addr().Next().String()] = false, false
	}
	expect(t, w, "loaded", want)
}

func TestListIsBounded(t *testing.T) {
	w := netnstest.NewWire(t)
	e := open(t, w, nft.Config{})
	ps := make([]netip.Prefix, 2_000_001)
	a := netip.MustParseAddr("10.0.0.0")
	for i := range ps {
		ps[i], a = netip.PrefixFrom(a, 32), a.Next()
	}
	if err := e.Load(t.Context(), enforce.List{Prefixes: ps}); haechi.KindOf(err) != haechi.Exhausted {
		t.Errorf("got %v", err)
	}
}

// TestListsMeanTheSame: as in the driver.
func TestListsMeanTheSame(t *testing.T) {
	w := netnstest.NewWire(t)
	enforcetest.Lists(t, w, open(t, w, nft.Config{}))
}

// The counters of lists stay where another process takes the lists over.
func TestListsAreTakenOverByName(t *testing.T) {
	w := netnstest.NewWire(t)
	e := open(t, w, nft.Config{})
	if err := e.Load(t.Context(), enforce.List{Name: "a_b", Prefixes: prefixes("198.51.100.3/32")}, enforce.List{Prefixes: prefixes("198.51.100.4/32")}); err != nil {
		t.Fatal(err)
	}
	expect(t, w, "before", map[string]bool{"198.51.100.3": false, "198.51.100.4": false})
	other := open(t, w, nft.Config{})
	expect(t, w, "after", map[string]bool{"198.51.100.3": false, "198.51.100.4": false})
	if want := (haechi.Counter{Name: "nft_listed_packets_a_b", Value: 2}); !slices.Contains(other.Stats(), want) {
		t.Errorf("want %v: %v", want, other.Stats())
	}
}
