package pipeline

import (
	"slices"
	"sync"

	"haechi"
)

// queue is a bounded queue of events with many writers and one reader, who takes
// all of it at once. When it is full, it coalesces. Its memory grows with what waits at
// once, and stays until it rests.
type queue struct {
	max    int           // events
	some   chan struct{} // something waits
	plenty chan struct{} // as much as is worth waking up for
	hurry  chan struct{} // something that a decision may follow from soon

	mu      sync.Mutex
	in      []haechi.Event
	spare   []haechi.Event // the reader's batch, given back
	spill   *spill
	spareSp *spill
	enough  int
	hurried bool // said of what waits
	closed  bool
	counts  queueCounts
}

// queueCounts are guarded by the queue's lock. All count observations, see
// [haechi.Event.N].
type queueCounts struct {
	taken     uint64 // accepted, in whatever form
	coalesced uint64 // of these, merged into an equal event
	overflow  uint64 // of these, counted in an overflow bucket
	late      uint64 // refused after the end
	peak      uint64 // the most events that ever waited
}

const plentiful = 512

func newQueue(c Config) *queue {
	return &queue{
		max:  c.Queue,
		some: make(chan struct{}, 1), plenty: make(chan struct{}, 1), hurry: make(chan struct{}, 1),
		spill: newSpill(c.Coalesce), spareSp: newSpill(c.Coalesce),
		enough: min(plentiful, c.Queue),
	}
}

// put copies the event in. actor is its hash.
func (q *queue) put(e *haechi.Event, actor uint64) {
	q.mu.Lock()
	if q.closed {
		q.counts.late += e.N()
		q.mu.Unlock()
		return
	}
	q.counts.taken += e.N()
	if len(q.in) < q.max {
		q.push(e)
	} else if q.spill.add(e, actor) {
		q.counts.coalesced += e.N()
	} else {
		q.counts.overflow += e.N()
	}
	n := len(q.in)
	hurry := e.Outcome == haechi.Failure && !q.hurried
	q.hurried = q.hurried || hurry
	q.mu.Unlock()
	if n == 1 {
		signal(q.some)
	}
	if n == q.enough {
		signal(q.plenty)
	}
	if hurry {
		signal(q.hurry)
	}
}

// push copies the event once: append would copy it to the stack before.
func (q *queue) push(e *haechi.Event) {
	n := len(q.in)
	if n == cap(q.in) {
		q.in = slices.Grow(q.in, 1)
	}
	q.in = q.in[:n+1]
	q.in[n] = *e
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take empties the queue. The reader gives both back with done.
func (q *queue) take() ([]haechi.Event, *spill) {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch, sp := q.in, q.spill
	q.counts.peak = max(q.counts.peak, uint64(len(batch)))
	q.in, q.spare = q.spare, nil
	q.spill, q.spareSp = q.spareSp, nil
	q.hurried = false
	return batch, sp
}

// done gives back what take gave, emptied, so that no text of a peer is kept alive.
func (q *queue) done(batch []haechi.Event, sp *spill) {
	clear(batch)
	sp.reset()
	q.mu.Lock()
	q.spare, q.spareSp = batch[:0], sp
	q.mu.Unlock()
}

// rest gives back the memory of what waited in a busy time.
func (q *queue) rest() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.in) == 0 {
		q.in = nil
	}
	q.spare = nil
}

// close refuses further events; what is queued can still be taken.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
}

func (q *queue) stats() queueCounts {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.counts
}
