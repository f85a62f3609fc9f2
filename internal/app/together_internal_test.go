package app

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/operate/replay"
)

// TestWavesFindTheSame: events that are observed together are judged as one by one, and what
// is found is told of the same event and in the same order.
func TestWavesFindTheSame(t *testing.T) {
	set := shippedSet(t)
	allowed := func(a netip.Addr) bool { return a == netip.AddrFrom4([4]byte{10, 1, 0, 3}) }
	fresh := func() screened { return newScreened(allowed, networkDetectors(set, networkSite(&config.Site{}))) }
	one, many := fresh(), fresh()
	type told struct {
		event int
		haechi.Finding
	}
	var want, got []told
	r, at := rand.New(rand.NewPCG(1, 2)), time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	for n := 0; n < 20_000; {
		es := make([]haechi.Event, 1+r.IntN(replay.WaveEvents))
		for i := range es {
			at = at.Add(time.Duration(r.Int64N(int64(20 * time.Millisecond))))
			es[i] = anyEvent(r, at)
			for _, f := range one.Observe(&es[i], nil) {
				want = append(want, told{n + i, f})
			}
		}
		many.Wave(es, func(i int, f *haechi.Finding) { got = append(got, told{n + i, *f}) })
		n += len(es)
		one.Tick(at, nil)
		many.Tick(at, nil)
	}
	if len(want) == 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("%d findings together, %d one by one", len(got), len(want))
	}
}
