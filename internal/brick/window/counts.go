package window

// times is a ring of the newest observation times, oldest at head.
type times struct {
	ring    []int64
	head, n int32
	// over counts by sub-window once there were more observations than the ring
	// holds; nil before that. It never counts one for longer than the window, so
	// whichever says more is right.
	over *buckets
}

func (t *times) at(i int32) int64 {
	if i += t.head; int(i) >= len(t.ring) {
		i -= int32(len(t.ring))
	}
	return t.ring[i]
}

func (t *times) expire(until int64) {
	for t.n > 0 && t.ring[t.head] <= until {
		t.pop()
	}
}

func (t *times) pop() {
	t.n--
	if t.head++; int(t.head) == len(t.ring) {
		t.head = 0
	}
}

func (t *times) push(at int64) {
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
}

// NewCounts makes a table of counts. A Limit outside 0 to MaxExact is brought
// into that range.
func NewCounts(c Config) *Counts {
	n := &Counts{words: newWords(c, min(max(c.Limit, 0), MaxExact)+1)}
	n.table = newTable(c, n.release)
	return n
}

func (c *Counts) release(t *times) {
	c.give(t.ring)
	if t.over != nil {
		c.spare = append(c.spare, t.over)
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
	t.expire(at - c.window)
	if t.over != nil && t.n == 0 {
		c.spare, t.over = append(c.spare, t.over), nil
	}
	c.count(t, at, s.N)
	r := Reading{Value: float64(t.n), First: at, Memo: &e.memo}
	if t.n > 0 {
		r.First = t.at(0)
	}
	if t.over != nil {
		r.Value = max(r.Value, t.over.total(at, c.window))
	}
	r.Total = r.Value
	return r, true
}

// count puts n observations into the ring. Those that would push out others of the
// same instant are only counted by sub-window.
func (c *Counts) count(t *times, at int64, n uint64) {
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

func (c *Counts) widen(t *times) bool {
	ring, ok := c.grow(t.ring, int(t.head))
	if ok {
		t.ring, t.head = ring, 0
	}
	return ok
}

// overflow starts counting by sub-window: what the ring holds, and rest more.
func (c *Counts) overflow(t *times, at int64, rest uint64) {
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
