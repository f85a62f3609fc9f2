package gcra

import "time"

// charge finds the key's slot, or a free one, in a larger level once the newest is
// crowded, and judges the call by it.
func (t *Table) charge(hash uint64, c *call) Result {
	for {
		l := t.top.Load()
		home, tag := l.place(hash)
		first := l.bucket(home)
		t.enter(first, c)
		if t.top.Load() != l {
			first.unlock()
			continue
		}
		if s := t.match(first, tag); s >= 0 {
			r := t.judge(t.times(first, s), c)
			first.unlock()
			return r
		}
		r, ok, fresh := t.chargeFar(l, first, hash, c)
		first.unlock()
		if fresh && l.older.Load() != nil {
			t.sweep(*c)
		}
		if ok {
			return r
		}
		t.grow(l)
	}
}

// chargeFar is for a key that is not in its home bucket, the first, whose lock the caller
// holds. It is not ok when the level is too crowded for one more key; fresh says that the
// key took a place.
func (t *Table) chargeFar(l *level, first bucket, hash uint64, c *call) (r Result, ok, fresh bool) {
	home, tag := l.place(hash)
	at := t.search(l, home, tag, c)
	if at.dist > 0 {
		defer at.b.unlock()
	}
	var old spot
	if !at.found {
		if old = t.earlier(l, hash, c); old.found {
			defer old.b.unlock()
		}
	}
	switch {
	case at.found:
	case old.found && (c.peek || at.b == nil):
		return t.judge(t.times(old.b, old.slot), c), true, false
	case at.b == nil && t.last(l):
		return t.judgeShared(c), true, false
	case c.peek:
		return Result{OK: c.cost*perInterval <= t.win[0].tolerance}, true, false
	case at.b == nil:
		return r, false, false
	default:
		t.occupy(at, tag, old, c)
	}
	if at.dist > 0 {
		first.setReach(max(first.reach(), at.dist))
	}
	return t.judge(t.times(at.b, at.slot), c), true, !at.found
}

// occupy gives a free slot to a key, with the times that it has in an older level.
func (t *Table) occupy(at spot, tag uint32, old spot, c *call) {
	if at.b.era() < c.era { // the call moved on since it entered
		t.rebase(at.b, c.era)
	}
	at.b[1+at.slot] = tag | uint32(at.dist)
	times := t.times(at.b, at.slot)
	clear(times)
	if old.found {
		was := t.times(old.b, old.slot)
		copy(times, was)
		clear(was)
	}
}

// spot is a slot in a level, dist buckets away from the key's home. found says
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
func (t *Table) search(l *level, home uint64, tag uint32, c *call) spot {
	if at := t.beyond(l, home, tag, c); at.found {
		return at
	}
	return t.free(l, home, c)
}

// beyond looks for a key where those have gone that found no room at home, whose lock the
// caller holds. It returns with the lock of the bucket it found.
func (t *Table) beyond(l *level, home uint64, tag uint32, c *call) spot {
	first := l.bucket(home)
	farthest := 0
	for d := 1; d <= first.reach(); d++ {
		b := l.bucket(home + uint64(d))
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
	return spot{}
}

// earlier looks for a key in the levels before, and returns with the lock of the bucket it
// found there. The caller holds the lock of its home in the newest.
func (t *Table) earlier(l *level, hash uint64, c *call) spot {
	for o := l.older.Load(); o != nil; o = o.older.Load() {
		home, tag := o.place(hash)
		first := o.bucket(home)
		t.enter(first, c)
		if slot, _ := t.matchLive(first, tag, c); slot >= 0 {
			return spot{b: first, slot: slot, found: true}
		}
		at := t.beyond(o, home, tag, c)
		first.unlock()
		if at.found {
			return at
		}
	}
	return spot{}
}

// free finds the nearest slot that no longer matters; a bucket further on comes
// back locked. The zero spot means that there is none.
func (t *Table) free(l *level, home uint64, c *call) spot {
	for d := 0; d <= t.reachOf(l); d++ {
		b := l.bucket(home + uint64(d))
		if d > 0 {
			t.enter(b, c)
		}
		if s := t.idle(b, c); s >= 0 {
			return spot{b: b, slot: s, dist: d}
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
