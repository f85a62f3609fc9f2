package session

import "sync"

// index finds live sessions by a key, spread over shards with a lock each. A shard is
// an open hash table of the first session of each key, a pointer and no more.
type index[K comparable] struct {
	which  int // place in live.links; -1: of one key there is one session
	hash   func(K) uint64
	key    func(*live) K
	shards [shards]heads[K]
}

func newIndex[K comparable](which int, hash func(K) uint64, key func(*live) K) *index[K] {
	return &index[K]{which: which, hash: hash, key: key}
}

func (ix *index[K]) shard(k K) (s *heads[K], hash uint64) {
	h := ix.hash(k)
	return &ix.shards[h%shards], h / shards
}

// add registers a session under a key, which is its own from then on until remove.
func (ix *index[K]) add(k K, l *live) {
	s, h := ix.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys >= len(s.slots)*3/4 {
		s.resize(ix, max(8, 2*len(s.slots)))
	}
	at := s.find(ix, k, h)
	first := s.slots[at]
	if first == nil {
		s.keys++
	}
	s.slots[at] = l
	if ix.which < 0 {
		return
	}
	l.links[ix.which] = link{next: first}
	if first != nil {
		first.links[ix.which].prev = l
	}
}

func (ix *index[K]) remove(k K, l *live) {
	s, h := ix.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.slots) == 0 {
		return
	}
	var own link
	if ix.which >= 0 {
		own = l.links[ix.which]
		l.links[ix.which] = link{}
		if own.next != nil {
			own.next.links[ix.which].prev = own.prev
		}
		if own.prev != nil {
			own.prev.links[ix.which].next = own.next
			return
		}
	}
	at := s.find(ix, k, h)
	if s.slots[at] != l {
		return
	}
	if s.slots[at] = own.next; own.next != nil {
		return
	}
	s.close(ix, at)
	if s.keys--; len(s.slots) > 8 && s.keys < len(s.slots)/8 {
		s.resize(ix, len(s.slots)/2)
	}
}

// list returns the sessions under a key.
func (ix *index[K]) list(k K) (out []*live) {
	s, h := ix.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.slots) == 0 {
		return nil
	}
	l := s.slots[s.find(ix, k, h)]
	for ; l != nil; l = l.links[ix.which].next {
		if out = append(out, l); ix.which < 0 {
			break
		}
	}
	return out
}

// heads is one shard of an index. The number of slots is a power of two, or 0.
type heads[K comparable] struct {
	mu    sync.Mutex
	slots []*live
	keys  int
}

// find is the slot of the key, or the free one where it would be.
func (s *heads[K]) find(ix *index[K], k K, hash uint64) int {
	mask := len(s.slots) - 1
	i := int(hash) & mask
	for s.slots[i] != nil && ix.key(s.slots[i]) != k {
		i = (i + 1) & mask
	}
	return i
}

func (s *heads[K]) home(ix *index[K], i int) int {
	return int(ix.hash(ix.key(s.slots[i]))/shards) & (len(s.slots) - 1)
}

// close moves whoever was pushed on past the gap back.
func (s *heads[K]) close(ix *index[K], gap int) {
	mask := len(s.slots) - 1
	for j := (gap + 1) & mask; s.slots[j] != nil; j = (j + 1) & mask {
		if home := s.home(ix, j); (j-home)&mask >= (j-gap)&mask {
			s.slots[gap], s.slots[j], gap = s.slots[j], nil, j
		}
	}
}

func (s *heads[K]) resize(ix *index[K], n int) {
	old := s.slots
	s.slots = make([]*live, n)
	for _, l := range old {
		if l != nil {
			k := ix.key(l)
			s.slots[s.find(ix, k, ix.hash(k)/shards)] = l
		}
	}
}
