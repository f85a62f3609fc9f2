package devices

import (
	"context"
	"slices"

	"haechi"
)

// offersAtOnce bounds the devices offered after one reading.
const offersAtOnce = 50

// offer offers the devices that wait here to the outer registry, oldest first. Each
// is offered once: a row that somebody deletes there does not come back.
func (o *Outer) offer(ctx context.Context) {
	waiting := o.waiting()
	for i, e := range waiting {
		if o.pending.Load() >= int64(o.cfg.OfferCap) {
			o.full.Add(1)
			return
		}
		if i == offersAtOnce {
			return
		}
		err := o.src.Offer(ctx, e.snapshot())
		switch haechi.KindOf(err) {
		case haechi.Conflict, haechi.Invalid:
			o.conflicts.Add(1)
			o.cfg.Log.Warn("a pending device does not fit into the outer registry; it waits here only", "registry", o.cfg.Name, "device", e.dev.Key, "err", err)
		default:
			if err != nil {
				o.refuse(err)
				return
			}
			o.offered.Add(1)
			o.pending.Add(1)
		}
		e.offered.Store(true)
		o.mute = false
	}
}

// refuse logs that nothing can be offered, once until it can again.
func (o *Outer) refuse(err error) {
	o.offerErrors.Add(1)
	if !o.mute {
		o.mute = true
		o.cfg.Log.Error("pending devices cannot be offered to the outer registry; they wait here only", "registry", o.cfg.Name, "err", err)
	}
}

// waiting are the devices that wait here and have no row: oldest first.
func (o *Outer) waiting() (out []*entry) {
	if len(o.cfg.Offers) == 0 {
		return nil
	}
	for _, e := range *o.r.index.Load() {
		w := e.word.Load()
		if w == nil || w.known || e.offered.Load() {
			continue
		}
		if d := e.snapshot(); d.Status == haechi.Pending && slices.Contains(o.cfg.Offers, d.Service) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *entry) int { return a.snapshot().FirstSeen.Compare(b.snapshot().FirstSeen) })
	return out
}
