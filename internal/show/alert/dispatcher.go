package alert

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"haechi"
)

// Config is when to alert. The zero value of every field means its default.
type Config struct {
	// AtLeast leaves out what is less severe. Default Info: nothing is left out.
	AtLeast haechi.Severity
	// Shadow alerts about incidents of shadow rules too.
	Shadow bool
	// Burst alerts in a Window are told one by one, further ones as one digest at
	// its end. Defaults 10 and 1 min.
	Burst  int
	Window time.Duration
	// MaxOpen bounds the incidents of which an end is expected. Default 10,000.
	MaxOpen int
	// Queue bounds the updates that wait for one channel. Default 256.
	Queue int
	// Timeout bounds one attempt, Attempts the tries of one update; the wait
	// between them doubles from Backoff to MaxBackoff. Defaults 5 s, 6, 1 s, 1 min.
	Timeout             time.Duration
	Attempts            int
	Backoff, MaxBackoff time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Log takes what could not be delivered; nil discards.
	Log *slog.Logger
}

func positive[T int | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

func (c *Config) defaults() {
	positive(&c.Burst, 10)
	positive(&c.Window, time.Minute)
	positive(&c.MaxOpen, 10_000)
	positive(&c.Queue, 256)
	positive(&c.Timeout, 5*time.Second)
	positive(&c.Attempts, 6)
	positive(&c.Backoff, time.Second)
	positive(&c.MaxBackoff, time.Minute)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// told is what was said of an open incident.
type told struct {
	severity haechi.Severity
	single   bool // in a message of its own, not in a digest
}

// Dispatcher turns incidents into updates and hands them to the channels.
type Dispatcher struct {
	cfg     Config
	senders []*sender

	mu      sync.Mutex
	open    map[haechi.Reference]told
	since   time.Time // start of the window
	sent    int       // alerts in it
	flood   tally
	refused uint64
}

// New returns a Dispatcher; nothing is delivered before Run.
func New(cfg Config, channels ...Channel) *Dispatcher {
	cfg.defaults()
	d := &Dispatcher{cfg: cfg, open: make(map[haechi.Reference]told)}
	for _, c := range channels {
		d.senders = append(d.senders, newSender(c, &d.cfg))
	}
	return d
}

// Incident takes the newest state of an incident. It never blocks.
func (d *Dispatcher) Incident(in haechi.Incident) {
	now := d.cfg.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	was, known := d.open[in.ID]
	switch {
	case !in.End.IsZero():
		if known {
			d.cleared(&in, was, now)
		}
	case in.Severity < d.cfg.AtLeast || (in.Mode == haechi.Shadow && !d.cfg.Shadow):
	case !known:
		d.opened(&in, now)
	case in.Severity > was.severity:
		d.grew(&in, was, now)
	}
}

func (d *Dispatcher) opened(in *haechi.Incident, now time.Time) {
	if len(d.open) >= d.cfg.MaxOpen {
		d.refused++
		d.flood.opened(in, now)
		return
	}
	single := d.admit(now)
	d.open[in.ID] = told{in.Severity, single}
	if !single {
		d.flood.opened(in, now)
		return
	}
	d.send(&Update{Kind: Opened, Time: now, Incident: *in})
}

func (d *Dispatcher) grew(in *haechi.Incident, was told, now time.Time) {
	if !d.admit(now) {
		return // the incident's next update tries again
	}
	d.open[in.ID] = told{in.Severity, true}
	u := &Update{Kind: Grew, Time: now, Incident: *in, Was: was.severity}
	if !was.single {
		u.Kind = Opened
	}
	d.send(u)
}

func (d *Dispatcher) cleared(in *haechi.Incident, was told, now time.Time) {
	delete(d.open, in.ID)
	if !was.single {
		d.flood.cleared(now)
		return
	}
	d.send(&Update{Kind: Cleared, Time: now, Incident: *in})
}

// admit takes one of the window's alerts.
func (d *Dispatcher) admit(now time.Time) bool {
	if now.Sub(d.since) >= d.cfg.Window || now.Before(d.since) {
		d.since, d.sent = now, 0
	}
	if d.sent >= d.cfg.Burst {
		return false
	}
	d.sent++
	return true
}

func (d *Dispatcher) send(u *Update) {
	for _, s := range d.senders {
		s.put(u)
	}
}

// Run delivers until ctx ends, then waits for what it started and returns nil.
// What is undelivered by then is counted as dropped.
func (d *Dispatcher) Run(ctx context.Context) error {
	var work sync.WaitGroup
	for _, s := range d.senders {
		work.Go(func() { s.run(ctx) })
	}
	defer work.Wait()
	tick := time.NewTicker(d.cfg.Window)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			d.digest()
		}
	}
}

func (d *Dispatcher) digest() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if sum := d.flood.take(); sum != nil {
		d.send(&Update{Kind: Flood, Time: d.cfg.Now(), Digest: sum})
	}
}

// Stats are the updates delivered, dropped and failed, over all channels, and the
// incidents beyond MaxOpen.
func (d *Dispatcher) Stats() []haechi.Counter {
	var delivered, dropped, failed uint64
	for _, s := range d.senders {
		delivered += s.delivered.Load()
		dropped += s.dropped.Load()
		failed += s.failed.Load()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return []haechi.Counter{
		{Name: "alert_delivered", Value: delivered}, {Name: "alert_dropped", Value: dropped}, {Name: "alert_failed", Value: failed},
		{Name: "alert_open", Value: uint64(len(d.open))}, {Name: "alert_open_refused", Value: d.refused},
	}
}
