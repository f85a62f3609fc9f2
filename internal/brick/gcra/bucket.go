package gcra

import (
	"runtime"
	"sync/atomic"
)

// A bucket's first word: bit 0 is the lock, bits 1 to 5 say how many buckets
// further on a key of this home may live, the rest is the era of its times.
const (
	lockBit    = 1
	reachShift = 1
	maxReach   = 31
	reachMask  = maxReach << reachShift
	eraShift   = 6
	maxEra     = 1<<(32-eraShift) - 1

	line  = 16 // words in a cache line, and in a bucket
	spins = 64
)

// slotsFor is how many slots of a tag and the windows' times fit behind the state
// word, and keysFor at how many keys a bucket the table counts as full: low enough
// that at its capacity every key finds room within reach.
func slotsFor(windows int) int { return (line - 1) / (1 + windows) }

func keysFor(windows int) float64 { return [...]float64{1: 4, 2: 2.7, 3: 1.8}[windows] }

// bucket is one bucket's words; all but the first are guarded by its lock.
type bucket []uint32

// lock spins: a holder does some tens of nanoseconds of work and never blocks,
// so after a few rounds only a descheduled holder can be the reason to wait.
func (b bucket) lock() {
	for i := 0; ; i++ {
		old := atomic.LoadUint32(&b[0])
		if old&lockBit == 0 && atomic.CompareAndSwapUint32(&b[0], old, old|lockBit) {
			return
		}
		if i >= spins {
			runtime.Gosched()
		}
	}
}

func (b bucket) unlock() { atomic.StoreUint32(&b[0], b.state()&^lockBit) }

// state is read atomically because others, who want the lock, try to write it.
func (b bucket) state() uint32 { return atomic.LoadUint32(&b[0]) }

// All of the following need the lock; while it is held, only its holder changes
// the state.

func (b bucket) reach() int { return int(b.state()&reachMask) >> reachShift }

func (b bucket) setReach(n int) {
	atomic.StoreUint32(&b[0], b.state()&^reachMask|uint32(n)<<reachShift)
}

func (b bucket) era() uint32 { return b.state() >> eraShift }

func (b bucket) setEra(era uint32) {
	atomic.StoreUint32(&b[0], b.state()&(1<<eraShift-1)|era<<eraShift)
}

// times are the slot's arrival times, one a window.
func (t *Table) times(b bucket, slot int) []uint32 {
	at := 1 + t.slots + slot*t.windows
	return b[at : at+t.windows : at+t.windows]
}

// live reports whether the slot still matters: some window is not back to rest.
func (t *Table) live(b bucket, slot int, c *call) bool {
	for w, tat := range t.times(b, slot) {
		if uint64(tat) > c.now[w] {
			return true
		}
	}
	return false
}

// alive counts the slots that still matter.
func (t *Table) alive(b bucket, c *call) (n int) {
	for s := range t.slots {
		if t.live(b, s, c) {
			n++
		}
	}
	return n
}

// idle is a slot that does not matter, of several the one that was used the longest ago:
// its key is the least likely to come again. It is -1 if there is none.
func (t *Table) idle(b bucket, c *call) int {
	best, least := -1, uint32(0)
	for s := range t.slots {
		if tat := t.times(b, s)[0]; (best < 0 || tat < least) && !t.live(b, s, c) {
			best, least = s, tat
		}
	}
	return best
}

// match looks for a tag, distance bits included.
func (t *Table) match(b bucket, tag uint32) int {
	for i, have := range b[1 : 1+t.slots] {
		if have == tag {
			return i
		}
	}
	return -1
}

// matchLive looks for the tag among the slots that still matter. kin says that
// some key of the same home and distance lives here: those carry the same low bits.
func (t *Table) matchLive(b bucket, tag uint32, c *call) (slot int, kin bool) {
	for i, have := range b[1 : 1+t.slots] {
		if (have^tag)&maxReach != 0 || !t.live(b, i, c) {
			continue
		}
		if have == tag {
			return i, true
		}
		kin = true
	}
	return -1, kin
}
