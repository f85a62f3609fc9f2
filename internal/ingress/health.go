package ingress

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// HealthConfig describes a health check. Zero fields mean the defaults.
type HealthConfig struct {
	// Dial connects to the upstream; the connection is closed at once.
	Dial func(ctx context.Context) (net.Conn, error)
	// SetOpen is told the first answer and every change. It is called from Run.
	SetOpen func(open bool)
	// Up (2 s) and Down (500 ms) are the intervals while the upstream answers and
	// while it does not; Timeout (1 s) bounds one connect.
	Up, Down, Timeout time.Duration
	// Failures (2) is how many connects in a row must fail. A refused connection
	// is certain and counts at once.
	Failures int
	Log      *slog.Logger
}

// Health checks by bare connects whether an upstream is there, so that the
// listening socket of a service can be closed while it is not: a device
// that is accepted and dropped comes back every four seconds, one that is refused
// waits longer and longer.
type Health struct {
	cfg     HealthConfig
	healthy atomic.Bool
	nudge   chan struct{}
}

// NewHealth returns a check that Run starts.
func NewHealth(cfg HealthConfig) *Health {
	or := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	or(&cfg.Up, 2*time.Second)
	or(&cfg.Down, 500*time.Millisecond)
	or(&cfg.Timeout, time.Second)
	if cfg.Failures <= 0 {
		cfg.Failures = 2
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Health{cfg: cfg, nudge: make(chan struct{}, 1)}
}

// Healthy is the last answer; false before the first.
func (h *Health) Healthy() bool { return h.healthy.Load() }

// Nudge asks for a check now. It never blocks.
func (h *Health) Nudge() {
	select {
	case h.nudge <- struct{}{}:
	default:
	}
}

// Run checks until the context ends, whose error it does not return.
func (h *Health) Run(ctx context.Context) error {
	failed, told := 0, false
	for {
		err := h.check(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			failed = 0
		} else {
			failed++
		}
		down := err != nil && (failed >= h.cfg.Failures || errors.Is(err, syscall.ECONNREFUSED))
		if (err == nil || down) && (!told || h.healthy.Load() == down) {
			told = true
			h.tell(!down, err)
		}
		if !h.wait(ctx, err == nil) {
			return nil
		}
	}
}

func (h *Health) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Timeout)
	defer cancel()
	c, err := h.cfg.Dial(ctx)
	if err != nil {
		return err
	}
	return c.Close()
}

func (h *Health) tell(open bool, err error) {
	h.healthy.Store(open)
	if open {
		h.cfg.Log.Info("upstream answers")
	} else {
		h.cfg.Log.Warn("upstream does not answer; the service is closed until it does", "err", err)
	}
	h.cfg.SetOpen(open)
}

// wait waits for the next check. A nudge shortens the wait, but no check follows
// another at once.
func (h *Health) wait(ctx context.Context, up bool) bool {
	d := h.cfg.Down
	if up {
		d = h.cfg.Up
	}
	const apart = 50 * time.Millisecond
	if !Pause(ctx, min(apart, d)) {
		return false
	}
	t := time.NewTimer(d - min(apart, d))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-h.nudge:
	case <-t.C:
	}
	return true
}

// Pause waits, unless the context ends first; then it reports false.
func Pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
