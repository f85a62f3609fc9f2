package limiter_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"haechi/internal/brick/gcra"
)

const keys = 1 << 20

// window is what every peer below enforces: above the offered rate, so that all
// of them admit, and a run in which one refuses is void.
func window() gcra.Rate { return gcra.Rate{Events: 1_000_000, Per: time.Minute} }

func windows(n int) []gcra.Rate {
	return []gcra.Rate{window(), {Events: 4_000_000, Per: time.Hour}, {Events: 8_000_000, Per: 24 * time.Hour}}[:n]
}

// BenchmarkTable is the gateway's table with a ready 64-bit key.
func BenchmarkTable(b *testing.B) {
	for n, name := range []string{1: "windows=1", 3: "windows=3"} {
		if name == "" {
			continue
		}
		b.Run(name, func(b *testing.B) {
			var tab *gcra.Table
			run(b, func() {
				tab = gcra.New(gcra.Config{Windows: windows(n), Capacity: keys})
			}, func(key uint64, now int64) bool { return tab.Allow(key, now, 1).OK })
			if s := tab.Stats(); s.Refused+s.Overflow > 0 {
				b.Fatalf("void: %+v", s)
			}
		})
	}
}

// BenchmarkXTimeRate is x/time/rate in a map behind one mutex: what most Go
// programs do.
func BenchmarkXTimeRate(b *testing.B) {
	var mu sync.Mutex
	var limiters map[uint64]*rate.Limiter
	run(b, func() { limiters = make(map[uint64]*rate.Limiter) }, func(key uint64, now int64) bool {
		mu.Lock()
		l := limiters[key]
		if l == nil {
			l = rate.NewLimiter(rate.Every(time.Minute/1_000_000), 1_000_000)
			limiters[key] = l
		}
		mu.Unlock()
		return l.AllowN(time.Unix(0, now), 1)
	})
}

// BenchmarkXTimeRateSyncMap is the same in a sync.Map.
func BenchmarkXTimeRateSyncMap(b *testing.B) {
	var limiters *sync.Map
	run(b, func() { limiters = new(sync.Map) }, func(key uint64, now int64) bool {
		l, ok := limiters.Load(key)
		if !ok {
			l, _ = limiters.LoadOrStore(key, rate.NewLimiter(rate.Every(time.Minute/1_000_000), 1_000_000))
		}
		return l.(*rate.Limiter).AllowN(time.Unix(0, now), 1)
	})
}

// run fills the limiter with every key, measures what that took of the heap, and
// times decisions on the keys in another order.
func run(b *testing.B, build func(), allow func(key uint64, now int64) bool) {
	order := make([]uint64, keys)
	for i := range order {
		order[i] = rand.Uint64()
	}
	before, now := heap(), int64(time.Hour)
	build()
	for _, k := range order {
		allow(k, now)
	}
	perKey := float64(heap()-before) / keys
	rand.Shuffle(keys, func(i, j int) { order[i], order[j] = order[j], order[i] })
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		now += 100
		if !allow(order[i&(keys-1)], now) {
			b.Fatal("void: a call was refused")
		}
		i++
	}
	b.ReportMetric(perKey, "B/key")
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
