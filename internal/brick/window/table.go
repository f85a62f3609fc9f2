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
// key and forgotten with it. They take memory once they are asked for: most keys never
// reach a threshold.
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

	memo **Memo // nil until it is asked for
}

// Memo belongs to the caller, and is valid until the next call on the table.
func (r Reading) Memo() *Memo {
	if *r.memo == nil {
		*r.memo = new(Memo)
	}
	return *r.memo
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

// slab is how many entries are made at once: what is there is never copied to grow, and
// so many of those that count fill one of the allocator's sizes.
const slab = 85

// entry is one key, linked from the key seen last to the one idle for longest. A free one
// is linked by older alone.
type entry[V any] struct {
	key          uint64
	last         int64
	newer, older int32
	memo         *Memo
	val          V
}

// table is the bounded map from keys to values.
type table[V any] struct {
	index          index
	slabs          [][]entry[V]
	made           int
	newest, oldest int32
	free           int32
	max            int
	window         int64
	refused        uint64
	reset          func(*V) // gives back what the value holds
}

func newTable[V any](c Config, reset func(*V)) table[V] {
	return table[V]{newest: none, oldest: none, free: none, max: max(1, c.Keys), window: max(1, int64(c.Window)), reset: reset}
}

func (t *table[V]) at(i int32) *entry[V] { return &t.slabs[uint32(i)/slab][uint32(i)%slab] }

// find returns the number of the key's entry, or none.
func (t *table[V]) find(key uint64) int32 {
	x := &t.index
	if len(x.slots) == 0 {
		return none
	}
	for at := home(key); ; at++ {
		i := x.slots[at&x.mask] - 1
		if i == none || t.at(i).key == key {
			return i
		}
	}
}

func (t *table[V]) keyOf(i int32) uint64 { return t.at(i).key }

// get finds or makes the key's entry and marks it as seen. It returns nil when the
// table is full.
func (t *table[V]) get(key uint64, at int64) *entry[V] {
	i := t.find(key)
	if i == none {
		if i = t.place(at); i == none {
			t.refused++
			return nil
		}
		e := t.at(i)
		e.key, e.last = key, at
		t.index.put(key, i, t.keyOf)
		t.link(i)
		return e
	}
	if t.newest != i {
		t.unlink(i)
		t.link(i)
	}
	e := t.at(i)
	switch {
	case at > e.last:
		e.last = at
	case e.last-at >= t.window: // a step back of the clock
		t.reset(&e.val)
		e.memo, e.last = nil, at
	}
	return e
}

// place finds room for one more key: unused, or that of the idle one.
func (t *table[V]) place(at int64) int32 {
	if i := t.free; i != none {
		t.free = t.at(i).older
		return i
	}
	if t.made < t.max {
		if t.made%slab == 0 {
			t.slabs = append(t.slabs, make([]entry[V], min(slab, t.max-t.made)))
		}
		t.made++
		return int32(t.made - 1)
	}
	i := t.oldest
	if d := at - t.at(i).last; d < t.window && d > -t.window {
		return none
	}
	t.drop(i)
	return i
}

func (t *table[V]) drop(i int32) {
	t.unlink(i)
	e := t.at(i)
	t.index.cut(e.key, i, t.keyOf)
	t.reset(&e.val)
	e.memo = nil
}

func (t *table[V]) link(i int32) {
	e := t.at(i)
	e.newer, e.older = none, t.newest
	if t.newest != none {
		t.at(t.newest).newer = i
	} else {
		t.oldest = i
	}
	t.newest = i
}

func (t *table[V]) unlink(i int32) {
	e := t.at(i)
	if e.newer != none {
		t.at(e.newer).older = e.older
	} else {
		t.newest = e.older
	}
	if e.older != none {
		t.at(e.older).newer = e.newer
	} else {
		t.oldest = e.newer
	}
}

// Expire forgets the keys that were last seen before the time. Once none is left, the
// memory that many took is given back.
func (t *table[V]) Expire(before int64) {
	for t.oldest != none && t.at(t.oldest).last < before {
		i := t.oldest
		t.drop(i)
		t.at(i).older, t.free = t.free, i
	}
	if t.oldest == none && t.made > spare {
		t.index, t.slabs, t.made, t.free = index{}, nil, 0, none
	}
}

// spare is how many keys' memory an empty table keeps.
const spare = 256

// Len is the number of keys held.
func (t *table[V]) Len() int { return t.index.used }

// Refused counts samples of new keys that found the table full.
func (t *table[V]) Refused() uint64 { return t.refused }
