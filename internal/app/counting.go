package app

import (
	"context"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/operate/replay"
	"haechi/internal/sensor/procnet"
)

// countEvery is how often the kernel's counters are read (row B43).
const countEvery = time.Second

// counting reads what the kernel counted once a second, and hands it to its detectors on
// one goroutine. When it cannot be read it says so and tries again: telemetry fails open.
type counting struct {
	meter  *procnet.Meter
	now    func() time.Time
	log    *slog.Logger
	runner *replay.Runner
	driver *driverCounts            // nil: there is no program in the driver
	next   atomic.Pointer[screened] // of the next world

	mu    sync.Mutex
	stats procnet.Stats
	why   error
}

func newCounting(files fs.FS, now func() time.Time, log *slog.Logger, find func(*haechi.Finding)) *counting {
	return &counting{meter: procnet.New(files), now: now, log: log, runner: replay.NewRunner(nil, find)}
}

// swap takes the detectors of the next world.
func (c *counting) swap(s screened) { c.next.Store(&s) }

// run reads until ctx ends.
func (c *counting) run(ctx context.Context) error {
	c.read()
	err := every(ctx, countEvery, c.read)
	c.runner.End()
	return err
}

func (c *counting) read() {
	if s := c.next.Swap(nil); s != nil {
		c.runner.Swap([]replay.Detector{*s})
	}
	err := c.meter.Read(c.now(), c.driver.before(c.runner.Event))
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && c.why == nil {
		c.log.Warn("the kernel's counters cannot be read; it is tried again", "err", err)
	}
	c.stats, c.why = c.meter.Stats(), err
}

func (c *counting) counters() []haechi.Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	return []haechi.Counter{{Name: "counted_readings", Value: s.Readings}, {Name: "counted_interfaces", Value: uint64(s.Interfaces)},
		{Name: "counted_refused", Value: s.Refused}, {Name: "counted_restarted", Value: s.Restarted}}
}

// degraded says why floods are not sensed by the kernel's counters.
func (c *counting) degraded() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why == nil {
		return nil
	}
	return []string{"floods are not sensed by the kernel's counters: " + c.why.Error()}
}
