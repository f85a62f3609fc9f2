package ring

import "sync"

// Ring holds the last values pushed, at most its size. It is safe for concurrent
// use.
type Ring[T any] struct {
	mu     sync.Mutex
	values []T
	pushed uint64
}

// New returns a ring of size places, at least one.
func New[T any](size int) *Ring[T] {
	return &Ring[T]{values: make([]T, max(size, 1))}
}

// Push adds a value and, when the ring is full, forgets the oldest.
func (r *Ring[T]) Push(v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values[r.pushed%uint64(len(r.values))] = v
	r.pushed++
}

// Append appends the values to dst, oldest first, and returns it.
func (r *Ring[T]) Append(dst []T) []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	size := uint64(len(r.values))
	if r.pushed <= size {
		return append(dst, r.values[:r.pushed]...)
	}
	oldest := r.pushed % size
	dst = append(dst, r.values[oldest:]...)
	return append(dst, r.values[:oldest]...)
}

// Len is the number of values held.
func (r *Ring[T]) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int(min(r.pushed, uint64(len(r.values))))
}

// Pushed is how many values were ever pushed; what exceeds Len was forgotten.
func (r *Ring[T]) Pushed() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pushed
}
