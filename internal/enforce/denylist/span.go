package denylist

import (
	"bytes"
	"net/netip"
	"slices"
	"sort"

	"haechi/internal/brick/clientkey"
)

// cover are the fewest prefixes that have all from first to last, and nothing else; nil for
// no range.
func cover(first, last netip.Addr) (out []netip.Prefix) {
	if first.BitLen() != last.BitLen() || last.Less(first) {
		return nil
	}
	for a := first; a.IsValid() && !last.Less(a); {
		p := netip.PrefixFrom(a, a.BitLen())
		for p.Bits() > 0 {
			wider := netip.PrefixFrom(a, p.Bits()-1).Masked()
			if wider.Addr() != a || last.Less(end(wider)) {
				break
			}
			p = wider
		}
		out = append(out, p)
		a = end(p).Next() // not valid after the last of all
	}
	return out
}

// end is the last address of a prefix.
func end(p netip.Prefix) netip.Addr {
	if p.Addr().Is4() {
		b := p.Addr().As4()
		fill(b[:], p.Bits())
		return netip.AddrFrom4(b)
	}
	b := p.Addr().As16()
	fill(b[:], p.Bits())
	return netip.AddrFrom16(b)
}

// fill sets the bits behind the length.
func fill(b []byte, bits int) {
	for i := range b {
		if free := 8*(i+1) - bits; free > 0 {
			b[i] |= byte(1<<min(free, 8) - 1)
		}
	}
}

// spans are addresses in a form that is small and found fast: sorted ranges that do not
// touch. A million addresses of IPv4 are 8 MB, of IPv6 32 MB.
type spans struct {
	v4 []span[[4]byte]
	v6 []span[[16]byte]
}

type span[A any] struct{ first, last A }

// newSpans makes them of sorted prefixes.
func newSpans(ps []netip.Prefix) *spans {
	s := &spans{}
	for _, p := range ps {
		if p.Addr().Is4() {
			s.v4 = add(s.v4, p.Addr().As4(), end(p).As4(), func(a *[4]byte) []byte { return a[:] })
		} else {
			s.v6 = add(s.v6, p.Addr().As16(), end(p).As16(), func(a *[16]byte) []byte { return a[:] })
		}
	}
	s.v4, s.v6 = slices.Clip(s.v4), slices.Clip(s.v6)
	return s
}

// add adds a range that does not begin before those that are there.
func add[A comparable](all []span[A], first, last A, of func(*A) []byte) []span[A] {
	if n := len(all); n > 0 {
		if was := &all[n-1]; bytes.Compare(of(&first), of(&was.last)) <= 0 {
			if bytes.Compare(of(&last), of(&was.last)) > 0 {
				was.last = last
			}
			return all
		}
	}
	return append(all, span[A]{first, last})
}

// has reports whether an address is among them.
func (s *spans) has(a netip.Addr) bool {
	a = clientkey.Addr(a)
	return a.IsValid() && s.meets(netip.PrefixFrom(a, a.BitLen()))
}

// meets reports whether any address of a prefix is among them.
func (s *spans) meets(p netip.Prefix) bool {
	p = p.Masked()
	if p.Addr().Is4() {
		first, last := p.Addr().As4(), end(p).As4()
		i := sort.Search(len(s.v4), func(i int) bool { return bytes.Compare(s.v4[i].last[:], first[:]) >= 0 })
		return i < len(s.v4) && bytes.Compare(s.v4[i].first[:], last[:]) <= 0
	}
	first, last := p.Addr().As16(), end(p).As16()
	i := sort.Search(len(s.v6), func(i int) bool { return bytes.Compare(s.v6[i].last[:], first[:]) >= 0 })
	return i < len(s.v6) && bytes.Compare(s.v6[i].first[:], last[:]) <= 0
}
