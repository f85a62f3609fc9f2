package distinct_test

import (
	"math"
	"net/netip"
	"testing"

	"haechi/internal/brick/distinct"
)

func TestCount(t *testing.T) {
	for _, n := range []int{0, 1, 9, 32, 33, 100, 1000, 2500, 5000, 20_000, 300_000} {
		var c distinct.Counter
		for range 2 {
			for i := range n {
				c.Add(distinct.Of(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})))
			}
		}
		allowed := 0.1 * float64(n)
		if n <= 32 {
			allowed = 0
		}
		if got := float64(c.Count()); math.Abs(got-float64(n)) > allowed {
			t.Errorf("%d different: counted %v", n, got)
		}
		if c.Reset(); c.Count() != 0 {
			t.Error("reset left something")
		}
	}
}

func TestOfIsTheAddress(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::ffff:192.0.2.1")
	if distinct.Of(a) != distinct.Of(b) || distinct.Of(a) == distinct.Of(a.Next()) {
		t.Error("hashes differ for one address, or are equal for two")
	}
}

func BenchmarkAdd(b *testing.B) {
	var c distinct.Counter
	for i := range b.N {
		c.Add(distinct.Mix(uint64(i)))
	}
}
