package pipeline

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
)

// counter is a count that one goroutine makes and others read.
type counter struct{ v atomic.Uint64 }

func (c *counter) add(n uint64) { c.v.Add(n) }

// guard keeps a panic in a part from ending the shard that called it: it is
// counted, and logged once for each part.
type guard struct {
	log    *slog.Logger
	panics counter
	mu     sync.Mutex
	logged map[string]bool
}

func newGuard(log *slog.Logger) *guard { return &guard{log: log, logged: map[string]bool{}} }

// caught must be deferred directly.
func (g *guard) caught(part any) {
	if r := recover(); r != nil {
		g.report(part, r)
	}
}

func (g *guard) report(part, cause any) {
	g.panics.add(1)
	name, ok := part.(string)
	if !ok {
		name = fmt.Sprintf("%T", part)
	}
	g.mu.Lock()
	first := !g.logged[name]
	g.logged[name] = true
	g.mu.Unlock()
	if first {
		g.log.Error("a part of the pipeline failed; it goes on without what it was doing, and further failures are only counted",
			slog.String("part", name), slog.Any("cause", cause), slog.String("stack", string(debug.Stack())))
	}
}

func (g *guard) observe(d Detector, e *haechi.Event, out []haechi.Finding) (res []haechi.Finding) {
	res = out
	defer g.caught(d)
	return d.Observe(e, out)
}

func (g *guard) tick(d Detector, now time.Time, out []haechi.Finding) (res []haechi.Finding) {
	res = out
	defer g.caught(d)
	return d.Tick(now, out)
}

func (g *guard) tap(t Tap, e *haechi.Event) {
	defer g.caught(t)
	t.Tap(e)
}

// do names the part by a constant, so that passing it allocates nothing.
func (g *guard) do(part any, f func()) {
	defer g.caught(part)
	f()
}
