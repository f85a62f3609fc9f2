package lru

import (
	"iter"
	"math/rand/v2"
)

const none = int32(-1)

// slab is how many entries are made at once: what is there is never copied to grow.
const slab = 64

// Table is a bounded map from keys to values. Times are numbers of any unit that only
// grow; a time before the last one counts as the last one.
type Table[K comparable, V any] struct {
	index          index
	hash           func(K, Hash) Hash
	seed           Hash
	slabs          [][]entry[K, V]
	links          []link // of the entries: close together, as a use touches three of them
	newest, oldest int32
	free           []int32
	idle           int64
	now            int64
	max            int
	refused        uint64
}

type entry[K comparable, V any] struct {
	key  K
	hash uint32
	last int64
	val  V
}

// link is an entry's place in the order of use.
type link struct{ newer, older int32 }

// New returns a table of at most max keys, at least 1. A key that was not used for idle
// may be given up for another one. hash adds the fields of a key to a hash: keys that are
// equal must hash alike. Memory grows with the keys.
func New[K comparable, V any](max int, idle int64, hash func(K, Hash) Hash) *Table[K, V] {
	if max < 1 {
		max = 1
	}
	return &Table[K, V]{hash: hash, seed: Hash(rand.Uint64()), newest: none, oldest: none, max: max, idle: idle}
}

// Use returns the key's value and marks it as used. A key that is not kept gets the
// zero value, and fresh is true. It returns nil, and counts that, when the table is full
// of keys that are not idle. The value may be used until the next call of Use or Expire.
func (t *Table[K, V]) Use(k K, now int64) (v *V, fresh bool) {
	t.now = max(t.now, now)
	if i := t.newest; i != none { // what is used is used again
		if e := t.at(i); e.key == k {
			e.last = t.now
			return &e.val, false
		}
	}
	hash := t.hashOf(k)
	if i := t.find(k, hash); i != none {
		t.unlink(i)
		t.link(i)
		e := t.at(i)
		e.last = t.now
		return &e.val, false
	}
	i := t.place()
	if i == none {
		t.refused++
		return nil, false
	}
	e := t.at(i)
	var zero V
	e.key, e.hash, e.last, e.val = k, hash, t.now, zero
	t.index.put(hash, i)
	t.link(i)
	return &e.val, true
}

func (t *Table[K, V]) hashOf(k K) uint32 {
	h := t.hash(k, t.seed)
	return uint32(h ^ h>>32)
}

func (t *Table[K, V]) at(i int32) *entry[K, V] { return &t.slabs[uint32(i)/slab][uint32(i)%slab] }

// find returns the number of a key's entry, or none.
func (t *Table[K, V]) find(k K, hash uint32) int32 {
	x := &t.index
	if len(x.slots) == 0 {
		return none
	}
	for at := hash & x.mask; ; at = (at + 1) & x.mask {
		slot := x.slots[at]
		if slot == 0 {
			return none
		}
		if i := int32(slot&numberBits) - 1; uint32(slot>>32) == hash && t.at(i).key == k {
			return i
		}
	}
}

// Peek returns the key's value without marking it as used, nil if there is none.
func (t *Table[K, V]) Peek(k K) *V {
	if i := t.find(k, t.hashOf(k)); i != none {
		return &t.at(i).val
	}
	return nil
}

// Expire gives up the keys that were last used before the time, oldest first, and
// calls gone for each unless it is nil.
func (t *Table[K, V]) Expire(before int64, gone func(K, *V)) {
	for t.oldest != none {
		i := t.oldest
		e := t.at(i)
		if e.last >= before {
			return
		}
		if gone != nil {
			gone(e.key, &e.val)
		}
		t.drop(i)
		t.free = append(t.free, i)
	}
}

// Drop gives up the key, if it is kept.
func (t *Table[K, V]) Drop(k K) {
	if i := t.find(k, t.hashOf(k)); i != none {
		t.drop(i)
		t.free = append(t.free, i)
	}
}

// All walks the keys from the one used longest ago to the newest. The table must not be
// changed meanwhile, but its values may be.
func (t *Table[K, V]) All() iter.Seq2[K, *V] {
	return func(yield func(K, *V) bool) {
		for i := t.oldest; i != none; i = t.links[i].newer {
			if e := t.at(i); !yield(e.key, &e.val) {
				return
			}
		}
	}
}

// Len is the number of keys kept, Refused how often a new one found no room.
func (t *Table[K, V]) Len() int { return t.index.used }

// Refused counts the uses of new keys that found the table full.
func (t *Table[K, V]) Refused() uint64 { return t.refused }

// place finds room for one more key: unused, or that of one that is idle.
func (t *Table[K, V]) place() int32 {
	if n := len(t.free); n > 0 {
		i := t.free[n-1]
		t.free = t.free[:n-1]
		return i
	}
	if n := len(t.links); n < t.max {
		if n%slab == 0 {
			t.slabs = append(t.slabs, make([]entry[K, V], min(slab, t.max-n)))
		}
		t.links = append(t.links, link{})
		return int32(n)
	}
	i := t.oldest
	if t.now-t.at(i).last < t.idle {
		return none
	}
	t.drop(i)
	return i
}

func (t *Table[K, V]) drop(i int32) {
	t.unlink(i)
	t.index.cut(t.at(i).hash, i)
}

func (t *Table[K, V]) link(i int32) {
	t.links[i] = link{none, t.newest}
	if t.newest != none {
		t.links[t.newest].newer = i
	} else {
		t.oldest = i
	}
	t.newest = i
}

func (t *Table[K, V]) unlink(i int32) {
	l := t.links[i]
	if l.newer != none {
		t.links[l.newer].older = l.older
	} else {
		t.newest = l.older
	}
	if l.older != none {
		t.links[l.older].newer = l.newer
	} else {
		t.oldest = l.newer
	}
}
