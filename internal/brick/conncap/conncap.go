package conncap

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
)

const shards = 64

// Cap counts connections by client key. It is safe for concurrent use.
type Cap struct {
	max      int32
	capacity int64
	seed     maphash.Seed
	clients  atomic.Int64
	count    atomic.Int64
	refused  atomic.Uint64
	shards   [shards]shard
}

type shard struct {
	mu   sync.Mutex
	held map[netip.Prefix]int32
}

// New returns a cap of max connections a client, for at most capacity clients
// with a connection at the same time. Both are at least 1.
func New(max, capacity int) *Cap {
	c := &Cap{max: int32(min(max1(max), 1<<30)), capacity: int64(max1(capacity)), seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].held = make(map[netip.Prefix]int32)
	}
	return c
}

func max1(n int) int { return max(n, 1) }

// Acquire takes a place for the client and reports whether it got one. Every
// true needs one [Cap.Release].
func (c *Cap) Acquire(client netip.Prefix) bool {
	s := c.shard(client)
	s.mu.Lock()
	ok := c.take(s, client)
	s.mu.Unlock()
	if !ok {
		c.refused.Add(1)
		return false
	}
	c.count.Add(1)
	return true
}

func (c *Cap) take(s *shard, client netip.Prefix) bool {
	held := s.held[client]
	if held >= c.max {
		return false
	}
	if held == 0 && c.clients.Add(1) > c.capacity {
		c.clients.Add(-1)
		return false
	}
	s.held[client] = held + 1
	return true
}

// Release gives a place back. A client that holds none is left alone.
func (c *Cap) Release(client netip.Prefix) {
	s := c.shard(client)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch held := s.held[client]; {
	case held <= 0:
		return
	case held == 1:
		delete(s.held, client)
		c.clients.Add(-1)
	default:
		s.held[client] = held - 1
	}
	c.count.Add(-1)
}

// Count is the number of places taken, over all clients.
func (c *Cap) Count() int { return int(c.count.Load()) }

// Clients is the number of clients that hold a place.
func (c *Cap) Clients() int { return int(c.clients.Load()) }

// Held is the number of places the client holds.
func (c *Cap) Held(client netip.Prefix) int {
	s := c.shard(client)
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.held[client])
}

// Full reports whether Acquire would answer no for the client, as far as its own places
// go.
func (c *Cap) Full(client netip.Prefix) bool { return c.Held(client) >= int(c.max) }

// Refused is how many times Acquire answered no since New.
func (c *Cap) Refused() uint64 { return c.refused.Load() }

// shard spreads clients by a seeded hash, so that nobody can aim at one lock.
func (c *Cap) shard(client netip.Prefix) *shard {
	return &c.shards[maphash.Comparable(c.seed, client)%shards]
}
