package flow

// ways is how many flows share a bucket. A bucket has a word of tags, one byte of each
// flow's hash, so that looking for a flow touches one line of memory and then, nearly
// always, just the slot that is right.
const ways = 8

// buckets is a set-associative table. It doubles up to its bound.
type buckets[K key] struct {
	tags  []uint64
	slots []slot[K]
	mask  uint64
	most  int // buckets
	live  int
	seed  uint64
}

func newBuckets[K key](first, most int, seed uint64) buckets[K] {
	n := 1
	for n*ways < first {
		n *= 2
	}
	limit := n
	for limit*2*ways <= most {
		limit *= 2
	}
	return buckets[K]{tags: make([]uint64, n), slots: make([]slot[K], n*ways), mask: uint64(n - 1), most: limit, seed: seed}
}

// tagOf is never 0, which marks a free slot.
func tagOf(h uint64) uint64 { return h>>56 | 1 }

const (
	low7  = 0x0101010101010101
	high1 = 0x8080808080808080
)

// matching marks the bytes of tags that are tag; a byte may be marked wrongly above one
// that is marked rightly, so the slot itself has the last word.
func matching(tags, tag uint64) uint64 {
	x := tags ^ tag*low7
	return (x - low7) &^ x & high1
}

// find returns the index of a flow, or -1.
func (b *buckets[K]) find(h uint64, k K, proto uint8) int {
	bucket := h & b.mask
	tags := b.tags[bucket]
	for m := matching(tags, tagOf(h)); m != 0; m &= m - 1 {
		i := int(bucket)*ways + lowest(m)
		if s := &b.slots[i]; s.key == k && s.proto == proto && tags>>(lowest(m)*8)&255 != 0 {
			return i
		}
	}
	return -1
}

// likely is the index of the flow that is probably meant, of any if it is not there.
func (b *buckets[K]) likely(h uint64) uint32 {
	bucket := h & b.mask
	return uint32(bucket)*ways + uint32(lowest(matching(b.tags[bucket], tagOf(h))))&(ways-1)
}

// room returns a free index in the flow's bucket, or -1.
func (b *buckets[K]) room(h uint64) int {
	bucket := h & b.mask
	if m := matching(b.tags[bucket], 0); m != 0 {
		return int(bucket)*ways + lowest(m)
	}
	return -1
}

func (b *buckets[K]) take(i int, h uint64) *slot[K] {
	shift := uint(i%ways) * 8
	b.tags[i/ways] |= tagOf(h) << shift
	b.live++
	s := &b.slots[i]
	*s = slot[K]{}
	return s
}

// give frees a slot. It has no packets then, by which whoever looks at it without its tag
// knows that it is none.
func (b *buckets[K]) give(i int) {
	b.slots[i].packetsIn, b.slots[i].packetsOut = 0, 0
	b.tags[i/ways] &^= 255 << (uint(i%ways) * 8)
	b.live--
}

func (b *buckets[K]) used(i int) bool { return b.tags[uint(i)/ways]>>(uint(i)%ways*8)&255 != 0 }

// grow doubles the table if it may. Every flow finds room: a bucket's flows go to two.
func (b *buckets[K]) grow() bool {
	n := len(b.tags)
	if n*2 > b.most {
		return false
	}
	old := *b
	b.tags, b.slots, b.mask = make([]uint64, 2*n), make([]slot[K], 2*n*ways), uint64(2*n-1)
	for i := range old.slots {
		if old.used(i) {
			s := &old.slots[i]
			h := s.key.hash(b.seed, s.proto)
			at := b.room(h)
			b.tags[at/ways] |= tagOf(h) << (uint(at%ways) * 8)
			b.slots[at] = *s
		}
	}
	return true
}

// worst is the index in a full bucket of the flow that is least of a loss, and how much
// it is worth.
func (b *buckets[K]) worst(h uint64) (index, worth int) {
	from := int(h&b.mask) * ways
	index, worth = from, b.slots[from].worth()
	for i := from + 1; i < from+ways; i++ {
		s := &b.slots[i]
		if w := s.worth(); w < worth || w == worth && s.last < b.slots[index].last {
			index, worth = i, w
		}
	}
	return index, worth
}
