package nft

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// What the table is made of. The chain looks before connection tracking (-200), so
// that a dropped packet costs no entry there, and before the routing decision, so that
// it is dropped whether it is for this machine or for a container.
const (
	tableName   = "haechi"
	chainName   = "early"
	counterName = "dropped"
	priority    = -310
)

// length is one prefix length of one family: each has a hash set of its own, since the
// kernel's interval sets cost several times as much a packet when they are large.
type length struct {
	v6   bool
	bits int
	of   string // the name of the deny list; empty: of none, or of one without a name
}

func lengthOf(p netip.Prefix) length { return length{v6: p.Addr().Is6(), bits: p.Bits()} }

// set names the set of one length. What begins with "deny" is dropped, what begins
// with "allow" is accepted before.
func (l length) set(what string) string {
	family := 4
	if l.v6 {
		family = 6
	}
	return fmt.Sprintf("%s%d_%d", what, family, l.bits)
}

// parseSet reads what set writes.
func parseSet(what, name string) (l length, ok bool) {
	var family int
	if n, err := fmt.Sscanf(name, what+"%d_%d", &family, &l.bits); err != nil || n != 2 {
		return l, false
	}
	l.v6 = family == 6
	most := 32
	if l.v6 {
		most = 128
	}
	return l, (family == 4 || family == 6) && l.bits >= 1 && l.bits <= most && l.set(what) == name
}

// describe is the set as the kernel is told of it. Decisions end by themselves,
// protected addresses do not.
func (l length) describe(table *nftables.Table, what string, id uint32) *nftables.Set {
	s := &nftables.Set{Table: table, Name: l.set(what), ID: id, KeyType: nftables.TypeIPAddr, HasTimeout: what == deny}
	if l.v6 {
		s.KeyType = nftables.TypeIP6Addr
	}
	return s
}

const (
	deny   = "deny"
	allow  = "allow"
	listed = "list"
)

// sorted lists lengths, the narrowest first.
func sorted(ls map[length]bool) []length {
	out := make([]length, 0, len(ls))
	for l := range ls {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b length) int {
		if a.v6 != b.v6 {
			return map[bool]int{true: 1, false: -1}[a.v6]
		}
		return cmp.Or(cmp.Compare(b.bits, a.bits), cmp.Compare(a.of, b.of))
	})
	return out
}

// loopback lets the machine talk to itself.
func loopback() []expr.Any {
	one := make([]byte, 4)
	binary.NativeEndian.PutUint32(one, 1) // lo is interface 1 of every namespace
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIF, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: one},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
}

// match looks the source, cut to the length, up in the set.
func (l length) match(set *nftables.Set) []expr.Any {
	proto, offset, size := byte(2), uint32(12), uint32(4) // NFPROTO_IPV4
	if l.v6 {
		proto, offset, size = 10, 8, 16 // NFPROTO_IPV6
	}
	out := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{proto}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size},
	}
	if l.bits < int(8*size) {
		out = append(out, &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: size,
			Mask: net.CIDRMask(l.bits, int(8*size)), Xor: make([]byte, size)})
	}
	return append(out, &expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID})
}

func accept() []expr.Any { return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}} }

// drop counts and drops. The counters are objects of their own, so that they outlive the
// rules that count with them.
func drop(counters ...string) (out []expr.Any) {
	const counter = 1 // NFT_OBJECT_COUNTER
	for _, name := range append([]string{counterName}, counters...) {
		out = append(out, &expr.Objref{Type: counter, Name: name})
	}
	return append(out, &expr.Verdict{Kind: expr.VerdictDrop})
}

// key is the element of a prefix in the set of its length.
func key(p netip.Prefix) []byte { return p.Masked().Addr().AsSlice() }

// prefixOf reads what key writes.
func (l length) prefixOf(b []byte) (netip.Prefix, bool) {
	a, ok := netip.AddrFromSlice(b)
	if !ok || a.Is6() != l.v6 {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, l.bits), true
}
