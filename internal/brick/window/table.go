package window

import "time"

// Bounds of what is kept exactly for one key.
const (
	MaxExact    = 1024 // the highest limit of Counts
	MaxDistinct = 256  // the highest limit of Distincts
)

// Config is the shape of a table of counters.
type Config struct {
	// Window is the length of the sliding window; it must be positive.
	Window time.Duration
	// Limit is the threshold to be decided exactly: 0 to MaxExact for Counts, 0 to
	// MaxDistinct for Distincts. Others ignore it.
	Limit int
	// Keys is the most keys held at once; at least 1.
	Keys int
	// Words is the budget of 8-byte words that all keys share for exact times;
	// 0 means 16 a key, or more for few keys. Sums and Shares need none.
	Words int
}

// Sample is one observation.
type Sample struct {
	// N is how many equal observations it stands for. 0 only reads, and makes no
	// difference but that the key is known afterwards.
	N uint64
	// Value is the hash of the value for Distincts, the amount of one observation
	// for Sums, and the hits among N for Shares.
	Value uint64
}

// Memo is two words that the caller keeps about a key; they are zero for a new
// key and forgotten with it.
type Memo struct {
	Time  int64
	Value uint64
}

// Reading is what a window holds after a sample.
type Reading struct {
	// Value is the count, the number of distinct values, the sum, or the share.
	Value float64
	// Total is the number of observations behind a share; otherwise it is Value.
	Total float64
	// First is the time of the oldest observation kept, in Unix nanoseconds.
	First int64
	// Memo belongs to the caller, and is valid until the next call on the table.
	Memo *Memo
}

// Counter is what all tables of this package have in common.
type Counter interface {
	// Add takes a sample of the key at a time in Unix nanoseconds. It reports
	// false, and takes nothing, when the table is full of keys that are not idle.
	Add(key uint64, at int64, s Sample) (Reading, bool)
	// Expire forgets the keys that were last seen before the time.
	Expire(before int64)
	// Len is the number of keys held.
	Len() int
	// Refused counts samples refused because the table was full, and Cut the
	// observations forgotten because the budget of words was spent.
	Refused() uint64
	Cut() uint64
}

const none = int32(-1)

// entry is one key, linked from the key seen last to the one idle for longest.
type entry[V any] struct {
	key          uint64
	last         int64
	newer, older int32
	memo         Memo
	val          V
}

// table is the bounded map from keys to values.
type table[V any] struct {
	index          map[uint64]int32
	entries        []entry[V]
	newest, oldest int32
	free           []int32
	max            int
	window         int64
	refused        uint64
	reset          func(*V) // gives back what the value holds
}

func newTable[V any](c Config, reset func(*V)) table[V] {
	return table[V]{index: map[uint64]int32{}, newest: none, oldest: none,
		max: max(1, c.Keys), window: max(1, int64(c.Window)), reset: reset}
}

// get finds or makes the key's entry and marks it as seen. It returns nil when the
// table is full.
func (t *table[V]) get(key uint64, at int64) *entry[V] {
	i, ok := t.index[key]
	if !ok {
		if i = t.place(at); i == none {
			t.refused++
			return nil
		}
		t.index[key] = i
		t.entries[i].key, t.entries[i].last = key, at
		t.link(i)
		return &t.entries[i]
	}
	if t.newest != i {
		t.unlink(i)
		t.link(i)
	}
	e := &t.entries[i]
	switch {
	case at > e.last:
		e.last = at
	case e.last-at >= t.window: // a step back of the clock
		t.reset(&e.val)
		e.memo, e.last = Memo{}, at
	}
	return e
}

// place finds room for one more key: unused, or that of the idle one.
func (t *table[V]) place(at int64) int32 {
	if n := len(t.free); n > 0 {
		i := t.free[n-1]
		t.free = t.free[:n-1]
		return i
	}
	if len(t.entries) < t.max {
		t.entries = append(t.entries, entry[V]{})
		return int32(len(t.entries) - 1)
	}
	i := t.oldest
	if d := at - t.entries[i].last; d < t.window && d > -t.window {
		return none
	}
	t.drop(i)
	return i
}

func (t *table[V]) drop(i int32) {
	t.unlink(i)
	e := &t.entries[i]
	delete(t.index, e.key)
	t.reset(&e.val)
	e.memo = Memo{}
}

func (t *table[V]) link(i int32) {
	e := &t.entries[i]
	e.newer, e.older = none, t.newest
	if t.newest != none {
		t.entries[t.newest].newer = i
	} else {
		t.oldest = i
	}
	t.newest = i
}

func (t *table[V]) unlink(i int32) {
	e := &t.entries[i]
	if e.newer != none {
		t.entries[e.newer].older = e.older
	} else {
		t.newest = e.older
	}
	if e.older != none {
		t.entries[e.older].newer = e.newer
	} else {
		t.oldest = e.newer
	}
}

// Expire forgets the keys that were last seen before the time. Once none is left, the
// memory that many took is given back.
func (t *table[V]) Expire(before int64) {
	for t.oldest != none && t.entries[t.oldest].last < before {
		i := t.oldest
		t.drop(i)
		t.free = append(t.free, i)
	}
	if t.oldest == none && len(t.entries) > spare {
		t.index, t.entries, t.free = map[uint64]int32{}, nil, nil
	}
}

// spare is how many keys' memory an empty table keeps.
const spare = 256

// Len is the number of keys held.
func (t *table[V]) Len() int { return len(t.index) }

// Refused counts samples of new keys that found the table full.
func (t *table[V]) Refused() uint64 { return t.refused }
