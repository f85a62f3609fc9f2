package session

import (
	"maps"
	"slices"
	"sync/atomic"

	"haechi"
)

// rule is a decision in force. It is never changed once it is in the table.
type rule struct{ haechi.Decision }

const shards = 256 // a power of two

// store maps a key to the decisions about it. Readers take no lock; a writer
// copies the shards it changes, so that one change among 100,000 copies 400.
type store[K comparable] struct {
	parts [shards]atomic.Pointer[map[K][]*rule]
	size  atomic.Int64
	hash  func(K) uint64
}

// get returns the decisions about the key. The slice must not be changed.
func (s *store[K]) get(k K) []*rule {
	if s.size.Load() == 0 {
		return nil
	}
	part := s.parts[s.hash(k)%shards].Load()
	if part == nil {
		return nil
	}
	return (*part)[k]
}

// edit gathers changes to a store and puts them in place with one copy a shard.
type edit[K comparable] struct {
	s      *store[K]
	copies map[uint64]map[K][]*rule
	delta  int64
}

func (s *store[K]) edit() *edit[K] { return &edit[K]{s: s, copies: make(map[uint64]map[K][]*rule)} }

func (e *edit[K]) part(k K) map[K][]*rule {
	i := e.s.hash(k) % shards
	if m, ok := e.copies[i]; ok {
		return m
	}
	m := make(map[K][]*rule)
	if old := e.s.parts[i].Load(); old != nil {
		m = maps.Clone(*old)
	}
	e.copies[i] = m
	return m
}

func (e *edit[K]) add(k K, r *rule) {
	m := e.part(k)
	m[k] = append(slices.Clip(m[k]), r)
	e.delta++
}

func (e *edit[K]) remove(k K, r *rule) {
	m := e.part(k)
	left := slices.DeleteFunc(slices.Clone(m[k]), func(x *rule) bool { return x == r })
	e.delta -= int64(len(m[k]) - len(left))
	if len(left) == 0 {
		delete(m, k)
		return
	}
	m[k] = left
}

// commit publishes the copies. The size grows before and shrinks after, so that a
// reader never skips a store that holds something.
func (e *edit[K]) commit() {
	if e.delta > 0 {
		e.s.size.Add(e.delta)
	}
	for i, m := range e.copies {
		e.s.parts[i].Store(&m)
	}
	if e.delta < 0 {
		e.s.size.Add(e.delta)
	}
}
