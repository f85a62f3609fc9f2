package app

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	paceRoom  = 16 << 20               // bytes of garbage that a calm gateway lets come together
	paceLeast = 25                     // percent; less would collect a large heap for little
	paceSoon  = 200 * time.Millisecond // from one collection to the next, of one that is busy
	paceOften = 3                      // times in a row
)

// pace is how much garbage may come together before it is collected. A busy gateway
// collects as late as it was started to (decision 0011). A calm one has little garbage and
// lets little come together: else a burst of logins spreads what stays over many times its
// size, and what the allocator needs for that it never gives back.
type pace struct {
	busy  int // percent as at start
	calm  bool
	soon  int // collections in a row that came soon
	last  time.Time
	count uint64 // collections that nobody asked for
}

// rested makes it calm. It returns the percent that is to be set, if it is another.
func (p *pace) rested(live uint64) (percent int, change bool) {
	percent = max(paceLeast, int(paceRoom*100/max(live, 1)))
	if percent >= p.busy {
		return 0, false
	}
	p.calm, p.soon, p.last = true, 0, time.Time{}
	return percent, true
}

// collected takes note of a collection; after one that was asked for, count is as before.
func (p *pace) collected(now time.Time, count uint64) (percent int, change bool) {
	if count == p.count {
		return 0, false
	}
	if p.soon++; p.last.IsZero() || now.Sub(p.last) >= paceSoon {
		p.soon = 0
	}
	p.count, p.last = count, now
	if !p.calm || p.soon < paceOften {
		return 0, false
	}
	p.calm = false
	return p.busy, true
}

// collector keeps the runtime's collector at the pace.
type collector struct {
	mu   sync.Mutex
	pace pace
	over bool
	now  func() time.Time
}

// watchCollector begins with the percent of the start. If the collector is off, it stays off.
func watchCollector(now func() time.Time) *collector {
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	c := &collector{now: now}
	if percent := s[0].Value.Uint64(); percent <= 1<<20 {
		c.pace.busy = int(percent)
	}
	c.await()
	return c
}

// await lets the next collection be noted: it finds that nobody has the mark.
func (c *collector) await() {
	mark := new([64]byte) // a smaller one would lie beside others and live as long as they
	runtime.AddCleanup(mark, func(c *collector) { c.noted() }, c)
}

func (c *collector) noted() {
	s := []metrics.Sample{{Name: "/gc/cycles/automatic:gc-cycles"}}
	metrics.Read(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	if percent, change := c.pace.collected(c.now(), s[0].Value.Uint64()); change {
		debug.SetGCPercent(percent)
	}
	c.await()
}

// rested is called when what is alive was just collected.
func (c *collector) rested() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if percent, change := c.pace.rested(uint64(liveHeap())); change {
		debug.SetGCPercent(percent)
	}
}

// stop leaves the collector as it was at start.
func (c *collector) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over = true; c.pace.calm {
		debug.SetGCPercent(c.pace.busy)
	}
}
