package app

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	trimEvery = 5 * time.Second
	trimQuiet = 8 << 20 // bytes allocated since the last look; above, it is busy
	trimWorth = 4 << 20 // bytes that are worth a collection
	trimCalm  = 4       // quiet looks after which little is worth one
	trimLeast = 1 << 20 // bytes
)

// trimmer gives memory back once a busy time is over. The collector runs late on
// purpose (decision 0011), so what thousands of handshakes left would otherwise lie
// there until as much again had been allocated.
type trimmer struct {
	allocated uint64
	calm      int // quiet looks in a row
}

// due judges from the bytes allocated so far, those of objects on the heap, those of
// them that were alive at the last collection, and those that lie free and were not
// given back.
func (t *trimmer) due(allocated, objects, live, free uint64) bool {
	quiet := allocated-t.allocated < trimQuiet
	t.allocated = allocated
	if t.calm++; !quiet {
		t.calm = 0
	}
	worth := live/8 + trimWorth
	if t.calm > trimCalm {
		worth = live/32 + trimLeast
	}
	return quiet && objects+free > live+worth
}

// liveHeap is what the last collection found in use, in bytes.
func liveHeap() float64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return float64(s[0].Value.Uint64())
}

// trim looks until ctx ends.
func (a *App) trim(ctx context.Context) error {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}}
	var t trimmer
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		metrics.Read(s)
		if t.due(s[0].Value.Uint64(), s[1].Value.Uint64(), s[2].Value.Uint64(), s[3].Value.Uint64()) {
			debug.FreeOSMemory()
		}
	}
}
