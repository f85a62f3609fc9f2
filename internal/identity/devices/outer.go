package devices

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"haechi"
)

// Defaults of [OuterConfig].
const (
	DefaultOuterEvery   = 3 * time.Second
	DefaultOuterTimeout = 5 * time.Second
)

// Row is one device as an outer registry has it.
type Row struct {
	Bot, Serial string
	// Status is what follows from the row. Text is what stands there, for lists,
	// and Reason what it gives as the reason.
	Status       haechi.DeviceStatus
	Text, Reason string
	// ChangedAt is when the row changed, zero if that is not known.
	ChangedAt           time.Time
	ClientType, Version string
	// MaxFrame bounds a frame of the device in bytes; 0: no bound of its own.
	MaxFrame int
}

// Source reads an outer registry: somebody else's, which has the last word on the
// devices of some services.
type Source interface {
	// Read returns every row, or changed false if nothing differs from what it
	// returned last. Any error means that the outer registry is not known.
	Read(ctx context.Context) (rows []Row, changed bool, err error)
	// Offer adds a row for a pending device that has none. It changes no other
	// row. An error of kind Conflict or Invalid is about this device alone.
	Offer(ctx context.Context, d haechi.Device) error
}

// OuterConfig describes an outer registry. Zero fields mean the defaults.
type OuterConfig struct {
	// Name is what lists and the audit trail call it.
	Name string
	// Services are those whose devices it governs, whether or not it has a row for
	// them. A device with a row is governed by it at every service.
	Services []string
	// Offers are the services whose new pending devices are offered to it.
	Offers []string
	// Every is how often it is read (3 s), Timeout what one reading may take (5 s).
	Every, Timeout time.Duration
	// OfferCap is how many pending rows it may hold for another to be offered; 0
	// means the registry's PendingCap.
	OfferCap int
	// Changed is told what a reading but the first changed for devices, once their
	// live sessions are cut. It is called from Poll, under no lock.
	Changed func([]Change)
	// Health is told when the outer registry fails to be read, when that closes it,
	// and when it can be read again. It is called from Poll, under no lock.
	Health func(silent, closed bool)
	Log    *slog.Logger // nil: the registry's
}

// Change is a device before and after the outer registry's word changed.
type Change struct{ Before, After haechi.Device }

// Outer is an outer registry in force. Its word is the truth for the devices it
// governs: they are approved while it approves them and no operator of Haechi has
// set anything against them. When it cannot be read, its last word holds for
// Config.Grace and then nobody that it governs is approved.
type Outer struct {
	r      *Registry
	cfg    OuterConfig
	src    Source
	health health

	read    atomic.Bool // at least once
	rows    atomic.Int64
	pending atomic.Int64
	round   uint64 // of the last reading that changed something; under the admin lock
	shut    bool   // the sessions were cut because it is closed; Poll only
	silent  bool   // and logged; Poll only
	mute    bool   // that nothing can be offered was logged; Poll only

	changes, unfit, doubled               atomic.Uint64
	offered, conflicts, full, offerErrors atomic.Uint64
}

// Govern puts an outer registry in force. From then on no device that it governs is
// approved before it was read. It must come before the registry is in use, and
// once at most.
func (r *Registry) Govern(cfg OuterConfig, src Source) *Outer {
	cfg.Every = positive(cfg.Every, DefaultOuterEvery)
	cfg.Timeout = positive(cfg.Timeout, DefaultOuterTimeout)
	cfg.OfferCap = positive(cfg.OfferCap, r.cfg.PendingCap)
	if cfg.Log == nil {
		cfg.Log = r.cfg.Log
	}
	if cfg.Changed == nil {
		cfg.Changed = func([]Change) {}
	}
	if cfg.Health == nil {
		cfg.Health = func(bool, bool) {}
	}
	o := &Outer{r: r, cfg: cfg, src: src, health: health{start: r.cfg.Now()}}
	r.outer = o
	for _, e := range *r.index.Load() {
		e.hear(o.none(&e.dev))
	}
	return o
}

// governs reports whether the service's devices need a row.
func (o *Outer) governs(service string) bool {
	return o != nil && slices.Contains(o.cfg.Services, service)
}

// Run reads the outer registry until ctx ends. It returns nil.
func (o *Outer) Run(ctx context.Context) error {
	t := time.NewTicker(o.cfg.Every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			_ = o.Poll(ctx) // what it means is told, logged and counted there
		}
	}
}

// Poll reads the outer registry once, makes what it says so, and offers it the
// devices that wait. Live sessions of a device that is approved no more are cut
// before it returns. It is not for concurrent use.
func (o *Outer) Poll(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, o.cfg.Timeout)
	defer stop()
	o.health.asking(o.r.cfg.Now())
	rows, changed, err := o.src.Read(ctx)
	if err != nil {
		o.failed(err, o.r.cfg.Now())
		return err
	}
	o.health.silent.Store(0)
	if changed || !o.read.Load() {
		o.take(rows, o.r.cfg.Now())
	}
	if o.silent {
		o.silent, o.shut = false, false
		o.cfg.Log.Info("the outer device registry can be read again", "registry", o.cfg.Name)
		o.cfg.Health(false, false)
	}
	o.offer(ctx)
	return nil
}

// closed reports whether its word counts no more: it was never read, or not for
// longer than the grace.
func (o *Outer) closed(now time.Time) bool {
	return !o.read.Load() || o.health.silence(now) > o.r.cfg.Grace
}

// Health is how long the outer registry could not be read, and whether the devices
// that it governs are shut out because of that.
func (o *Outer) Health(now time.Time) (silent time.Duration, closed bool) {
	return o.health.silence(now), o.closed(now)
}

// failed keeps the books on a reading that failed, and logs the first of a silence.
func (o *Outer) failed(err error, now time.Time) {
	o.health.errors.Add(1)
	closed := o.closed(now)
	if !o.silent {
		o.silent = true
		o.cfg.Log.Error("the outer device registry cannot be read; its last word holds", "registry", o.cfg.Name, "for", o.r.cfg.Grace, "err", err)
		if !closed {
			o.cfg.Health(true, false)
		}
	}
	if !o.shut && closed {
		o.shut = true
		o.cutAll()
		o.cfg.Health(true, true)
	}
}

// cutAll ends the sessions of everybody it governs, once it has closed.
func (o *Outer) cutAll() {
	r := o.r
	r.admin.Lock()
	defer r.admin.Unlock()
	for _, e := range *r.index.Load() {
		if before := e.view(); before.Source != "" && before.Status == haechi.Approved {
			after := before
			unknown(&after)
			r.cfg.OnChange(before, after)
		}
	}
}

// Stats are the bounds: rows read and pending ones among them, changes of status,
// devices offered and what came of it, rows that no device can have, rows beside
// another of the same device, and failed readings.
func (o *Outer) Stats() []haechi.Counter {
	n := func(name string, v uint64) haechi.Counter {
		return haechi.Counter{Name: "outer." + name, Value: v}
	}
	return []haechi.Counter{
		n("rows", uint64(o.rows.Load())), n("pending", uint64(o.pending.Load())), n("changes", o.changes.Load()),
		n("offered", o.offered.Load()), n("offers_conflicting", o.conflicts.Load()), n("offers_refused_by_cap", o.full.Load()), n("offers_failed", o.offerErrors.Load()),
		n("rows_unfit", o.unfit.Load()), n("rows_doubled", o.doubled.Load()), n("errors", o.health.errors.Load()),
	}
}
