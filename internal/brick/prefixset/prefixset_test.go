package prefixset_test

import (
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"haechi/internal/brick/prefixset"
)

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(texts))
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

func TestContains(t *testing.T) {
	s := prefixset.New(prefixes("203.0.113.9/24", "2001:db8::/32", "::ffff:198.51.100.0/120", "192.0.2.1/32")...)
	for addr, want := range map[string]bool{
		"203.0.113.255": true, "203.0.114.0": false, "::ffff:203.0.113.1": true,
		"2001:db8:ffff::1": true, "2001:db9::1": false, "fe80::1%eth0": false,
		"198.51.100.77": true, "198.51.101.1": false, "192.0.2.1": true, "192.0.2.2": false,
	} {
		if got := s.Contains(netip.MustParseAddr(addr)); got != want {
			t.Errorf("Contains(%s) = %v, want %v", addr, got, want)
		}
	}
	if s.Contains(netip.Addr{}) {
		t.Error("the invalid address is in the set")
	}
	if s.Len() != 4 {
		t.Errorf("Len() = %d, want 4", s.Len())
	}
}

func TestOverlaps(t *testing.T) {
	s := prefixset.New(prefixes("203.0.113.0/24")...)
	for p, want := range map[string]bool{
		"203.0.113.7/32": true, "203.0.0.0/16": true, "203.0.112.0/24": false, "0.0.0.0/0": true, "::/0": false,
	} {
		if got := s.Overlaps(netip.MustParsePrefix(p)); got != want {
			t.Errorf("Overlaps(%s) = %v, want %v", p, got, want)
		}
	}
}

func TestEmptyAndNil(t *testing.T) {
	var none *prefixset.Set
	a := netip.MustParseAddr("192.0.2.1")
	for name, s := range map[string]*prefixset.Set{"nil": none, "empty": prefixset.New(), "zero": {}, "invalid": prefixset.New(netip.Prefix{})} {
		if s.Contains(a) || s.Overlaps(netip.MustParsePrefix("0.0.0.0/0")) || s.Len() != 0 {
			t.Errorf("the %s set is not empty", name)
		}
	}
}

// TestAgainstNaive compares with a plain loop over the prefixes.
func TestAgainstNaive(t *testing.T) {
	addr := rapid.Custom(func(t *rapid.T) netip.Addr {
		b := [4]byte{10, rapid.Byte().Draw(t, "b1"), rapid.Byte().Draw(t, "b2"), 1}
		return netip.AddrFrom4(b)
	})
	rapid.Check(t, func(t *rapid.T) {
		var ps []netip.Prefix
		for range rapid.IntRange(0, 8).Draw(t, "n") {
			ps = append(ps, netip.PrefixFrom(addr.Draw(t, "net"), rapid.IntRange(8, 32).Draw(t, "bits")))
		}
		s, a := prefixset.New(ps...), addr.Draw(t, "addr")
		want := false
		for _, p := range ps {
			want = want || p.Contains(a)
		}
		if s.Contains(a) != want {
			t.Fatalf("%v contains %v: got %v, want %v", ps, a, !want, want)
		}
	})
}

func BenchmarkContains(b *testing.B) {
	var ps []netip.Prefix
	for i := range 100_000 {
		ps = append(ps, netip.MustParsePrefix(fmt.Sprintf("%d.%d.%d.0/24", 1+i>>16, i>>8&255, i&255)))
	}
	s, a := prefixset.New(ps...), netip.MustParseAddr("1.2.3.4")
	b.ReportAllocs()
	for b.Loop() {
		s.Contains(a)
	}
}
