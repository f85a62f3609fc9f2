package params

import "sync"

const (
	ways   = 8
	shards = 64
)

// table holds entries in buckets. A new one takes the place that is free, or of one that
// nobody used for long, or that one network alone used; otherwise it is refused, so that a
// flood of names takes the place of that flood's own names.
type table struct {
	locks   [shards]sync.Mutex
	buckets uint64
	entries []entry
}

func newTable(n int) *table {
	b := uint64(max(n, ways)+ways-1) / ways
	return &table{buckets: b, entries: make([]entry, b*ways)}
}

// at is the bucket of a key, and what guards it.
func (t *table) at(key uint64) ([]entry, *sync.Mutex) {
	i := (key >> 32) % t.buckets
	return t.entries[i*ways : i*ways+ways], &t.locks[i%shards]
}

func find(bucket []entry, key uint64) *entry {
	for i := range bucket {
		if bucket[i].key == key {
			return &bucket[i]
		}
	}
	return nil
}

// room makes room for a new entry; nil if there is none.
func room(bucket []entry, now uint32) *entry {
	var worst *entry
	for i := range bucket {
		e := &bucket[i]
		switch {
		case e.key == 0 || now-min(e.last, now) > forget:
			return e
		case e.count() <= 1 && (worst == nil || e.last < worst.last):
			worst = e
		}
	}
	return worst
}
