package lru

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Hash is a hash in the making: each of its methods adds one field of a key. It begins
// with the table's seed, which nobody outside knows, so that nobody can choose keys that
// collide.
type Hash uint64

// Constants of wyhash (public domain).
const (
	mix1 = 0xa0761d6478bd642f
	mix2 = 0xe7037ed1a0b428db
)

func (h Hash) pair(a, b uint64) Hash {
	hi, lo := bits.Mul64(a^mix1^uint64(h), b^mix2^bits.RotateLeft64(uint64(h), 32))
	return Hash(hi ^ lo)
}

// Number adds a number.
func (h Hash) Number(n uint64) Hash { return h.pair(n, mix2) }

// Addr adds an address, without its zone.
func (h Hash) Addr(a netip.Addr) Hash {
	b := a.As16()
	return h.pair(binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:]))
}

// Prefix adds a prefix.
func (h Hash) Prefix(p netip.Prefix) Hash { return h.Addr(p.Addr()) ^ Hash(p.Bits()) }

// Text adds a text.
func (h Hash) Text(s string) Hash {
	n := uint64(len(s))
	for ; len(s) > 8; s = s[8:] {
		h = h.pair(eight(s), n)
	}
	last := uint64(0)
	for i := range len(s) {
		last = last<<8 | uint64(s[i])
	}
	return h.pair(last, n)
}

func eight(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// Addr hashes a key that is an address, for [New].
func Addr(a netip.Addr, h Hash) Hash { return h.Addr(a) }

// Prefix hashes a key that is a prefix, for [New].
func Prefix(p netip.Prefix, h Hash) Hash { return h.Prefix(p) }

// Number hashes a key that is a number, for [New].
func Number(n uint64, h Hash) Hash { return h.Number(n) }
