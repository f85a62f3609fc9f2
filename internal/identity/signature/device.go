package signature

import (
	"math"
	"sync"
	"time"

	"haechi"
)

// device is everything kept about one device: the hash states of its keys and
// its part of the replay memory. It exists once the device has a key.
type device struct {
	mu   sync.Mutex
	macs []*mac
	gens [generations]generation
	held int // entries in all generations

	// session and newest are the connection of the last accepted frame and the
	// newest timestamp on it.
	session uint64
	newest  int64

	skews skews

	buf []byte // scratch for the string to sign
	sum [maxSum]byte
}

// verify tries every key, whether or not an earlier one fits, and returns the
// state of the one that does and which key it is of. A claim that names its key is
// tried with that one.
func (d *device) verify(c *haechi.Claim, keys []haechi.Key, want []byte) (found *mac, at int) {
	for i := range keys {
		if len(c.KeyID) > 0 && string(c.KeyID) != keys[i].ID {
			continue
		}
		m, s := d.mac(&keys[i], c.Scheme), c.Scheme.Variant(keys[i].Variant)
		if s != nil && len(c.Scheme.Strings) > 1 && !takes(s, c) {
			continue
		}
		var ok bool
		if ok, d.buf = m.verify(c, s, want, d.buf, &d.sum); ok {
			found, at = m, i
		}
	}
	return found, at
}

func (d *device) mac(k *haechi.Key, s *haechi.Scheme) *mac {
	for _, m := range d.macs {
		if m.hash == s.Hash && m.form == s.KeyForm && m.is(k) {
			return m
		}
	}
	m := newMAC(k, s)
	d.macs = append(d.macs, m)
	return m
}

// both verifies one or two signatures of a frame, by one key, and returns its state.
func (d *device) both(c *haechi.Claim, keys []haechi.Key, want, bound []byte) *mac {
	m, at := d.verify(c, keys, want)
	if m != nil && c.Bound != nil {
		m, _ = d.verify(c.Bound, keys[at:at+1], bound)
	}
	if len(d.macs) > len(keys) {
		d.prune(keys)
	}
	return m
}

// prune forgets the states of keys that are no longer valid.
func (d *device) prune(keys []haechi.Key) {
	kept := d.macs[:0]
	for _, m := range d.macs {
		if belongs(m, keys) {
			kept = append(kept, m)
		} else {
			m.forget()
		}
	}
	clear(d.macs[len(kept):])
	d.macs = kept
}

func belongs(m *mac, keys []haechi.Key) bool {
	for i := range keys {
		if m.is(&keys[i]) {
			return true
		}
	}
	return false
}

// generation returns the one that covers the span, emptied if it held an older
// one. Nil means that the span was forgotten already: the clock went back.
func (d *device) generation(span int64) (g *generation, freed int) {
	g = &d.gens[span%generations]
	switch {
	case g.span > span:
		return nil, 0
	case g.span < span:
		freed = g.begin(span)
		d.held -= freed
	}
	return g, freed
}

// sweep forgets every generation that ended before the span, if its last entry
// is also older than life by the monotonic clock: a wall clock that leaps ahead
// must not make us forget. It returns how many entries that freed. A swept
// generation's number moves on to the next span that will use it, so that a clock
// that goes back does not make forgotten signatures acceptable.
func (d *device) sweep(span int64, life time.Duration, now time.Time) (freed int) {
	for i := range d.gens {
		g := &d.gens[i]
		if g.size > 0 && g.span < span && now.Sub(g.last) > life {
			g.peak = math.MaxInt // nobody used it of late: give the memory back
			freed += g.begin(g.span + generations)
		}
	}
	d.held -= freed
	return freed
}
