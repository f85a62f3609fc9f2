package enforce

import (
	"context"
	"log/slog"
	"sync/atomic"

	"haechi"
)

// Fan puts decisions into force at several enforcers at once. The first answers for
// all: what it refuses is refused, and what it has is in force. The others are given
// what they take; one that fails is logged and counted, and the reconciler makes it up.
type Fan struct {
	first  Enforcer
	others []Enforcer
	log    *slog.Logger
	failed atomic.Uint64
}

// NewFan makes a fan; log may be nil.
func NewFan(log *slog.Logger, first Enforcer, others ...Enforcer) *Fan {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Fan{first: first, others: others, log: log}
}

// Apply puts the batch into force at the first, or none of it, and then at the others.
// A decision that an enforcer does not take any more is lifted there.
func (f *Fan) Apply(ctx context.Context, ds []haechi.Decision) error {
	if err := f.first.Apply(ctx, ds); err != nil {
		return err
	}
	for _, e := range f.others {
		taken, rest := split(e, ds)
		f.note(e, e.Lift(ctx, rest))
		if len(taken) > 0 {
			f.note(e, e.Apply(ctx, taken))
		}
	}
	return nil
}

// Lift takes decisions out of force, everywhere.
func (f *Fan) Lift(ctx context.Context, ids []haechi.Reference) error {
	for _, e := range f.others { // who is let in again is let in everywhere
		f.note(e, e.Lift(ctx, ids))
	}
	return f.first.Lift(ctx, ids)
}

// InForce is what the first enforces.
func (f *Fan) InForce(ctx context.Context) ([]haechi.Decision, error) { return f.first.InForce(ctx) }

// Failed is how often one of the others failed.
func (f *Fan) Failed() uint64 { return f.failed.Load() }

func (f *Fan) note(e Enforcer, err error) {
	if err == nil {
		return
	}
	f.failed.Add(1)
	f.log.Error("an enforcer failed; what it lacks is enforced in process, and tried again", "enforcer", e.Name(), "err", err)
}

// split says what the enforcer takes, and the references of what it does not.
func split(e Enforcer, ds []haechi.Decision) (taken []haechi.Decision, rest []haechi.Reference) {
	sel, selective := e.(Selective)
	for i := range ds {
		if !selective || sel.Takes(&ds[i]) {
			taken = append(taken, ds[i])
		} else {
			rest = append(rest, ds[i].ID)
		}
	}
	return taken, rest
}
