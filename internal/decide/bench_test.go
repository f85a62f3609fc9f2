package decide_test

import (
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/decide"
)

// full is a Decider with as many open decisions as it may have.
func full(b *testing.B) *decide.Decider {
	d := decide.New(decide.Config{}, decide.Deps{})
	a := netip.MustParseAddr("10.0.0.0")
	for range 100_000 {
		a = a.Next()
		d.Decide(wants(a.String(), haechi.Deny, time.Hour), start, nil)
	}
	return d
}

func BenchmarkDecideAmong100k(b *testing.B) {
	d := full(b)
	f := wants("203.0.113.7", haechi.Deny, time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		d.Decide(f, start, nil)
	}
}

func BenchmarkOpen100k(b *testing.B) {
	d := full(b)
	for b.Loop() {
		d.Open(start)
	}
}

func BenchmarkTick100k(b *testing.B) {
	d := full(b)
	for b.Loop() {
		d.Tick(start)
	}
}
