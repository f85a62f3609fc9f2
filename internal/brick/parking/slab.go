package parking

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// PlaceBytes is the memory of one place, in bytes.
const PlaceBytes = int(unsafe.Sizeof(spot{}))

const (
	chunkSize = 1024
	maxChunks = 1 << 12
	maxPlaces = chunkSize * maxChunks
)

// spot is one place. word holds the generation in its upper half, which is odd while
// the place is taken; below it the parked bit, and what happened while not parked.
// waker, fd and edge change only while the place is free. The rest is the wheel's.
type spot struct {
	word  atomic.Uint64
	waker Waker
	fd    int32
	edge  bool // the kernel tells of what is to read once, whether it is parked or not

	due        uint32 // tick of the deadline, 0: none
	slot       uint32 // tick in whose slot it lies, 0: in none
	next, prev uint32 // in that slot; index+1, 0: none
}

// park parks the place, or returns what happened before it was.
func (s *spot) park(gen uint32) (due Events) {
	for {
		old := s.word.Load()
		if uint32(old>>32) != gen || old&parked != 0 {
			return 0
		}
		due, fresh := Events(old&(parked-1)), uint64(gen)<<32
		if due == 0 {
			fresh |= parked
		}
		if s.word.CompareAndSwap(old, fresh) {
			return due
		}
	}
}

// note keeps the events, or takes the place out of its rest and returns them.
func (s *spot) note(gen uint32, e Events) (due Events) {
	for {
		old := s.word.Load()
		if uint32(old>>32) != gen {
			return 0
		}
		fresh := old | uint64(e)
		if old&parked != 0 {
			due, fresh = e, uint64(gen)<<32
		} else {
			due = 0
		}
		if s.word.CompareAndSwap(old, fresh) {
			return due
		}
	}
}

// slab holds the places in chunks that never move.
type slab struct {
	max    uint32
	chunks [maxChunks]atomic.Pointer[[chunkSize]spot]

	mu      sync.Mutex
	made    uint32 // places in chunks
	free    []uint32
	taken   uint64
	refused uint64
}

// get returns the place with the index, which was taken once.
func (b *slab) get(index uint32) *spot { return &b.chunks[index/chunkSize].Load()[index%chunkSize] }

// at returns the place if it is still the one that was taken.
func (b *slab) at(p Place) *spot {
	if p.gen == 0 || p.index >= maxPlaces {
		return nil
	}
	c := b.chunks[p.index/chunkSize].Load()
	if c == nil {
		return nil
	}
	s := &c[p.index%chunkSize]
	if uint32(s.word.Load()>>32) != p.gen {
		return nil
	}
	return s
}

func (b *slab) take(fd int32, w Waker, edge bool) (Place, *spot, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken >= uint64(b.max) {
		b.refused++
		return Place{}, nil, false
	}
	if len(b.free) == 0 {
		b.chunks[b.made/chunkSize].Store(new([chunkSize]spot))
		for i := uint32(chunkSize); i > 0; i-- {
			b.free = append(b.free, b.made+i-1)
		}
		b.made += chunkSize
	}
	index := b.free[len(b.free)-1]
	b.free = b.free[:len(b.free)-1]
	b.taken++
	s := b.get(index)
	gen := uint32(s.word.Load()>>32) + 1
	s.waker, s.fd, s.edge = w, fd, edge
	s.word.Store(uint64(gen) << 32)
	return Place{index, gen}, s, true
}

func (b *slab) give(p Place, s *spot) {
	s.word.Store(uint64(p.gen+1) << 32)
	b.mu.Lock()
	defer b.mu.Unlock()
	s.waker = nil
	b.free = append(b.free, p.index)
	b.taken--
}

func (b *slab) count() (taken, refused uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taken, b.refused
}

// each calls f for every place that is taken.
func (b *slab) each(f func(Place)) {
	b.mu.Lock()
	made := b.made
	b.mu.Unlock()
	for i := range made {
		if gen := uint32(b.get(i).word.Load() >> 32); gen%2 == 1 {
			f(Place{i, gen})
		}
	}
}
