package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/operate/replay"
	"haechi/internal/sensor/capture"
	"haechi/internal/sensor/decode"
	"haechi/internal/sensor/flow"
)

// wire is the live sensor: packets of the network interfaces that the configuration
// names, through the same way as those of a file, on one goroutine. What is found goes
// to the decider. When it fails it says so and tries again: telemetry fails open.
type wire struct {
	open    func(ctx context.Context, name string) (*os.File, error)
	now     func() time.Time
	log     *slog.Logger
	sensing *sensing
	lens    lens
	runner  *replay.Runner
	next    atomic.Pointer[screened] // of the next world
	fence   fence

	mu    sync.Mutex
	taps  []*wiretap
	stats []haechi.Counter
}

// wiretap is one interface.
type wiretap struct {
	name  string
	live  *capture.Live // nil: not open
	next  func(*capture.Frame) bool
	due   time.Time // for the next try
	why   error
	known uint64 // frames and drops of sockets that are closed
	lost  uint64
}

// The times of the live sensor. A frame is handed over by the kernel after a tenth of a
// second at most; lateFrame is when it is believed that none of a second is to come.
const (
	reopenEvery = 5 * time.Second
	waitFrames  = 100 * time.Millisecond
	lateFrame   = 500 * time.Millisecond
	atOnce      = 4096 // frames of one interface before the next one's
)

// newWire returns nil where no interface is named.
func newWire(cfg *config.Config, e *estate) *wire {
	if len(cfg.Sensor.Interfaces) == 0 {
		return nil
	}
	w := &wire{open: e.openSocket, now: e.now, log: e.log, fence: fence{log: e.log, of: "a packet"}, lens: lens{keeper: e.closeups, decoders: map[uint32]*decode.Decoder{}}}
	for _, name := range cfg.Sensor.Interfaces {
		w.taps = append(w.taps, &wiretap{name: name})
	}
	w.watch(flow.Config{Flows: cfg.Sensor.Flows, V6Bits: cfg.Client.IPv6Prefix, Seed: rand.Uint64()}, e.pipeline.Find)
	return w
}

func (w *wire) watch(cfg flow.Config, find func(*haechi.Finding)) {
	w.runner = replay.NewRunner(nil, find)
	w.sensing = newSensing(cfg, w.runner.Event, w.runner.Pass)
}

// openSocket opens a packet socket, or lets the shield do it.
func (e *estate) openSocket(ctx context.Context, name string) (*os.File, error) {
	f, err := capture.OpenSocket(name)
	if err == nil || haechi.KindOf(err) != haechi.Denied || e.cfg.Shield.Socket == "" {
		return f, err
	}
	return e.dialShield(e.cfg.Shield.Socket).Capture(ctx, name)
}

// swap takes the detectors of the next world.
func (w *wire) swap(s screened) {
	if w != nil {
		w.next.Store(&s)
	}
}

// run senses until ctx ends.
func (w *wire) run(ctx context.Context) error {
	if w == nil {
		return nil
	}
	defer w.close()
	for ctx.Err() == nil {
		if s := w.next.Swap(nil); s != nil {
			w.runner.Swap([]replay.Detector{*s})
		}
		if w.reopen(ctx); w.drain() == 0 {
			w.idle(ctx)
		}
		w.count()
	}
	w.fence.within(func() {
		w.sensing.table.Flush()
		w.runner.End()
	})
	return nil
}

// drain takes what is there, and returns how much that was.
func (w *wire) drain() (n int) {
	for _, t := range w.taps {
		if t.live == nil {
			continue
		}
		w.fence.within(func() {
			var f capture.Frame
			for i := 0; i < atOnce && t.next(&f); i++ {
				n++
				w.lens.frame(&f)
				w.sensing.frame(&f)
			}
		})
	}
	return n
}

// idle waits for packets, and lets time pass without them.
func (w *wire) idle(ctx context.Context) {
	var open []*capture.Live
	for _, t := range w.taps {
		if t.live != nil {
			open = append(open, t.live)
		}
	}
	if len(open) == 0 {
		select {
		case <-ctx.Done():
		case <-time.After(waitFrames):
		}
		return
	}
	broken, err := capture.Wait(waitFrames, open)
	for _, t := range w.taps {
		if broken != nil && t.live == broken {
			w.shut(t, err)
		}
	}
	w.fence.within(func() { w.sensing.until(w.now().Add(-lateFrame).UnixNano()) })
}

// reopen opens what is not open and due.
func (w *wire) reopen(ctx context.Context) {
	for _, t := range w.taps {
		if now := w.now(); t.live == nil && !now.Before(t.due) {
			t.due = now.Add(reopenEvery)
			f, err := w.open(ctx, t.name)
			var live *capture.Live
			if err == nil {
				live, err = capture.NewLive(f)
			}
			w.opened(t, live, err)
		}
	}
}

func (w *wire) opened(t *wiretap, live *capture.Live, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		w.log.Info("the sensor reads packets", "interface", t.name)
	} else if t.why == nil {
		w.log.Error("the sensor does not see an interface; it is tried again", "interface", t.name, "err", err)
	}
	if t.live, t.why = live, err; live != nil {
		t.next = live.Next
	}
}

func (w *wire) shut(t *wiretap, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.live == nil {
		return
	}
	frames, lost := t.live.Stats()
	t.known, t.lost = t.known+frames, t.lost+lost
	if c := t.live.Close(); err == nil {
		err = c
	}
	t.live, t.why = nil, err
	if err != nil {
		w.log.Error("the sensor does not see an interface any more; it is opened again", "interface", t.name, "err", err)
	}
}

func (w *wire) close() {
	for _, t := range w.taps {
		w.shut(t, nil)
	}
}

// count brings the counters up to date, which others read.
func (w *wire) count() {
	s, t := w.sensing, w.sensing.table.Stats()
	w.mu.Lock()
	defer w.mu.Unlock()
	var dropped uint64
	for _, tap := range w.taps {
		dropped += tap.lost
		if tap.live != nil {
			_, lost := tap.live.Stats()
			dropped += lost
		}
	}
	w.stats = []haechi.Counter{
		{Name: "sensor_packets", Value: s.frames}, {Name: "sensor_dropped", Value: dropped}, {Name: "sensor_unreadable", Value: s.unread},
		{Name: "sensor_flows", Value: t.Flows}, {Name: "sensor_flows_live", Value: uint64(t.Live)}, {Name: "sensor_flows_evicted", Value: t.Evicted},
		{Name: "sensor_flows_refused", Value: t.Refused}, {Name: "sensor_failed", Value: w.fence.panics},
	}
}

func (w *wire) counters() []haechi.Counter {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]haechi.Counter(nil), w.stats...)
}

// degraded says which interfaces are not seen, and why.
func (w *wire) degraded() (out []string) {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.taps {
		if t.live != nil || t.why == nil {
			continue
		}
		text := fmt.Sprintf("the sensor does not see %s: %v", t.name, t.why)
		var known *haechi.Error
		if errors.As(t.why, &known) && known.Hint != "" {
			text += " (" + known.Hint + ")"
		}
		out = append(out, text)
	}
	return out
}
