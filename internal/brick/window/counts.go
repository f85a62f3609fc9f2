package window

import "math"

// times is what was observed of one key: mostly a single observation, which needs no
// memory of its own.
type times struct {
	one  int64 // when that was, and mark; 0: there is none, or more holds it
	more *ring // nil: at most one
}

// mark makes of a time, of which 0 is one, what is never 0.
const mark = math.MinInt64

// ring is the newest observation times, oldest at head.
type ring struct {
	ring    []int64
	head, n int32
	// over counts by sub-window once there were more observations than the ring
	// holds; nil before that. It never counts one for longer than the window, so
	// whichever says more is right.
	over *buckets
}

func (t *ring) at(i int32) int64 {
	if i += t.head; int(i) >= len(t.ring) {
		i -= int32(len(t.ring))
	}
	return t.ring[i]
}

func (t *ring) expire(until int64) {
	for t.n > 0 && t.ring[t.head] <= until {
		t.pop()
	}
}

func (t *ring) pop() {
	t.n--
	if t.head++; int(t.head) == len(t.ring) {
		t.head = 0
	}
}

func (t *ring) push(at int64) {
	i := t.head + t.n
	if int(i) >= len(t.ring) {
		i -= int32(len(t.ring))
	}
	t.ring[i] = at
	t.n++
}

// Counts is how often each key was observed within the window.
type Counts struct {
	table[times]
	words
	spare []*buckets
	rings []*ring
}

// NewCounts makes a table of counts. A Limit outside 0 to MaxExact is brought
// into that range.
func NewCounts(c Config) *Counts {
	n := &Counts{words: newWords(c, min(max(c.Limit, 0), MaxExact)+1)}
	n.table = newTable(c, n.release)
	return n
}

func (c *Counts) release(t *times) {
	if r := t.more; r != nil {
		c.give(r.ring)
		if r.over != nil {
			c.spare = append(c.spare, r.over)
		}
		*r = ring{}
		c.rings = append(c.rings, r)
	}
	*t = times{}
}

// Add implements [Counter].
func (c *Counts) Add(key uint64, at int64, s Sample) (Reading, bool) {
	e := c.get(key, at)
	if e == nil {
		return Reading{}, false
	}
	at = e.last
	t := &e.val
	c.expire(t, at)
	switch {
	case t.more != nil:
		c.count(t.more, at, s.N)
	case t.one == 0 && s.N == 1:
		t.one = at ^ mark
	case s.N > 0:
		c.spread(t)
		c.count(t.more, at, s.N)
	}
	r := c.read(t, at)
	r.memo = &e.memo
	return r, true
}

// expire forgets what is older than the window.
func (c *Counts) expire(t *times, at int64) {
	r := t.more
	if r == nil {
		if t.one != 0 && t.one^mark <= at-c.window {
			t.one = 0
		}
		return
	}
	r.expire(at - c.window)
	if r.over != nil && r.n == 0 {
		c.spare, r.over = append(c.spare, r.over), nil
	}
}

func (c *Counts) read(t *times, at int64) (r Reading) {
	r.First = at
	switch m := t.more; {
	case m != nil:
		if r.Value = float64(m.n); m.n > 0 {
			r.First = m.at(0)
		}
		if m.over != nil {
			r.Value = max(r.Value, m.over.total(at, c.window))
		}
	case t.one != 0:
		r.Value, r.First = 1, t.one^mark
	}
	r.Total = r.Value
	return r
}

// spread makes room for more than one observation.
func (c *Counts) spread(t *times) {
	if n := len(c.rings); n > 0 {
		t.more, c.rings = c.rings[n-1], c.rings[:n-1]
	} else {
		t.more = new(ring)
	}
	if t.one != 0 {
		c.count(t.more, t.one^mark, 1)
		t.one = 0
	}
}

// count puts n observations into the ring. Those that would push out others of the
// same instant are only counted by sub-window.
func (c *Counts) count(t *ring, at int64, n uint64) {
	if t.over != nil {
		t.over.add(at, c.window, n, 0)
	}
	for i := range min(n, uint64(c.greatest)) {
		if int(t.n) == len(t.ring) && !c.widen(t) {
			c.overflow(t, at, n-i)
			if t.n == 0 {
				return // not even the smallest block was to be had
			}
			t.pop()
		}
		t.push(at)
	}
	if n > uint64(c.greatest) {
		c.overflow(t, at, n-uint64(c.greatest))
	}
}

func (c *Counts) widen(t *ring) bool {
	ring, ok := c.grow(t.ring, int(t.head))
	if ok {
		t.ring, t.head = ring, 0
	}
	return ok
}

// overflow starts counting by sub-window: what the ring holds, and rest more.
func (c *Counts) overflow(t *ring, at int64, rest uint64) {
	if t.over != nil {
		return
	}
	if n := len(c.spare); n > 0 {
		t.over, c.spare = c.spare[n-1], c.spare[:n-1]
	} else {
		t.over = new(buckets)
	}
	*t.over = buckets{}
	for i := range t.n {
		t.over.add(t.at(i), c.window, 1, 0)
	}
	t.over.add(at, c.window, rest, 0)
}
