package shield_test

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"haechi/internal/brick/netnstest"
	"haechi/internal/enforce"
	"haechi/internal/enforce/xdp"
)

// million is a list of a million addresses all over IPv4; the first stands in every one.
func million(generation uint32) []netip.Prefix {
	out := make([]netip.Prefix, 1_000_000)
	for i := range out {
		n := uint32(i)
		if i > 0 {
			n += generation * 500_000
		}
		n *= 2654435761 // odd, so that each number has its own
		out[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), 32)
	}
	out[0] = netip.MustParsePrefix("203.0.113.7/32")
	return out
}

// TestNoPacketSlipsThroughAReplacedList: a million addresses are loaded, replaced while
// packets of one of them come all the time, and taken over by another process.
func TestNoPacketSlipsThroughAReplacedList(t *testing.T) {
	l := newLand(t)
	in := l.listen(t)
	dir := filepath.Join(netnstest.BPF(t), "haechi")
	open := func() *xdp.Enforcer {
		k, err := xdp.Open(t.Context(), xdp.Config{NetNS: l.guarded.FD(), Interfaces: []string{"in0"}, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Guard(t.Context(), []netip.Prefix{netip.MustParsePrefix("10.77.0.0/24")}); err != nil {
			t.Fatal(err)
		}
		return k
	}
	k := open()
	lists := [][]netip.Prefix{million(0), million(1)}
	began := time.Now()
	if err := k.Load(t.Context(), enforce.List{Prefixes: lists[0]}); err != nil {
		t.Fatal(err)
	}
	t.Logf("loaded in %v", time.Since(began))
	s := l.stream(netip.MustParseAddr("203.0.113.7"), in, 200*time.Microsecond)
	for i := range 3 {
		if err := k.Load(t.Context(), enforce.List{Prefixes: lists[(i+1)%2]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	k = open()
	defer func() { _ = k.Close() }()
	if err := k.Load(t.Context(), enforce.List{Prefixes: lists[0]}); err != nil {
		t.Fatal(err)
	}
	s.Close(t)
	if sent, came := s.Count(); sent < 100 || came > 0 {
		t.Errorf("%d of %d packets slipped through", came, sent)
	}
}
