package gcra_test

import (
	"math/rand/v2"
	"testing"

	"haechi/internal/brick/gcra"
)

const million = 1 << 20

// BenchmarkTable1M is one decision on a random one of 1,048,576 keys that are all
// in the table. bench/limiter compares it with golang.org/x/time/rate.
func BenchmarkTable1M(b *testing.B) {
	for _, bb := range []struct {
		name  string
		rates []gcra.Rate
	}{{"windows=1", deviceRates()[:1]}, {"windows=3", deviceRates()}} {
		tab := table(million, bb.rates...)
		keys := make([]uint64, million)
		for i := range keys {
			keys[i] = rand.Uint64()
			tab.Allow(keys[i], 0, 1)
		}
		rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		perKey := float64(tab.Stats().Bytes) / million
		b.Run(bb.name+"/single", func(b *testing.B) {
			b.ReportAllocs()
			i, now := 0, sec
			for b.Loop() {
				now += 100
				tab.Allow(keys[i&(million-1)], now, 1)
				i++
			}
			b.ReportMetric(perKey, "B/key")
		})
		b.Run(bb.name+"/parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				i, now := rand.IntN(million), sec
				for pb.Next() {
					now += 100
					tab.Allow(keys[i&(million-1)], now, 1)
					i++
				}
			})
		})
		b.Run(bb.name+"/hot", func(b *testing.B) {
			now := sec
			for b.Loop() {
				now += 100
				tab.Allow(keys[0], now, 1)
			}
		})
	}
}
