package decide

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"haechi"
)

// slot is where at most one open decision lives.
type slot struct {
	scope   haechi.Scope
	service string
	mode    haechi.Mode
	origin  haechi.Origin
}

func slotOf(d *haechi.Decision) slot {
	return slot{d.Scope, d.Service, d.Mode, d.Origin}
}

// entry is an open decision.
type entry struct {
	haechi.Decision
	// promised is how long the rules that found something asked for themselves:
	// the decision may change, but not end before that.
	promised time.Time
}

// promise notes what a ruling promises. To be watched for an hour is no reason to be
// denied for one: such a promise is kept by a watch, and by nothing stronger.
func (e *entry) promise(now time.Time, r ruling) {
	if e.Action == haechi.Watch && r.action > haechi.Watch {
		e.promised = time.Time{}
	}
	if r.promise <= 0 || r.action == haechi.Watch && e.Action > haechi.Watch {
		return
	}
	e.promised = later(e.promised, wholeSecond(now.Add(r.promise)))
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// wholeSecond rounds up, so that a burst of findings extends a decision, and
// thereby writes it, at most once a second.
func wholeSecond(t time.Time) time.Time {
	if down := t.Truncate(time.Second); down.Before(t) {
		return down.Add(time.Second)
	}
	return t
}

// book holds the open decisions.
type book struct {
	bySlot map[slot]*entry
	byID   map[haechi.Reference]*entry
	max    int
	seq    uint64
	next   time.Time // no decision ends before this; zero: none has an end
}

func newBook(limit int) *book {
	return &book{
		bySlot: make(map[slot]*entry),
		byID:   make(map[haechi.Reference]*entry),
		max:    limit,
	}
}

// find returns the open decision in the slot, or nil; one that is over is dropped.
func (b *book) find(s slot, now time.Time) *entry {
	d := b.bySlot[s]
	if d != nil && !d.Open(now) {
		b.drop(d)
		return nil
	}
	return d
}

// room reports whether one more decision fits.
func (b *book) room(now time.Time) bool {
	if len(b.byID) >= b.max {
		b.expire(now)
	}
	return len(b.byID) < b.max
}

// add puts the decision in its slot; one that was there goes.
func (b *book) add(e *entry) {
	s := slotOf(&e.Decision)
	if old := b.bySlot[s]; old != nil {
		b.drop(old)
	}
	if old := b.byID[e.ID]; old != nil {
		b.drop(old)
	}
	b.bySlot[s], b.byID[e.ID] = e, e
	b.ends(e)
}

// ends notes when to look for ended decisions next.
func (b *book) ends(e *entry) {
	if !e.Until.IsZero() && (b.next.IsZero() || e.Until.Before(b.next)) {
		b.next = e.Until
	}
}

func (b *book) drop(e *entry) {
	delete(b.bySlot, slotOf(&e.Decision))
	delete(b.byID, e.ID)
}

// newID makes a reference that no open decision has. The sequence tells apart
// what is decided twice within one instant; the nanosecond, what two runs decide.
func (b *book) newID(what string, s haechi.Scope, now time.Time) haechi.Reference {
	for {
		b.seq++
		id := haechi.NewReference(fmt.Sprintf("%s\x00%d\x00%d", what, now.UnixNano(), b.seq), s.String(), now)
		if b.byID[id] == nil {
			return id
		}
	}
}

// expire drops what is over. It walks the table only when something can be, so that
// a full table costs a flood of findings nothing.
func (b *book) expire(now time.Time) {
	if b.next.IsZero() || now.Before(b.next) {
		return
	}
	b.next = time.Time{}
	for _, e := range b.byID {
		if e.Open(now) {
			b.ends(e)
		} else {
			b.drop(e)
		}
	}
}

// open copies the open decisions, in no order.
func (b *book) open(now time.Time) []haechi.Decision {
	out := make([]haechi.Decision, 0, len(b.byID))
	for _, e := range b.byID {
		if e.Open(now) {
			out = append(out, e.copy())
		}
	}
	return out
}

// byStart sorts by start, oldest first. It moves places rather than decisions,
// which are large.
func byStart(ds []haechi.Decision) []haechi.Decision {
	order := make([]int32, len(ds))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int {
		return cmp.Or(ds[i].From.Compare(ds[j].From), strings.Compare(string(ds[i].ID), string(ds[j].ID)))
	})
	out := make([]haechi.Decision, len(ds))
	for i, from := range order {
		out[i] = ds[from]
	}
	return out
}

func (e *entry) copy() haechi.Decision {
	out := e.Decision
	out.Findings = slices.Clone(e.Findings)
	return out
}

// maxFindings bounds the references a decision keeps, newest last.
const maxFindings = 16

func (e *entry) cite(ref haechi.Reference) {
	if ref == "" || slices.Contains(e.Findings, ref) {
		return
	}
	if len(e.Findings) >= maxFindings {
		e.Findings = slices.Delete(e.Findings, 0, 1)
	}
	e.Findings = append(e.Findings, ref)
}
