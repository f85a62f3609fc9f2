package session

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"

	"haechi"
	"haechi/internal/brick/clientkey"
)

// table is what is in force, by what it is about.
type table struct {
	names    [haechi.ScopeService]*store[string] // by kind; nil for kinds kept below
	asns     *store[uint32]
	prefixes *store[netip.Prefix]
	lengths  atomic.Pointer[lengths]

	byID    map[haechi.Reference]*rule // under the writer's lock
	lenUsed map[length]int             // under the writer's lock
}

type length struct {
	v4   bool
	bits int
}

// lengths are the prefix lengths in use, longest first.
type lengths struct{ v4, v6 []int }

func newTable(seed maphash.Seed) *table {
	t := &table{
		asns:     &store[uint32]{hash: func(n uint32) uint64 { return uint64(n) }},
		prefixes: &store[netip.Prefix]{hash: func(p netip.Prefix) uint64 { return hashPrefix(seed, p) }},
		byID:     make(map[haechi.Reference]*rule),
		lenUsed:  make(map[length]int),
	}
	t.lengths.Store(&lengths{})
	for _, k := range namedKinds() {
		t.names[k] = &store[string]{hash: func(v string) uint64 { return maphash.String(seed, v) }}
	}
	return t
}

// namedKinds are the scopes that a name identifies.
func namedKinds() []haechi.ScopeKind {
	return []haechi.ScopeKind{haechi.ScopeDevice, haechi.ScopeCertificate, haechi.ScopeUser, haechi.ScopeFingerprint, haechi.ScopeCountry}
}

func hashPrefix(seed maphash.Seed, p netip.Prefix) uint64 {
	var b [17]byte
	addr := p.Addr().As16()
	copy(b[:], addr[:])
	b[16] = byte(p.Bits())
	return maphash.Bytes(seed, b[:])
}

func hashID(seed maphash.Seed, id uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], id)
	return maphash.Bytes(seed, b[:])
}

// change is a batch of changes to the table, put in place by commit.
type change struct {
	t        *table
	names    [haechi.ScopeService]*edit[string]
	asns     *edit[uint32]
	prefixes *edit[netip.Prefix]
}

func (t *table) change() *change {
	c := &change{t: t, asns: t.asns.edit(), prefixes: t.prefixes.edit()}
	for _, k := range namedKinds() {
		c.names[k] = t.names[k].edit()
	}
	return c
}

func (c *change) add(r *rule) {
	c.t.byID[r.ID] = r
	switch r.Scope.Kind {
	case haechi.ScopeAddress, haechi.ScopePrefix:
		c.prefixes.add(r.Scope.Prefix, r)
		c.t.lenUsed[lengthOf(r.Scope.Prefix)]++
	case haechi.ScopeASN:
		n, _ := asn(r.Scope)
		c.asns.add(n, r)
	default:
		c.names[r.Scope.Kind].add(r.Scope.Value, r)
	}
}

func (c *change) remove(id haechi.Reference) {
	r := c.t.byID[id]
	if r == nil {
		return
	}
	delete(c.t.byID, id)
	switch r.Scope.Kind {
	case haechi.ScopeAddress, haechi.ScopePrefix:
		c.prefixes.remove(r.Scope.Prefix, r)
		if l := lengthOf(r.Scope.Prefix); c.t.lenUsed[l] > 1 {
			c.t.lenUsed[l]--
		} else {
			delete(c.t.lenUsed, l)
		}
	case haechi.ScopeASN:
		n, _ := asn(r.Scope)
		c.asns.remove(n, r)
	default:
		c.names[r.Scope.Kind].remove(r.Scope.Value, r)
	}
}

// commit puts the changes in place. Between two shards a reader may see the one
// and not yet the other, for some microseconds.
func (c *change) commit() {
	c.t.lengths.Store(c.t.lengthsInUse())
	for _, k := range namedKinds() {
		c.names[k].commit()
	}
	c.asns.commit()
	c.prefixes.commit()
}

func lengthOf(p netip.Prefix) length { return length{p.Addr().Is4(), p.Bits()} }

func (t *table) lengthsInUse() *lengths {
	var out lengths
	for l := range t.lenUsed {
		if l.v4 {
			out.v4 = append(out.v4, l.bits)
		} else {
			out.v6 = append(out.v6, l.bits)
		}
	}
	for _, s := range [][]int{out.v4, out.v6} {
		slices.Sort(s)
		slices.Reverse(s)
	}
	return &out
}

// storable brings a scope into the form in which it is looked up. ok is false for
// one that cannot be enforced here.
func storable(s haechi.Scope) (haechi.Scope, bool) {
	switch s.Kind {
	case haechi.ScopeAddress, haechi.ScopePrefix:
		p := s.Prefix
		if !p.IsValid() || p.Addr().Is4In6() {
			return s, false
		}
		s.Prefix = netip.PrefixFrom(clientkey.Addr(p.Addr()), p.Bits()).Masked()
		return s, true
	case haechi.ScopeASN:
		_, ok := asn(s)
		return s, ok
	case haechi.ScopeDevice, haechi.ScopeCertificate, haechi.ScopeUser, haechi.ScopeFingerprint, haechi.ScopeCountry:
		return s, s.Value != ""
	}
	return s, false
}

func asn(s haechi.Scope) (uint32, bool) {
	n, err := strconv.ParseUint(s.Value, 10, 32)
	return uint32(n), err == nil && n != 0
}
