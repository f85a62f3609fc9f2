package xdp_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"haechi/internal/enforce/xdp"
)

// Who sends much is found among thousands that send little, and is not forgotten for them;
// no count is far from what was sent, and the next reader begins anew.
func TestTopSources(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{})
	prog := p.program(t)
	apply(t, e, drop(t, "A", "ip:198.18.0.7"))
	rnd := rand.New(rand.NewPCG(3, 4))
	sent := map[string]float64{"203.0.113.0/24": 0, "2001:db8:1::/48": 0}
	for range 40 {
		for _, from := range []string{"203.0.113.7", "203.0.113.99", "2001:db8:1:2::3", "198.18.0.7"} {
			const n = 300
			if _, _, err := prog.Benchmark(frame(netip.MustParseAddr(from)), n, nil); err != nil {
				t.Fatal(err)
			}
			for q := range sent {
				if netip.MustParsePrefix(q).Contains(netip.MustParseAddr(from)) {
					sent[q] += n
				}
			}
		}
		for range 100 { // a crowd
			drops(t, prog, frame(netip.AddrFrom4([4]byte{100, byte(rnd.IntN(256)), byte(rnd.IntN(256)), 1})))
		}
	}
	top, err := e.TopSources(2)
	if err != nil || len(top) != 2 || top[0].Prefix.String() != "203.0.113.0/24" || top[1].Prefix.String() != "2001:db8:1::/48" {
		t.Fatalf("%+v, %v", top, err)
	}
	for _, s := range top {
		want := sent[s.Prefix.String()]
		if got := float64(s.Packets); got < want*0.8 || got-float64(s.Over) > want*1.2 {
			t.Errorf("%+v of %v", s, want)
		}
	}
	if again, err := e.TopSources(1000); err != nil || len(again) != 0 {
		t.Errorf("%+v, %v", again, err)
	}
	for range 10 {
		if _, _, err := prog.Benchmark(frame(netip.MustParseAddr("198.18.0.7")), 300, nil); err != nil {
			t.Fatal(err)
		}
	}
	if denied, err := e.TopSources(1000); err != nil || len(denied) != 0 {
		t.Errorf("of denied ones %+v, %v", denied, err)
	}
	if _, err := e.TopSources(-1); err != nil {
		t.Error(err)
	}
}
