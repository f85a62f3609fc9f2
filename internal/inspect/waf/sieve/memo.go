package sieve

import (
	"hash/maphash"
	"sync/atomic"
)

const (
	memoSlots = 1 << 13 // values remembered at most
	memoBytes = 512     // of the longest value that is remembered
)

// memo remembers what short values came to: user agents, cookies and the names of
// parameters come again and again. It is bounded: a value that falls on the slot of
// another takes it. A value is taken in the second time it is seen, so that values that
// never come again cost no memory.
type memo struct {
	seed  maphash.Seed
	slots []atomic.Pointer[remembered]
	seen  []atomic.Uint32 // by slot: of the value last seen
}

// remembered is a value with the predicates that match it. It never changes.
type remembered struct {
	class   uint32
	value   string
	matched []int32
}

func newMemo() *memo {
	return &memo{seed: maphash.MakeSeed(), slots: make([]atomic.Pointer[remembered], memoSlots), seen: make([]atomic.Uint32, memoSlots)}
}

// look returns what is remembered of a value, and its hash.
func (m *memo) look(c *class, value []byte) (*remembered, uint64) {
	if len(value) > memoBytes {
		return nil, 0
	}
	h := maphash.Bytes(m.seed, value) ^ uint64(c.id)*0x9e3779b97f4a7c15
	r := m.slots[h%memoSlots].Load()
	if r != nil && r.class == c.id && r.value == string(value) {
		return r, h
	}
	return nil, h
}

// keep remembers a value that was seen before.
func (m *memo) keep(h uint64, c *class, value []byte, matched []int32) {
	if h == 0 {
		return
	}
	mark := uint32(h>>32) | 1
	if m.seen[h%memoSlots].Swap(mark) != mark {
		return
	}
	m.slots[h%memoSlots].Store(&remembered{class: c.id, value: string(value), matched: append([]int32(nil), matched...)})
}
