package netflow

import (
	"net/netip"
	"time"
)

// ends are those of a conversation, as one exporter tells of it, the lower first.
type ends struct {
	exporter, lo, hi netip.Addr
	loPort, hiPort   uint16
	proto            uint8
}

// endsOf also reports whether the source is the higher end.
func endsOf(exporter netip.Addr, r *record) (k ends, high bool) {
	c := r.src.Compare(r.dst)
	if high = c > 0 || c == 0 && r.srcPort > r.dstPort; high {
		return ends{exporter, r.dst, r.src, r.dstPort, r.srcPort, r.proto}, true
	}
	return ends{exporter, r.src, r.dst, r.srcPort, r.dstPort, r.proto}, false
}

// held is a record that waits for the one of the other direction, or for more samples of
// a conversation, of which back are those of the other direction.
type held struct {
	record
	back record
	key  ends
	from *exporter
	high bool
	gone bool // it was met
	came time.Time
}

// wait makes its times those before now.
func (h *held) wait(now time.Time) {
	waited := now.Sub(h.came)
	h.began, h.ended = h.began+waited, h.ended+waited
	h.back.began, h.back.ended = h.back.began+waited, h.back.ended+waited
}

// pairs are the records that wait, in the order in which they came: a ring.
type pairs struct {
	ring       []held
	first, len int
	at         map[ends]int // place in the ring
	most       int
}

func newPairs(most int) pairs { return pairs{at: map[ends]int{}, most: most} }

// find is the record of a conversation; nil if none waits. It is valid until the next one
// is put.
func (p *pairs) find(k ends) *held {
	i, ok := p.at[k]
	if !ok {
		return nil
	}
	return &p.ring[i]
}

// take removes the record that waits for the other direction; nil if none does. It is
// valid until the next one is put.
func (p *pairs) take(k ends) *held {
	i, ok := p.at[k]
	if !ok {
		return nil
	}
	delete(p.at, k)
	p.ring[i].gone = true
	return &p.ring[i]
}

// due removes the oldest record if it came before a time; nil if there is none such.
func (p *pairs) due(before time.Time) *held {
	for p.len > 0 {
		h := &p.ring[p.first]
		if !h.gone && !h.came.Before(before) {
			return nil
		}
		p.first, p.len = (p.first+1)%len(p.ring), p.len-1
		if !h.gone {
			delete(p.at, h.key)
			return h
		}
	}
	return nil
}

// full reports whether there is room for one more only once the oldest is gone.
func (p *pairs) full() bool { return p.len >= p.most }

// put lets a record wait; there is room.
func (p *pairs) put(h *held) {
	if p.len == len(p.ring) {
		p.grow()
	}
	i := (p.first + p.len) % len(p.ring)
	p.ring[i], p.at[h.key] = *h, i
	p.len++
}

// grow doubles the ring.
func (p *pairs) grow() {
	ring := make([]held, min(max(2*len(p.ring), 256), p.most))
	for i := range p.len {
		ring[i] = p.ring[(p.first+i)%len(p.ring)]
		if !ring[i].gone {
			p.at[ring[i].key] = i
		}
	}
	p.ring, p.first = ring, 0
}

// meet joins a record with the one of the other direction, or lets it wait for it.
func (r *Reader) meet(from netip.Addr, e *exporter, rec *record, now time.Time) {
	if rec.both {
		other := rec.turned()
		e.twoWay = now
		r.together(rec, &other, now)
		return
	}
	key, high := endsOf(from, rec)
	if h := r.pairs.take(key); h != nil {
		if h.high != high {
			e.twoWay = now
			h.wait(now)
			r.together(&h.record, rec, now)
			return
		}
		r.alone(h, now)
	}
	for r.pairs.full() {
		if h := r.pairs.due(now.Add(1)); h != nil {
			r.stats.Early++
			r.alone(h, now)
		}
	}
	r.pairs.put(&held{record: *rec, key: key, from: e, high: high, came: now})
}
