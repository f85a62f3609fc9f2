package signature

import (
	"time"

	"haechi"
)

// device is everything kept about one device: the hash states of its keys and
// its part of the replay memory. It exists once the device has a key. There are as
// many as devices, most of them silent, so it is as little as can be.
type device struct {
	macs *mac        // the states of its keys, in no order
	gens *generation // at most [generations], in no order
	// floor is the newest span that was forgotten: nothing of it or before it is taken
	// again, also when the clock goes back.
	floor int64
	// How far its clock was from ours since somebody last asked: the last one and the
	// extremes in milliseconds, and when by ours in Unix milliseconds, 0: nothing new.
	skewAt                    int64
	skew, skewLeast, skewMost int32

	held int32 // entries in all generations
	// session and newest are the connection of the last accepted frame and the
	// newest timestamp on it.
	session uint64
	newest  int64

	// What most devices have one of, so that a silent one is one piece of memory.
	own   mac
	one   generation
	entry [1]entry
}

// verify tries every key, whether or not an earlier one fits, and returns the
// state of the one that does and which key it is of. A claim that names its key is
// tried with that one.
func (d *device) verify(w *work, c *haechi.Claim, keys []haechi.Key, want []byte) (found *mac, at int) {
	for i := range keys {
		k := &keys[i]
		if len(c.KeyID) > 0 && string(c.KeyID) != k.ID {
			continue
		}
		m, s := d.mac(w, k, c.Scheme), c.Scheme.Variant(k.Variant)
		if s != nil && len(c.Scheme.Strings) > 1 && !takes(s, c) {
			continue
		}
		if m.verify(w, c, s, k.Salt, want) {
			found, at = m, i
		}
	}
	return found, at
}

func (d *device) mac(w *work, k *haechi.Key, s *haechi.Scheme) *mac {
	print, own := w.print(k), false
	for m := d.macs; m != nil; m = m.next {
		if m.hash == s.Hash && m.form == s.KeyForm && m.print == print && m.id == k.ID {
			m.recall(w, k)
			return m
		}
		own = own || m == &d.own
	}
	m := &d.own
	if own {
		m = new(mac)
	}
	*m = mac{next: d.macs, id: k.ID, print: print, hash: s.Hash, form: s.KeyForm, usable: true}
	m.recall(w, k)
	d.macs = m
	return m
}

// rest forgets the states of keys that proved nothing since the time, in Unix
// milliseconds.
func (d *device) rest(since int64) {
	for m := d.macs; m != nil; m = m.next {
		if m.lastUse < since {
			m.forget()
		}
	}
}

// both verifies one or two signatures of a frame, by one key, and returns its state.
func (d *device) both(w *work, c *haechi.Claim, keys []haechi.Key, want, bound []byte) *mac {
	m, at := d.verify(w, c, keys, want)
	if m != nil && c.Bound != nil {
		m, _ = d.verify(w, c.Bound, keys[at:at+1], bound)
	}
	if d.states() > len(keys) {
		d.prune(w, keys)
	}
	return m
}

func (d *device) states() (n int) {
	for m := d.macs; m != nil; m = m.next {
		n++
	}
	return n
}

// prune forgets the states of keys that are no longer valid.
func (d *device) prune(w *work, keys []haechi.Key) {
	for at := &d.macs; *at != nil; {
		m := *at
		if belongs(w, m, keys) {
			at = &m.next
			continue
		}
		*at = m.next
		m.forget()
	}
}

func belongs(w *work, m *mac, keys []haechi.Key) bool {
	for i := range keys {
		if m.id == keys[i].ID && m.print == w.print(&keys[i]) {
			return true
		}
	}
	return false
}

// generation returns the one that covers the span; where there are as many as may be
// alive, the oldest gives way. Nil means that the span was forgotten already: the clock
// went back.
func (d *device) generation(span int64) (g *generation, freed int) {
	if span <= d.floor {
		return nil, 0
	}
	var oldest *generation
	n, one := 0, false
	for g := d.gens; g != nil; g = g.next {
		if g.span == span {
			return g, 0
		}
		if n++; oldest == nil || g.span < oldest.span {
			oldest = g
		}
		one = one || g == &d.one
	}
	switch {
	case n < generations:
		if g = &d.one; one {
			g = new(generation)
		}
		*g = generation{span: span, next: d.gens}
		if !one {
			g.list = d.entry[:0]
		}
		d.gens = g
		return g, 0
	case oldest.span > span:
		return nil, 0
	}
	d.floor = max(d.floor, oldest.span)
	freed = oldest.begin(span)
	d.held -= int32(freed)
	return oldest, freed
}

// sweep forgets every generation that ended before the span, if its last entry
// is also older than life by the monotonic clock: a wall clock that leaps ahead
// must not make us forget. It returns how many entries that freed.
func (d *device) sweep(span int64, life, now time.Duration) (freed int) {
	for at := &d.gens; *at != nil; {
		g := *at
		if g.span >= span || now-g.last <= life {
			at = &g.next
			continue
		}
		*at = g.next
		d.floor = max(d.floor, g.span)
		freed += int(g.size)
	}
	d.held -= int32(freed)
	return freed
}
