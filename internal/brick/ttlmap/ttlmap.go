package ttlmap

import (
	"sync"
	"time"
)

// Map is a bounded map with an end for each entry. It is safe for concurrent use.
type Map[K comparable, V any] struct {
	mu       sync.Mutex
	capacity int
	at       map[K]int // the place of a key in the heap
	heap     []entry[K, V]
	refused  uint64
	evicted  uint64
}

type entry[K comparable, V any] struct {
	key   K
	value V
	until time.Time
}

// New returns a map of at most capacity entries, at least one.
func New[K comparable, V any](capacity int) *Map[K, V] {
	return &Map[K, V]{capacity: max(capacity, 1), at: make(map[K]int)}
}

// Put stores the value until the given time, in place of what the key had. It
// reports false, and counts, when the map is full of other entries whose time has
// not come, or when until is not after now.
func (m *Map[K, V]) Put(key K, value V, until, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(now)
	if _, known := m.at[key]; (!known && len(m.heap) >= m.capacity) || !until.After(now) {
		m.refused++
		return false
	}
	m.set(key, value, until)
	return true
}

// Replace stores like Put, but a full map gives up the entry that would have ended
// first. It is for memories where the newest matters most, never for bans.
func (m *Map[K, V]) Replace(key K, value V, until, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(now)
	if _, known := m.at[key]; !known && len(m.heap) >= m.capacity {
		m.remove(0)
		m.evicted++
	}
	m.set(key, value, until)
}

// Get returns the value, if the key has one that has not ended.
func (m *Map[K, V]) Get(key K, now time.Time) (value V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, ok := m.at[key]
	if !ok || !m.heap[i].until.After(now) {
		return value, false
	}
	return m.heap[i].value, true
}

// Delete forgets the key and reports whether it was there.
func (m *Map[K, V]) Delete(key K) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, ok := m.at[key]
	if ok {
		m.remove(i)
	}
	return ok
}

// Sweep forgets what has ended and reports how much that was. Put does so too;
// Sweep is for callers who want the memory back without waiting for the next Put.
func (m *Map[K, V]) Sweep(now time.Time) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.expire(now)
}

// Len is the number of entries held, ended ones that were not swept included.
func (m *Map[K, V]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.heap)
}

// Counts are how many Puts were refused, and how many entries Replace gave up.
func (m *Map[K, V]) Counts() (refused, evicted uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.refused, m.evicted
}

func (m *Map[K, V]) expire(now time.Time) (n int) {
	for len(m.heap) > 0 && !m.heap[0].until.After(now) {
		m.remove(0)
		n++
	}
	return n
}
