package app

import "log/slog"

// fence keeps a defect that something read brings out from ending the gateway. It is
// used by one goroutine.
type fence struct {
	log    *slog.Logger
	of     string // what was read
	panics uint64
}

// within runs f.
func (g *fence) within(f func()) {
	defer func() {
		if p := recover(); p != nil {
			if g.panics++; g.panics&(g.panics-1) == 0 { // the 1st, 2nd, 4th …
				g.log.Error("the sensor failed on "+g.of+"; it goes on with the next one", "panic", p, "times", g.panics)
			}
		}
	}()
	f()
}
