package xdp

import (
	"encoding/binary"
	"net/netip"
)

// What follows has the layouts of bpf/tables.h.

// key4 is an IPv4 prefix: the address in host order.
type key4 struct{ Addr, Bits uint32 }

// key6 is an IPv6 prefix: both halves in host order.
type key6 struct {
	High, Low  uint64
	Bits, Zero uint32
}

// held is a decision in force. Until is of CLOCK_BOOTTIME, in ns; 0: endless.
type held struct{ Until, Packets, Bytes uint64 }

// count is what was dropped.
type count struct{ Packets, Bytes uint64 }

// Reasons for which the program drops, and behind them those for which it would.
const (
	reasons = 13
	watched = reasons + 4
	counted = watched + 1 // openings answered
)

const (
	mostClasses    = 32
	mostInterfaces = 16
	settings       = 4
)

// came is what came in by one interface, by class.
type came [mostClasses]count

// setting is how the meters are set, in units of 64 ns. Since is of CLOCK_MONOTONIC_COARSE.
type setting struct {
	Cost, Depth, Rate, Unasked uint32
	Since                      uint64
	OpenCost, OpenDepth        uint32
	SYN, New, Echo             cost // of one source, while a stage holds
	Pings, Fragments           cost // of all strangers together
	Strict, Crowd              uint32
}

// cost is a limit: of a packet, and of a burst; no depth: there is none.
type cost struct{ Cost, Depth uint32 }

// What a setting looks at more strictly.
const (
	byStage = 1 << iota
	inCrowd
)

// meters are all settings, and which one is in force.
type meters struct {
	Seed, Odd    uint64
	Active, Zero uint32
	Index        [mostInterfaces]uint32
	Set          [settings]setting
}

// The kinds of prefix lengths in control.
const (
	kept4 = iota
	held4
	kept6
	held6
	kinds
)

const mostLengths = 129

// control names the prefix lengths in use.
type control struct {
	Count [kinds]uint32
	Wide6 uint32
	Bits  [kinds][mostLengths + 3]uint8
}

// use notes a length. One that is noted stays: a table that is asked in vain costs
// little, and a length that moves could be missed.
func (c *control) use(kind int, bits int) {
	for _, b := range c.Bits[kind][:c.Count[kind]] {
		if int(b) == bits {
			return
		}
	}
	c.Bits[kind][c.Count[kind]] = uint8(bits)
	c.Count[kind]++
}

func toKey4(p netip.Prefix) key4 {
	a := p.Addr().As4()
	return key4{binary.BigEndian.Uint32(a[:]), uint32(p.Bits())}
}

func toKey6(p netip.Prefix) key6 {
	a := p.Addr().As16()
	return key6{High: binary.BigEndian.Uint64(a[:8]), Low: binary.BigEndian.Uint64(a[8:]), Bits: uint32(p.Bits())}
}

func (k key4) prefix() netip.Prefix {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], k.Addr)
	return netip.PrefixFrom(netip.AddrFrom4(a), int(k.Bits))
}

func (k key6) prefix() netip.Prefix {
	var a [16]byte
	binary.BigEndian.PutUint64(a[:8], k.High)
	binary.BigEndian.PutUint64(a[8:], k.Low)
	return netip.PrefixFrom(netip.AddrFrom16(a), int(k.Bits))
}

// mix is the finalizer of MurmurHash3, public domain.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// The hints: 2^24 bits a family, of which an IPv6 prefix of at least hint6Bits has one.
// Behind them a bit for each 64 of them: their sum.
const (
	hintLines = 32768
	hintSums  = hintLines / 64
	lineBytes = 64
	hint6Bits = 48
)

// hints are the bits of a prefix, from first to last; ok is false for an IPv6 prefix that
// has none, for which every packet is looked up.
func hints(p netip.Prefix) (first, last uint32, ok bool) {
	if p.Addr().Is4() {
		k := toKey4(p)
		return k.Addr >> 8, (k.Addr | uint32(1<<(32-k.Bits)-1)) >> 8, true
	}
	if p.Bits() < hint6Bits {
		return 0, 0, false
	}
	bit := uint32(mix(toKey6(p).High>>16) >> 40)
	return bit, bit, true
}
