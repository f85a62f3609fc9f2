package app

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	trimEvery = 5 * time.Second
	trimQuiet = 8 << 20  // bytes allocated since the last look; above, it is busy
	trimWorth = 4 << 20  // bytes that are worth a collection
	trimCalm  = 3        // quiet looks after which little is worth one
	trimLeast = 1 << 20  // bytes
	trimMuch  = 64 << 20 // bytes allocated since the last rest after which even quiet work is worth one
)

// trimmer gives memory back once a busy time is over. The collector runs late on
// purpose (decision 0011), so what thousands of handshakes left would otherwise lie
// there until as much again had been allocated.
type trimmer struct {
	allocated uint64
	rested    uint64 // allocated, when it rested last
	busy      bool   // since then
	calm      int    // quiet looks in a row
}

// effort is what a look leads to.
type effort uint8

const (
	trimNothing effort = iota
	trimCollect        // collect, and give back what is free
	trimRest           // first let go what is kept for more of the same
)

// due judges from the bytes allocated so far, those of objects on the heap, those of
// them that were alive at the last collection, and those that lie free and were not
// given back.
func (t *trimmer) due(allocated, objects, live, free uint64) effort {
	quiet := allocated-t.allocated < trimQuiet
	t.allocated = allocated
	if t.calm++; !quiet {
		t.calm, t.busy = 0, true
		return trimNothing
	}
	worth := live/8 + trimWorth
	if t.calm > trimCalm {
		if t.busy || allocated-t.rested >= trimMuch {
			t.busy, t.rested = false, allocated
			return trimRest
		}
		worth = live/32 + trimLeast
	}
	if objects+free > live+worth {
		return trimCollect
	}
	return trimNothing
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
	c := watchCollector(a.opts.Now)
	defer c.stop()
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		metrics.Read(s)
		switch t.due(s[0].Value.Uint64(), s[1].Value.Uint64(), s[2].Value.Uint64(), s[3].Value.Uint64()) {
		case trimCollect:
			debug.FreeOSMemory()
		case trimRest:
			a.rest(ctx)
			c.rested()
		}
	}
}

// rest lets go what the parts keep to be fast when more comes. What lies in pools, the
// second collection finds.
func (a *App) rest(ctx context.Context) {
	if err := a.estate.store.Rest(ctx); err != nil {
		a.estate.log.Debug("the records kept their memory", "err", err)
	}
	a.estate.pipeline.Rest()
	a.estate.verifier.Rest(a.estate.now())
	a.estate.yard.rest()
	shedThreads()
	debug.FreeOSMemory()
	debug.FreeOSMemory()
}
