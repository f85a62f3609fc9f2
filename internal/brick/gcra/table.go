package gcra

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// MaxWindows is how many windows a table judges in one step.
const MaxWindows = 3

const minCapacity = 16

// Config describes a [Table].
type Config struct {
	// Windows are judged together, one to three; more are ignored, none admits
	// nothing.
	Windows []Rate
	// Capacity is for how many keys with an unfinished window there is room, at
	// least 16. Memory is taken for a part of them and grows with them.
	Capacity int
	// Seed keeps others from choosing keys that collide. The zero value takes a
	// fresh one.
	Seed uint64
}

// Result is the answer to one call.
type Result struct {
	// OK admits the call.
	OK bool
	// Window is the index of the window that refuses longest or, for an admitted
	// call, is used up most.
	Window int
	// RetryAfter is when a refused call would be admitted. For a call admitted by
	// [Table.Reserve] it is how long to wait before going on.
	RetryAfter time.Duration
	// Used is how many events stand against that window at the time of the call,
	// an admitted call included.
	Used float64
}

// Stats are a table's counters since New.
type Stats struct {
	Bytes     int64  // memory of the table, now
	Slots     int    // entries there is memory for, now
	Refused   uint64 // calls refused
	Overflow  uint64 // calls judged by the shared entry, for want of room
	OverBlock uint64 // those of them that were refused
}

// Table holds the arrival times of many keys. It is safe for concurrent use.
type Table struct {
	windows, slots int
	win            [MaxWindows]window
	eraBits        uint
	seed           uint64
	sizes          []uint64 // of the levels, in buckets
	top            atomic.Pointer[level]
	growing        sync.Mutex // taken by who holds no bucket's lock
	origin         atomic.Int64

	refused, overflow, overBlock atomic.Uint64

	mu     sync.Mutex // guards shared, a bucket of one slot for keys without room
	shared bucket
}

const noOrigin = -1 << 63

// New returns a table.
func New(cfg Config) *Table {
	rates := cfg.Windows
	if len(rates) == 0 {
		rates = []Rate{{}}
	}
	rates = rates[:min(len(rates), MaxWindows)]
	t := &Table{windows: len(rates), slots: slotsFor(len(rates)), seed: cfg.Seed, shared: make(bucket, line)}
	for i, r := range rates {
		t.win[i] = newWindow(r)
	}
	t.eraBits = eraShiftFor(t.win[:t.windows])
	if t.seed == 0 {
		t.seed = maphash.Bytes(maphash.MakeSeed(), nil)
	}
	t.sizes = sizesFor(max(cfg.Capacity, minCapacity), t.windows)
	t.top.Store(newLevel(0, t.sizes[0]))
	t.origin.Store(noOrigin)
	return t
}

// Allow judges one call of the key and charges it to all windows if all admit it.
// now is monotonic nanoseconds from any origin; a time before the first call's
// counts as the first call's. cost is the number of events, at least 1; a cost
// above a window's burst is never admitted.
func (t *Table) Allow(key uint64, now int64, cost uint32) Result {
	return t.Reserve(key, now, cost, 0)
}

// Reserve is Allow for a caller that can make its peer wait: a call that would be
// admitted within maxWait is charged now, and RetryAfter says how long to wait
// before going on.
func (t *Table) Reserve(key uint64, now int64, cost uint32, maxWait time.Duration) Result {
	c := t.at(now)
	c.cost, c.maxWait = uint64(max(cost, 1)), uint64(max(maxWait, 0))
	r := t.charge(t.hash(key), &c)
	if !r.OK {
		t.refused.Add(1)
	}
	return r
}

// Peek judges a call of the key and charges nothing.
func (t *Table) Peek(key uint64, now int64, cost uint32) Result {
	c := t.at(now)
	c.cost, c.peek = uint64(max(cost, 1)), true
	r := t.charge(t.hash(key), &c)
	if !r.OK {
		t.refused.Add(1)
	}
	return r
}

// Debit charges what was spent already to all windows, admitted or not. What stands
// against a window never exceeds twice its burst, so that a key is refused for at most
// as long as its burst takes to become free.
func (t *Table) Debit(key uint64, now int64, cost uint32) {
	c := t.at(now)
	c.cost, c.debit = uint64(max(cost, 1)), true
	t.charge(t.hash(key), &c)
}

// Stats reads the counters.
func (t *Table) Stats() Stats {
	s := Stats{Refused: t.refused.Load(), Overflow: t.overflow.Load(), OverBlock: t.overBlock.Load()}
	t.levels(func(l *level) {
		s.Bytes += int64(len(l.words)) * 4
		s.Slots += len(l.words) / line * t.slots
	})
	return s
}

// Live counts the entries that still matter. It walks the whole table: for tests
// and a status page, not for a hot path.
func (t *Table) Live(now int64) (n int) {
	c := t.at(now)
	t.levels(func(l *level) {
		for i := range l.buckets + maxReach {
			b := l.bucket(i)
			t.enter(b, &c)
			n += t.alive(b, &c)
			b.unlock()
		}
	})
	return n
}

// hash mixes the key with the seed.
func (t *Table) hash(key uint64) uint64 {
	const m1, m2 = 0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53 // the finaliser of MurmurHash3
	h := key ^ t.seed
	h = (h ^ h>>33) * m1
	h = (h ^ h>>33) * m2
	return h ^ h>>33
}
