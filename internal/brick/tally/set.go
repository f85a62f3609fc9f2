package tally

import (
	"math"
	"math/bits"
)

const size = 1024

// Set is the things that were met. The hashes it is given must be good in all bits; those
// of [Hash] are.
type Set [size / 64]uint64

// Add takes a thing in and reports whether its bit was not set before.
func (s *Set) Add(hash uint64) bool {
	i, bit := hash>>6%uint64(len(s)), uint64(1)<<(hash&63)
	fresh := s[i]&bit == 0
	s[i] |= bit
	return fresh
}

// Count estimates how many different things were met.
func (s *Set) Count() int {
	set := 0
	for _, w := range s {
		set += bits.OnesCount64(w)
	}
	return int(math.Round(-size * math.Log1p(-float64(min(set, size-1))/size)))
}

// Hash is a hash of bytes, one after the other onto the hash of what came before; begin
// with 0. With fold, letters count as small ones.
func Hash(before uint64, text string, fold bool) uint64 {
	h := before ^ 14695981039346656037
	for i := range len(text) {
		c := text[i]
		if fold && 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		h = (h ^ uint64(c)) * 1099511628211
	}
	h ^= h >> 32
	h *= 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// Mix is a hash of a number onto the hash of what came before.
func Mix(before, n uint64) uint64 {
	h := (before ^ n) * 0x9e3779b97f4a7c15
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}
