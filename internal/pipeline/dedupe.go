package pipeline

import (
	"time"

	"haechi"
)

// dedupe keeps a flood of refusals from being a flood of records: of refusals with
// equal reference, which holds for a minute, the first is recorded as it comes and
// the rest as one counted event when the minute is over or the table is full. The
// close of a refused connection has its refusal's reference and is held apart; what
// passed, though in shadow it would not have, is recorded one by one.
type dedupe struct {
	record  func(*haechi.Event)
	index   map[refusal]int
	held    []haechi.Event // Count is how many came after the first
	max     int
	merged  counter
	flushes counter
}

type refusal struct {
	ref  haechi.Reference
	kind haechi.Kind
}

func newDedupe(most int, record func(*haechi.Event)) *dedupe {
	return &dedupe{record: record, index: map[refusal]int{}, max: most}
}

func (d *dedupe) take(e *haechi.Event) {
	if e.Ref == "" || e.Outcome == haechi.Success {
		d.record(e)
		return
	}
	key := refusal{e.Ref, e.Kind}
	if i, ok := d.index[key]; ok {
		d.hold(&d.held[i], e)
		return
	}
	if len(d.held) >= d.max {
		d.flushes.add(1)
		d.flush()
	}
	d.record(e)
	d.index[key] = len(d.held)
	d.held = append(d.held, *e)
	d.held[len(d.held)-1].Count = 0
}

func (d *dedupe) hold(held, e *haechi.Event) {
	d.merged.add(e.N())
	held.Count += e.N()
	held.BytesIn += e.BytesIn
	held.BytesOut += e.BytesOut
	held.Observed = max(held.Observed, e.Observed)
	if e.Time.After(held.Time) {
		held.Time = e.Time
	}
}

// tick records what is over: references of a minute before the present one.
func (d *dedupe) tick(now time.Time) {
	minute := now.Truncate(time.Minute)
	keep := 0
	for i := range d.held {
		h := &d.held[i]
		if h.Time.Before(minute) {
			delete(d.index, refusal{h.Ref, h.Kind})
			d.emit(h)
			continue
		}
		if keep != i {
			d.held[keep] = *h
			d.index[refusal{h.Ref, h.Kind}] = keep
		}
		keep++
	}
	clear(d.held[keep:])
	d.held = d.held[:keep]
}

func (d *dedupe) flush() {
	for i := range d.held {
		d.emit(&d.held[i])
	}
	clear(d.held)
	d.held = d.held[:0]
	clear(d.index)
}

func (d *dedupe) emit(h *haechi.Event) {
	if h.Count > 0 {
		d.record(h)
	}
}
