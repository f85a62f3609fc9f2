package scan

import (
	"net/netip"

	"haechi/internal/brick/distinct"
	"haechi/internal/detect"
)

// kept is how many of its newest contacts a source is judged by.
const kept = 32

// source is what is known of one source. Most ever make one contact, many of them
// forged, so that the rest is only made for the second.
type source struct {
	first  met
	addr   netip.Addr
	proved bool // it completed a handshake
	more   *track
}

// met is a contact and what became of it.
type met struct {
	contact
	at  int64 // Unix nanoseconds
	out outcome
}

// track is a source of two contacts or more.
type track struct {
	ratio   float64 // logarithm of the likelihood ratio
	since   int64   // the first bad contact since the ratio was low
	lastBad int64
	bad     uint32 // contacts since then
	good    uint32
	pending uint8 // of the ring
	badIn   uint8 // of the ring: contacts that are bad
	oldest  int64 // no contact that waits began before
	next    uint8
	tags    [kept]uint16 // of the ring: bits of the contact's hash, so that few of it are looked at
	ring    [kept]met
	spare   met        // where the ring has no place
	seen    [32]uint64 // a Bloom filter of one hash: contacts that left the ring
	inSeen  uint16
	host    uint64     // of the newest bad contact
	ours    bool       // it is a host of ours
	target  netip.Addr // of the newest contact that is not good
	lately  [8]bucket  // good contacts by when they began
	attack  detect.Attack
	amounts counted
}

// bucket counts contacts that began in a quarter of the time for an answer.
type bucket struct {
	when int64
	n    uint16
}

func (t *track) noteGood(at, width int64) {
	b := &t.lately[at/width&7]
	if b.when != at/width {
		*b = bucket{when: at / width}
	}
	b.n++
}

// goodAfter counts good contacts that began with another one or after it. What nobody answers is
// known to be bad only later, when the good ones that came after it are counted already.
func (t *track) goodAfter(at, width int64) (n int) {
	for i := range t.lately {
		if t.lately[i].when >= at/width {
			n += int(t.lately[i].n)
		}
	}
	return n
}

// counted are the bad contacts since the ratio was low.
type counted struct {
	hosts, ports, contacts distinct.Counter
}

func (c contact) hash() uint64 { return distinct.Mix(c.host ^ uint64(c.port)*0x9e3779b97f4a7c15) }

// tag is a part of what tells contacts apart.
func (c contact) tag() uint16 { return uint16(c.host) ^ uint16(c.port) }

// find returns the contact's place in the ring.
func (t *track) find(c contact) *met {
	tag := c.tag()
	for i := range t.tags {
		if t.tags[i] != tag {
			continue
		}
		if m := &t.ring[i]; m.out != none && m.host == c.host && m.port == c.port {
			return m
		}
	}
	return nil
}

// knows reports whether a contact that left the ring was this one, as far as a filter
// can say.
func (t *track) knows(c contact) bool {
	h := c.hash()
	return t.seen[h>>6&31]&(1<<(h&63)) != 0
}

// place makes room for a contact in the ring. Contacts that wait for their outcome keep
// their place; while all do, there is none.
func (t *track) place(c contact) *met {
	if t.pending == kept {
		return nil
	}
	for range kept {
		i := t.next
		m := &t.ring[i]
		t.next = (t.next + 1) % kept
		if m.out == open {
			continue
		}
		if m.out != none {
			t.remember(m.contact)
		}
		if m.out == bad {
			t.badIn--
		}
		t.tags[i] = c.tag()
		return m
	}
	return nil
}

func (t *track) remember(c contact) {
	if t.inSeen > 1024 { // half of the filter: it would call too much known
		t.seen, t.inSeen = [32]uint64{}, 0
	}
	h := c.hash()
	t.seen[h>>6&31] |= 1 << (h & 63)
	t.inSeen++
}

// portsOf counts the contacts with one host since a time, and the bad ones among them.
func (t *track) portsOf(host uint64, since int64) (ports, wrong int) {
	for i := range t.ring {
		if m := &t.ring[i]; m.out > open && m.host == host && m.at >= since {
			ports++
			if m.out == bad {
				wrong++
			}
		}
	}
	return ports, wrong
}
