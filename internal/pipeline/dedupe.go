package pipeline

import (
	"time"

	"haechi"
)

// dedupe keeps a flood of refusals from being a flood of records: of refusals with
// equal reference, which holds for a minute, the first is recorded as it comes and
// the rest as counted events: one every lag while they come, and one when the minute
// is over or the table is full. So what is shown is at most that old. The
// close of a refused connection has its refusal's reference and is held apart; what
// passed, though in shadow it would not have, is recorded one by one.
type dedupe struct {
	record  func(*haechi.Event)
	index   map[refusal]int
	held    []held
	max     int
	merged  counter
	flushes counter
}

// lag is how long what came after the first may wait for its record.
const lag = 5 * time.Second

// held is what came after the first, or after the last record: Count of them.
type held struct {
	haechi.Event
	told time.Time // of the last record
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
		d.hold(&d.held[i].Event, e)
		return
	}
	if len(d.held) >= d.max {
		d.flushes.add(1)
		d.flush()
	}
	d.record(e)
	d.index[key] = len(d.held)
	d.held = append(d.held, held{*e, e.Time})
	d.held[len(d.held)-1].empty()
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

// empty leaves nothing to be recorded.
func (h *held) empty() { h.Count, h.BytesIn, h.BytesOut = 0, 0, 0 }

// tick records what has waited long enough, and forgets what is over: references of
// a minute before the present one.
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
		if now.Sub(h.told) >= lag {
			d.emit(h)
			h.told = now
			h.empty()
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

func (d *dedupe) emit(h *held) {
	if h.Count > 0 {
		d.record(&h.Event)
	}
}
