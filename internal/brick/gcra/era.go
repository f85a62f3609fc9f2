package gcra

import "math/bits"

// call is one question to the table.
type call struct {
	era     uint32
	now     [MaxWindows]uint64 // units since the start of the era
	cost    uint64
	maxWait uint64 // nanoseconds
	peek    bool   // judge and change nothing
	debit   bool   // charge whatever the answer
}

// eraShiftFor makes eras a power of two of nanoseconds long, and no longer than
// eraUnits of the finest unit.
func eraShiftFor(windows []window) uint {
	finest := windows[0].unit
	for _, w := range windows {
		finest = min(finest, w.unit)
	}
	return uint(bits.Len64(finest*eraUnits) - 1)
}

// at turns the caller's time into era and units. The first call's time is the
// origin; a time before it counts as the origin.
func (t *Table) at(now int64) (c call) {
	origin := t.origin.Load()
	if origin == noOrigin {
		t.origin.CompareAndSwap(noOrigin, now)
		origin = t.origin.Load()
	}
	var since uint64
	if now > origin {
		since = uint64(now) - uint64(origin) // right even where the difference exceeds an int64
	}
	c.era = uint32(min(since>>t.eraBits, maxEra))
	since -= uint64(c.era) << t.eraBits
	since = min(since, 1<<t.eraBits-1)
	for w := range t.windows {
		c.now[w] = since / t.win[w].unit
	}
	return c
}

// enter locks the bucket and brings its times into the call's era. A call from an
// era before the bucket's counts as one at the start of that.
func (t *Table) enter(b bucket, c *call) {
	b.lock()
	switch era := b.era(); {
	case era == c.era:
	case era < c.era:
		t.rebase(b, c.era)
	default:
		c.era, c.now = era, [MaxWindows]uint64{}
	}
}

// rebase turns the bucket's times into those of a later era, rounded up. What has
// passed becomes 0, at rest.
func (t *Table) rebase(b bucket, era uint32) {
	passed := uint64(era-b.era()) << t.eraBits
	for s := range t.slots {
		times := t.times(b, s)
		for w, tat := range times {
			unit := t.win[w].unit
			if ns := uint64(tat) * unit; ns > passed {
				times[w] = uint32((ns - passed + unit - 1) / unit)
			} else {
				times[w] = 0
			}
		}
	}
	b.setEra(era)
}
