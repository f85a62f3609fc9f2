package lru

import "iter"

const none = int32(-1)

// Table is a bounded map from keys to values. Times are numbers of any unit that only
// grow; a time before the last one counts as the last one.
type Table[K comparable, V any] struct {
	index          map[K]int32
	entries        []entry[K, V]
	newest, oldest int32
	free           []int32
	idle           int64
	now            int64
	max            int
	refused        uint64
}

type entry[K comparable, V any] struct {
	key          K
	last         int64
	newer, older int32
	val          V
}

// New returns a table of at most max keys, at least 1. A key that was not used for idle
// may be given up for another one. Memory grows with the keys.
func New[K comparable, V any](max int, idle int64) *Table[K, V] {
	if max < 1 {
		max = 1
	}
	return &Table[K, V]{index: map[K]int32{}, newest: none, oldest: none, max: max, idle: idle}
}

// Use returns the key's value and marks it as used. A key that is not kept gets the
// zero value, and fresh is true. It returns nil, and counts that, when the table is full
// of keys that are not idle. The value may be used until the next call of Use or Expire.
func (t *Table[K, V]) Use(k K, now int64) (v *V, fresh bool) {
	t.now = max(t.now, now)
	if i := t.newest; i != none && t.entries[i].key == k { // what is used is used again
		t.entries[i].last = t.now
		return &t.entries[i].val, false
	}
	if i, ok := t.index[k]; ok {
		t.unlink(i)
		t.link(i)
		t.entries[i].last = t.now
		return &t.entries[i].val, false
	}
	i := t.place()
	if i == none {
		t.refused++
		return nil, false
	}
	e := &t.entries[i]
	var zero V
	e.key, e.last, e.val = k, t.now, zero
	t.index[k] = i
	t.link(i)
	return &e.val, true
}

// Peek returns the key's value without marking it as used, nil if there is none.
func (t *Table[K, V]) Peek(k K) *V {
	if i, ok := t.index[k]; ok {
		return &t.entries[i].val
	}
	return nil
}

// Expire gives up the keys that were last used before the time, oldest first, and
// calls gone for each unless it is nil.
func (t *Table[K, V]) Expire(before int64, gone func(K, *V)) {
	for t.oldest != none && t.entries[t.oldest].last < before {
		i := t.oldest
		if gone != nil {
			gone(t.entries[i].key, &t.entries[i].val)
		}
		t.drop(i)
		t.free = append(t.free, i)
	}
}

// Drop gives up the key, if it is kept.
func (t *Table[K, V]) Drop(k K) {
	if i, ok := t.index[k]; ok {
		t.drop(i)
		t.free = append(t.free, i)
	}
}

// All walks the keys from the one used longest ago to the newest. The table must not be
// changed meanwhile, but its values may be.
func (t *Table[K, V]) All() iter.Seq2[K, *V] {
	return func(yield func(K, *V) bool) {
		for i := t.oldest; i != none; i = t.entries[i].newer {
			if !yield(t.entries[i].key, &t.entries[i].val) {
				return
			}
		}
	}
}

// Len is the number of keys kept, Refused how often a new one found no room.
func (t *Table[K, V]) Len() int { return len(t.index) }

// Refused counts the uses of new keys that found the table full.
func (t *Table[K, V]) Refused() uint64 { return t.refused }

// place finds room for one more key: unused, or that of one that is idle.
func (t *Table[K, V]) place() int32 {
	if n := len(t.free); n > 0 {
		i := t.free[n-1]
		t.free = t.free[:n-1]
		return i
	}
	if len(t.entries) < t.max {
		t.entries = append(t.entries, entry[K, V]{})
		return int32(len(t.entries) - 1)
	}
	i := t.oldest
	if t.now-t.entries[i].last < t.idle {
		return none
	}
	t.drop(i)
	return i
}

func (t *Table[K, V]) drop(i int32) {
	t.unlink(i)
	delete(t.index, t.entries[i].key)
}

func (t *Table[K, V]) link(i int32) {
	e := &t.entries[i]
	e.newer, e.older = none, t.newest
	if t.newest != none {
		t.entries[t.newest].newer = i
	} else {
		t.oldest = i
	}
	t.newest = i
}

func (t *Table[K, V]) unlink(i int32) {
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
