package enforce

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"haechi"
)

// Selective is an Enforcer that cannot enforce every decision: the kernel knows
// addresses, not devices. Without it an Enforcer is given all that apply.
type Selective interface {
	// Takes reports whether the decision is enforced here.
	Takes(d *haechi.Decision) bool
}

// Watchful is an Enforcer that somebody else may change, as the kernel's packet filter.
// It can say cheaply whether somebody did.
type Watchful interface {
	// Changed reports whether anything may have changed since it was last read back.
	Changed(ctx context.Context) (bool, error)
}

// Drift is what one enforcer had other than it should.
type Drift struct {
	Missing int // should have been in force and was not
	Extra   int // was in force and should not have been
	Changed int // was in force in another form
}

// Any reports whether there was a difference.
func (d Drift) Any() bool { return d.Missing+d.Extra+d.Changed > 0 }

func (d Drift) total() uint64 { return uint64(d.Missing + d.Extra + d.Changed) }

// ReconcilerConfig is what a Reconciler is told. The zero value of every field
// means its default.
type ReconcilerConfig struct {
	// Grace is how old a decision must be for its absence to count as drift: a
	// younger one may still be on its way. It is put in force all the same. Default 2 s.
	Grace time.Duration
	// OnDrift is told of every repair that was drift. It must not block.
	OnDrift func(enforcer string, d Drift)
	// Now is the clock of Run. Default time.Now.
	Now func() time.Time
	// Log takes repairs and failures; nil discards.
	Log *slog.Logger
}

// Reconciler keeps what the enforcers enforce equal to what was decided.
type Reconciler struct {
	cfg       ReconcilerConfig
	desired   func(now time.Time) []haechi.Decision
	enforcers []Enforcer

	checking sync.Mutex // one check at a time
	last     []byID     // what each enforcer should have had at the last check
	mu       sync.Mutex
	status   []haechi.EnforcerStatus
}

// NewReconciler compares what desired lists with what each enforcer reads back.
func NewReconciler(cfg ReconcilerConfig, desired func(now time.Time) []haechi.Decision, enforcers ...Enforcer) *Reconciler {
	if cfg.Grace <= 0 {
		cfg.Grace = 2 * time.Second
	}
	if cfg.OnDrift == nil {
		cfg.OnDrift = func(string, Drift) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	r := &Reconciler{cfg: cfg, desired: desired, enforcers: enforcers,
		last: make([]byID, len(enforcers)), status: make([]haechi.EnforcerStatus, len(enforcers))}
	for i, e := range enforcers {
		r.status[i].Name = e.Name()
	}
	return r
}

// glance is how often an enforcer that is [Watchful] is asked whether it changed.
const glance = 500 * time.Millisecond

// Run checks at every interval (default 5 s), and within half a second of a change that
// an enforcer noticed, until ctx ends, and returns nil then. A failing enforcer is
// logged, shown in the status, and tried again.
func (r *Reconciler) Run(ctx context.Context, interval time.Duration) error {
	if interval <= 0 {
		interval = 5 * time.Second
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	look := time.NewTicker(glance)
	defer look.Stop()
	said := "" // a failure that lasts is logged once
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err = r.Check(ctx, r.cfg.Now()); err == nil {
				said = ""
			}
		case <-look.C:
			err = r.checkChanged(ctx, r.cfg.Now())
		}
		if err != nil && ctx.Err() == nil && err.Error() != said {
			said = err.Error()
			r.cfg.Log.Error("what is enforced could not be compared with what was decided; it is tried again", "err", err)
		}
	}
}

// checkChanged checks the enforcers that say that they changed. One that cannot say is
// checked at the next interval.
func (r *Reconciler) checkChanged(ctx context.Context, now time.Time) error {
	r.checking.Lock()
	defer r.checking.Unlock()
	var errs []error
	for i, e := range r.enforcers {
		if w, ok := e.(Watchful); ok {
			if changed, err := w.Changed(ctx); err == nil && changed {
				errs = append(errs, r.check(ctx, i, now))
			}
		}
	}
	return errors.Join(errs...)
}

// Check compares and repairs every enforcer once; one that fails does not keep the
// others from it. The error joins the failures.
func (r *Reconciler) Check(ctx context.Context, now time.Time) error {
	r.checking.Lock()
	defer r.checking.Unlock()
	var errs []error
	for i := range r.enforcers {
		errs = append(errs, r.check(ctx, i, now))
	}
	return errors.Join(errs...)
}

func (r *Reconciler) check(ctx context.Context, i int, now time.Time) error {
	name := r.enforcers[i].Name()
	d, inForce, err := r.repair(ctx, i, now)
	if err != nil {
		err = fmt.Errorf("enforcer %s: %w", name, err)
	}
	r.note(i, d, inForce, err)
	if d.Any() {
		r.cfg.Log.Warn("what was enforced differed and was repaired", "enforcer", name,
			"missing", d.Missing, "extra", d.Extra, "changed", d.Changed)
		r.cfg.OnDrift(name, d)
	}
	return err
}

func (r *Reconciler) note(i int, d Drift, inForce int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.status[i]
	s.Drift += d.total()
	s.Note = ""
	if err != nil {
		s.Note = err.Error()
		return
	}
	s.InForce = inForce
}

// Status is each enforcer as last read back; Note holds its failure, if it has one.
func (r *Reconciler) Status() []haechi.EnforcerStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]haechi.EnforcerStatus(nil), r.status...)
}

// repair reads back between two looks at what is desired, so that what is decided
// or lifted meanwhile is not taken for drift.
func (r *Reconciler) repair(ctx context.Context, i int, now time.Time) (d Drift, inForce int, err error) {
	e := r.enforcers[i]
	l := looks{last: r.last[i], before: r.wanted(e, now)}
	found, err := e.InForce(ctx)
	if err != nil {
		return d, 0, err
	}
	l.after = r.wanted(e, now)
	p := l.plan(found, now, r.cfg.Grace)
	// What is missing is put in first: what is taken out may be the same in another
	// form, and no packet may find neither.
	var errs []error
	if len(p.apply) > 0 {
		errs = append(errs, e.Apply(ctx, p.apply))
	}
	if len(p.lift) > 0 {
		errs = append(errs, e.Lift(ctx, p.lift))
	}
	if err := errors.Join(errs...); err != nil {
		return d, len(found), err
	}
	r.last[i] = l.after
	return p.drift, len(found) - len(p.lift) + p.added, nil
}

func (r *Reconciler) wanted(e Enforcer, now time.Time) byID {
	sel, selective := e.(Selective)
	out := make(byID)
	for _, d := range r.desired(now) {
		if d.Applies(now) && (!selective || sel.Takes(&d)) {
			out[d.ID] = d
		}
	}
	return out
}
