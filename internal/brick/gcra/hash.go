package gcra

import (
	"hash/maphash"
	"net/netip"
)

// Hasher turns client keys and names into the 64-bit keys of a [Table]. Its seed
// is fresh for each Hasher, so that nobody outside can choose colliding names.
type Hasher struct{ seed maphash.Seed }

// NewHasher returns a Hasher with a seed of its own.
func NewHasher() Hasher { return Hasher{seed: maphash.MakeSeed()} }

// Prefix hashes a client key, family and length included. It does not allocate.
func (h Hasher) Prefix(p netip.Prefix) uint64 {
	a := p.Addr()
	addr := a.As16()
	var b [18]byte
	copy(b[:], addr[:])
	b[16] = byte(p.Bits())
	if a.Is4() {
		b[17] = 4
	}
	return maphash.Bytes(h.seed, b[:])
}

// String hashes a name, for example a device key. It does not allocate.
func (h Hasher) String(s string) uint64 { return maphash.String(h.seed, s) }
