package distinct

import (
	"encoding/binary"
	"net/netip"

	"github.com/axiomhq/hyperloglog"
)

// precision gives 1,024 registers.
const precision = 10

// Counter counts different hashes. The zero value is empty, and takes its memory with
// the first one. It is not safe for concurrent use.
type Counter struct {
	sketch *hyperloglog.Sketch
	last   uint64 // the newest hash: runs of one thing cost nothing
}

// Add adds a hash, for example of [Of] or [Mix].
func (c *Counter) Add(hash uint64) {
	if c.sketch == nil {
		c.sketch, _ = hyperloglog.NewSketch(precision, true) // only an impossible precision is an error
	} else if hash == c.last {
		return
	}
	c.last = hash
	c.sketch.InsertHash(hash)
}

// Count estimates how many different hashes were added.
func (c *Counter) Count() uint64 {
	if c.sketch == nil {
		return 0
	}
	return c.sketch.Estimate()
}

// Reset forgets everything.
func (c *Counter) Reset() { *c = Counter{} }

// Of hashes an address; IPv4 and the same written as IPv6 are the same.
func Of(a netip.Addr) uint64 {
	b := a.As16()
	return Mix(binary.BigEndian.Uint64(b[:8])*0x9e3779b97f4a7c15 ^ binary.BigEndian.Uint64(b[8:]))
}

// Mix spreads a number over all bits (the finaliser of MurmurHash3).
func Mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
