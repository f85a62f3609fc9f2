package distinct

import (
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"
	"slices"
)

const (
	exact     = 32
	precision = 10
	registers = 1 << precision
)

// Counter counts different hashes. The zero value is empty, and takes its memory as it
// grows. It is not safe for concurrent use.
type Counter struct {
	few    []uint64
	sketch *sketch
	last   uint64 // the newest hash: runs of one thing cost nothing
}

// sketch are the registers of HyperLogLog with what the estimate needs of them.
type sketch struct {
	rank  [registers]uint8
	zeros int
	sum   float64 // of 2 to the minus rank
}

// Add adds a hash, for example of [Of] or [Mix].
func (c *Counter) Add(hash uint64) {
	switch {
	case hash == c.last && (c.few != nil || c.sketch != nil):
		return
	case c.sketch != nil:
		c.sketch.add(hash)
	case slices.Contains(c.few, hash):
	case len(c.few) < exact:
		c.few = append(c.few, hash)
	default:
		c.sketch = &sketch{zeros: registers, sum: registers}
		for _, h := range c.few {
			c.sketch.add(h)
		}
		c.sketch.add(hash)
		c.few = nil
	}
	c.last = hash
}

func (s *sketch) add(hash uint64) {
	r := &s.rank[hash>>(64-precision)]
	rank := uint8(bits.LeadingZeros64(hash<<precision|1<<(precision-1))) + 1
	if rank <= *r {
		return
	}
	if *r == 0 {
		s.zeros--
	}
	s.sum += math.Ldexp(1, -int(rank)) - math.Ldexp(1, -int(*r))
	*r = rank
}

// Count is how many different hashes were added, as far as it is known.
func (c *Counter) Count() uint64 {
	if c.sketch == nil {
		return uint64(len(c.few))
	}
	return max(c.sketch.count(), exact)
}

func (s *sketch) count() uint64 {
	const m = float64(registers)
	estimate := 0.7213 / (1 + 1.079/m) * m * m / s.sum
	if estimate <= 2.5*m && s.zeros > 0 {
		estimate = m * math.Log(m/float64(s.zeros)) // linear counting
	}
	return uint64(math.Round(estimate))
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
