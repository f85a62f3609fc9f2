package window_test

import (
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"haechi/internal/brick/window"
)

// TestKeysAgainstAMap: whatever keys are seen, however alike, and whenever they expire, the
// table knows those that a map would.
func TestKeysAgainstAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.SampledFrom([]uint64{1, 16, 1 << 32, 1 << 60, 0x9e3779b97f4a7c15}).Draw(t, "step")
		c := counts(5, 400)
		last, n := map[uint64]int64{}, map[uint64]float64{}
		for now := range rapid.Int64Range(1, 600).Draw(t, "steps") {
			k := rapid.Uint64Range(0, 90).Draw(t, "key") * step
			if rapid.IntRange(0, 20).Draw(t, "do") == 0 {
				before := now - rapid.Int64Range(0, 80).Draw(t, "ago")
				c.Expire(before)
				for k, at := range last {
					if at < before {
						delete(last, k)
						delete(n, k)
					}
				}
				continue
			}
			r, ok := c.Add(k, now, window.Sample{N: 1})
			if last[k], n[k] = now, n[k]+1; !ok || r.Value > n[k] || n[k] <= 5 && r.Value != n[k] {
				t.Fatalf("key %d reads %v %v, want %v", k, r.Value, ok, n[k])
			}
			if c.Len() != len(last) {
				t.Fatalf("%d keys, want %d", c.Len(), len(last))
			}
		}
	})
}

// Most keys are seen once in a window, and there may be as many as devices.
func TestBytesOfAKeySeenOnce(t *testing.T) {
	const n, most = 9000, 60
	c := counts(5, 1<<20)
	before := heap()
	for k := range uint64(n) {
		c.Add(k*0x9e3779b97f4a7c15, 1, window.Sample{N: 1})
	}
	each := float64(heap()-before) / n
	t.Logf("%.0f bytes a key", each)
	if each > most {
		t.Errorf("%.0f bytes a key, at most %d", each, most)
	}
	runtime.KeepAlive(c)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
