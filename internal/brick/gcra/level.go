package gcra

import (
	"math/bits"
	"sync/atomic"
)

const (
	growth     = 8    // times the size of the level before
	leastKeys  = 1024 // for which the first level has room, or a few more
	crowded    = 7    // buckets from home within which a key finds room in a level that may yet be followed
	sweepAhead = 4    // buckets of a left level that are looked at for each key that comes
)

// level is the table at one of its sizes. A table begins small; once a level is crowded,
// the next one takes the new keys, and from those before the keys that are asked for. What
// nobody asks for stays where it is until its time has passed.
type level struct {
	size    int // place in Table.sizes
	buckets uint64
	words   []uint32
	older   atomic.Pointer[level] // the level before, until nothing in it matters
	swept   uint64                // buckets of which nothing matters, once it was left; under Table.growing
}

// newLevel has maxReach buckets more than are home to keys, so that a key's buckets never
// wrap around: locks of a level are always taken in rising order and cannot deadlock.
func newLevel(size int, buckets uint64) *level {
	return &level{size: size, buckets: buckets, words: make([]uint32, (int(buckets)+maxReach)*line)}
}

// place takes a key's home from the high bits of its hash, its tag from the low ones (the
// five lowest are for the distance from home).
func (l *level) place(hash uint64) (home uint64, tag uint32) {
	home, _ = bits.Mul64(hash, l.buckets)
	return home, uint32(hash) &^ maxReach
}

func (l *level) bucket(i uint64) bucket {
	at := int(i) * line
	return bucket(l.words[at : at+line : at+line])
}

// sizesFor are the levels' buckets, rising to those for the whole capacity.
func sizesFor(capacity, windows int) (sizes []uint64) {
	keys := []int{capacity}
	for n := capacity / growth; n >= leastKeys; n /= growth {
		keys = append(keys, n)
	}
	for i := len(keys) - 1; i >= 0; i-- {
		sizes = append(sizes, uint64(float64(keys[i])/keysFor(windows))+1)
	}
	return sizes
}

// last reports whether the level is as large as the table may become.
func (t *Table) last(l *level) bool { return l.size == len(t.sizes)-1 }

// reachOf is how far from its home a key is put into the level.
func (t *Table) reachOf(l *level) int {
	if t.last(l) {
		return maxReach
	}
	return crowded
}

// grow follows the level by the next, unless somebody else did.
//
// Nobody charges a level that was left: who has locked a key's home looks whether the
// level is the newest still, and whoever looks a key up in an older one holds its home in
// the newest and has locked it here after the level was left.
func (t *Table) grow(from *level) {
	t.growing.Lock()
	defer t.growing.Unlock()
	if t.top.Load() != from {
		return
	}
	l := newLevel(from.size+1, t.sizes[from.size+1])
	l.older.Store(from)
	t.top.Store(l)
}

// sweep looks at some buckets of the oldest level, in rising order, and gives it up once
// nothing in it matters. Nothing new comes behind: nothing is put into a level that was
// left, but by those who had locked a home before, which is not further on.
func (t *Table) sweep(c call) {
	if !t.growing.TryLock() {
		return
	}
	defer t.growing.Unlock()
	from, l := t.top.Load(), t.top.Load().older.Load()
	if l == nil {
		return
	}
	for o := l.older.Load(); o != nil; o = l.older.Load() {
		from, l = l, o
	}
	for range sweepAhead {
		if l.swept == l.buckets+maxReach {
			from.older.Store(nil)
			return
		}
		b := l.bucket(l.swept)
		t.enter(b, &c)
		n := t.alive(b, &c)
		b.unlock()
		if n > 0 {
			return
		}
		l.swept++
	}
}

// levels calls f for every level, the newest first.
func (t *Table) levels(f func(*level)) {
	for l := t.top.Load(); l != nil; l = l.older.Load() {
		f(l)
	}
}
