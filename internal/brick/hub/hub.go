package hub

import (
	"context"
	"sync"
	"sync/atomic"
)

// Hub fans values out. The zero value is not ready; use [New].
type Hub[T any] struct {
	max     int
	mu      sync.Mutex
	subs    map[*sub[T]]struct{}
	active  atomic.Int32
	dropped atomic.Uint64
	refused atomic.Uint64
}

type sub[T any] struct{ ch chan T }

// New makes a hub for at most max subscribers.
func New[T any](max int) *Hub[T] {
	return &Hub[T]{max: max, subs: make(map[*sub[T]]struct{})}
}

// Publish offers a copy of *v to every subscriber. Without subscribers it costs one load.
func (h *Hub[T]) Publish(v *T) {
	if h.active.Load() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs {
		h.offer(s, *v)
	}
}

// offer makes room by dropping the oldest value. Only Publish sends, under the
// lock, so one drop is always enough.
func (h *Hub[T]) offer(s *sub[T], v T) {
	select {
	case s.ch <- v:
		return
	default:
	}
	select {
	case <-s.ch:
		h.dropped.Add(1)
	default:
	}
	s.ch <- v
}

// Subscribe returns a channel with room for buffer values that is closed once ctx
// is done. ok is false when the hub has all the subscribers it takes.
func (h *Hub[T]) Subscribe(ctx context.Context, buffer int) (values <-chan T, ok bool) {
	s := &sub[T]{ch: make(chan T, max(buffer, 1))}
	h.mu.Lock()
	if len(h.subs) >= h.max {
		h.mu.Unlock()
		h.refused.Add(1)
		return nil, false
	}
	h.subs[s] = struct{}{}
	h.active.Add(1)
	h.mu.Unlock()
	context.AfterFunc(ctx, func() { h.remove(s) })
	return s.ch, true
}

func (h *Hub[T]) remove(s *sub[T]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.subs, s)
	h.active.Add(-1)
	close(s.ch)
}

// Dropped counts values that slow subscribers lost; Refused counts subscriptions
// beyond the maximum.
func (h *Hub[T]) Dropped() uint64 { return h.dropped.Load() }

// Refused counts subscriptions beyond the maximum.
func (h *Hub[T]) Refused() uint64 { return h.refused.Load() }
