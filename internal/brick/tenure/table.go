package tenure

import (
	"sync"
	"time"
)

// Forget is how long a key is remembered that is not met again.
const Forget = 30 * 24 * time.Hour

const (
	ways   = 8 // keys in a bucket
	shards = 64
)

// Table remembers keys. Times have the resolution of a second.
type Table struct {
	buckets uint64
	locks   [shards]sync.Mutex
	entries []entry
}

type entry struct {
	tag         uint32
	first, last uint32 // seconds + 1; 0: free
}

// New returns a table for about so many keys, at least 64: 12 bytes each, taken now.
func New(keys int) *Table {
	n := uint64(max(keys, 64)+ways-1) / ways
	return &Table{buckets: n, entries: make([]entry, n*ways)}
}

// Since is for how long the key has been known; 0 for one that is not. now is monotonic
// time since any origin, of a second or more of resolution.
func (t *Table) Since(key uint64, now time.Duration) time.Duration {
	at, mu := t.bucket(key)
	mu.Lock()
	defer mu.Unlock()
	s := stamp(now)
	for i := range at {
		if e := &at[i]; e.first != 0 && e.tag == uint32(key) && !e.stale(s) {
			return time.Duration(s-min(e.first, s)) * time.Second
		}
	}
	return 0
}

// Met notes that the key is known.
func (t *Table) Met(key uint64, now time.Duration) {
	at, mu := t.bucket(key)
	mu.Lock()
	defer mu.Unlock()
	s := stamp(now)
	least := &at[0]
	for i := range at {
		e := &at[i]
		if e.first != 0 && e.tag == uint32(key) {
			if e.stale(s) {
				e.first = s
			}
			e.last = max(e.last, s)
			return
		}
		if e.weight(s) < least.weight(s) {
			least = e
		}
	}
	*least = entry{tag: uint32(key), first: s, last: s}
}

// weight is for how long the key has been known, one more than that in seconds; 0 for
// a free place and for one that counts for nothing any more.
func (e *entry) weight(now uint32) uint32 {
	if e.first == 0 || e.stale(now) {
		return 0
	}
	return e.last - e.first + 1
}

func (e *entry) stale(now uint32) bool {
	return now > e.last && time.Duration(now-e.last)*time.Second > Forget
}

func stamp(now time.Duration) uint32 { return uint32(now/time.Second) + 1 }

// bucket is where the key is, if it is known, and what guards it.
func (t *Table) bucket(key uint64) ([]entry, *sync.Mutex) {
	i := (key >> 32) % t.buckets
	return t.entries[i*ways : i*ways+ways], &t.locks[i%shards]
}
