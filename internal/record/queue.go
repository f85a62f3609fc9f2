package record

import (
	"slices"
	"sync"

	"haechi"
)

// reserve is how many findings, incidents, devices and decisions still fit when
// the queue is full of events: what was concluded matters more than what was seen.
const reserve = 1024

// queue is the writer's entrance: a bounded double buffer. Whoever records appends
// to one half under a short lock while the writer works on the other, so that
// nobody waits for a disk and no memory is taken once both halves have grown to what
// comes steadily; what a burst took is given back.
type queue struct {
	max int

	mu        sync.Mutex
	in        pending
	dropped   uint64 // rows refused since the last swap
	unseen    uint64 // observations that the refused events stood for
	highWater int
}

// pending is one half of the queue.
type pending struct {
	Batch
	decisions []haechi.Decision
}

func (p *pending) rows() int { return p.Len() + len(p.decisions) }

// push copies the event once: append would copy it to the stack before.
func (p *pending) push(e *haechi.Event) {
	n := len(p.Events)
	if n == cap(p.Events) {
		p.Events = slices.Grow(p.Events, 1)
	}
	p.Events = p.Events[:n+1]
	p.Events[n] = *e
}

func (p *pending) reset() {
	clear(p.Events)
	clear(p.Findings)
	clear(p.Incidents)
	clear(p.Devices)
	clear(p.decisions)
	p.Events, p.Findings, p.Incidents = emptied(p.Events), emptied(p.Findings), emptied(p.Incidents)
	p.Devices, p.decisions = emptied(p.Devices), emptied(p.decisions)
	p.ID = BatchID{}
}

// spare is how many rows of a kind there is always room for.
const spare = 64

// emptied keeps the memory for the next rows, unless a burst left far more than these
// took.
func emptied[T any](rows []T) []T {
	if cap(rows) > spare && cap(rows) > 8*len(rows) {
		return nil
	}
	return rows[:0]
}

// event reports how many rows wait, or 0 if the event did not fit.
func (q *queue) event(e *haechi.Event) int {
	q.mu.Lock()
	n := q.in.rows()
	if n < q.max {
		q.in.push(e)
		q.mu.Unlock()
		return n + 1
	}
	q.dropped++
	q.unseen += e.N()
	q.mu.Unlock()
	return 0
}

// other runs add if one more row fits into the queue and its reserve.
func (q *queue) other(add func(p *pending)) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.in.rows()
	if n >= q.max+reserve {
		q.dropped++
		return 0
	}
	add(&q.in)
	return n + 1
}

// swap gives the writer what waits and takes back the other half, which must be
// reset; it returns what was refused since the last call.
func (q *queue) swap(other *pending) (full pending, dropped, unseen uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	full, q.in = q.in, *other
	dropped, unseen = q.dropped, q.unseen
	q.dropped, q.unseen = 0, 0
	q.highWater = max(q.highWater, full.rows())
	return full, dropped, unseen
}

func (q *queue) high() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.highWater
}
