package gcra

import "time"

// charge finds the key's slot, or a free one, and judges the call by it.
func (t *Table) charge(home uint64, tag uint32, c *call) Result {
	first := t.bucket(home)
	t.enter(first, c)
	if s := t.match(first, tag); s >= 0 {
		r := t.judge(t.times(first, s), c)
		first.unlock()
		return r
	}
	defer first.unlock()
	at := t.search(home, tag, c)
	if at.b == nil {
		return t.judgeShared(c)
	}
	if at.dist > 0 {
		defer at.b.unlock()
	}
	if c.peek && !at.found {
		return Result{OK: c.cost*perInterval <= t.win[0].tolerance}
	}
	if at.dist > 0 {
		first.setReach(max(first.reach(), at.dist))
	}
	times := t.times(at.b, at.slot)
	if !at.found {
		at.b[1+at.slot] = tag | uint32(at.dist)
		clear(times)
	}
	return t.judge(times, c)
}

// spot is a slot in the table, dist buckets away from the key's home. found says
// that it is the key's own, not merely free.
type spot struct {
	b     bucket
	slot  int
	dist  int
	found bool
}

// search is for a key that is not in its home bucket, whose lock the caller holds:
// it looks where keys of that home may have gone, then takes the nearest slot that
// no longer matters. It returns with the lock of the bucket it found, too.
//
// Nobody else can look for the same key meanwhile, since that needs home's lock.
func (t *Table) search(home uint64, tag uint32, c *call) spot {
	first := t.bucket(home)
	farthest := 0
	for d := 1; d <= first.reach(); d++ {
		b := t.bucket(home + uint64(d))
		t.enter(b, c)
		slot, kin := t.matchLive(b, tag|uint32(d), c)
		if slot >= 0 {
			return spot{b: b, slot: slot, dist: d, found: true}
		}
		b.unlock()
		if kin {
			farthest = d
		}
	}
	first.setReach(farthest)
	return t.free(home, c)
}

// free finds the nearest slot that no longer matters; a bucket further on comes
// back locked. The zero spot means that there is none.
func (t *Table) free(home uint64, c *call) spot {
	for d := 0; d <= maxReach; d++ {
		b := t.bucket(home + uint64(d))
		if d > 0 {
			t.enter(b, c)
		}
		for s := range t.slots {
			if !t.live(b, s, c) {
				return spot{b: b, slot: s, dist: d}
			}
		}
		if d > 0 {
			b.unlock()
		}
	}
	return spot{}
}

// judge asks every window, and charges all or none.
func (t *Table) judge(times []uint32, c *call) Result {
	var next [MaxWindows]uint64
	var longest uint64
	slowest := 0
	for w, tat := range times {
		n, wait := t.win[w].judge(uint64(tat), c.now[w], c.cost)
		next[w] = n
		if wait > longest {
			longest, slowest = wait, w
		}
	}
	r := Result{OK: t.admits(longest, c, &next), RetryAfter: time.Duration(longest), Window: slowest}
	if c.debit {
		r.OK = true
		for w := range times {
			next[w] = min(next[w], c.now[w]+2*t.win[w].tolerance)
		}
	}
	if r.OK && !c.peek {
		for w := range times {
			times[w] = uint32(next[w])
		}
	}
	if longest == 0 {
		r.Window = t.fullest(times, c)
	}
	r.Used = t.win[r.Window].used(uint64(times[r.Window]), c.now[r.Window])
	return r
}

// admits also refuses what would wait beyond the range of an arrival time.
func (t *Table) admits(wait uint64, c *call, next *[MaxWindows]uint64) bool {
	if wait == 0 {
		return true
	}
	for w := range t.windows {
		if next[w] > c.now[w]+maxAhead+maxWaiting {
			return false
		}
	}
	return wait <= c.maxWait
}

// fullest is the window with the least left of its burst.
func (t *Table) fullest(times []uint32, c *call) int {
	best, share := 0, -1.0
	if len(times) == 1 {
		return best
	}
	for w, tat := range times {
		if s := t.win[w].used(uint64(tat), c.now[w]) / float64(t.win[w].tolerance+1); s > share {
			best, share = w, s
		}
	}
	return best
}

// judgeShared judges a key for which there is no room, by the entry that all such
// keys share.
func (t *Table) judgeShared(c *call) Result {
	t.mu.Lock()
	t.enter(t.shared, c)
	r := t.judge(t.times(t.shared, 0), c)
	t.shared.unlock()
	t.mu.Unlock()
	t.overflow.Add(1)
	if !r.OK {
		t.overBlock.Add(1)
	}
	return r
}
