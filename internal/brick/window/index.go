package window

// index finds where a key's entry is, by open addressing: a slot holds the entry's number
// plus one, 0 is a free one. The entry knows its key. Package lru keeps a part of the hash
// beside the number, which is faster and takes four times the memory; here there may be as
// many keys as devices, and nobody waits.
type index struct {
	slots []int32
	mask  uint32
	used  int
}

const firstSlots = 16

// home is where a key's search begins. Keys are hashes as a rule, and need not be.
func home(key uint64) uint32 { return uint32(key * 0x9e3779b97f4a7c15 >> 32) }

// put adds an entry that is not there.
func (x *index) put(key uint64, entry int32, keyOf func(int32) uint64) {
	if x.used >= len(x.slots)/4*3 {
		x.grow(keyOf)
	}
	x.used++
	x.set(key, entry+1)
}

// set writes a slot to the first free place from the key's own on.
func (x *index) set(key uint64, slot int32) {
	i := home(key) & x.mask
	for x.slots[i] != 0 {
		i = (i + 1) & x.mask
	}
	x.slots[i] = slot
}

func (x *index) grow(keyOf func(int32) uint64) {
	old := x.slots
	n := max(firstSlots, 2*len(old))
	x.slots, x.mask = make([]int32, n), uint32(n-1)
	for _, slot := range old {
		if slot != 0 {
			x.set(keyOf(slot-1), slot)
		}
	}
}

// cut takes an entry out and moves those behind it up that would not be found else.
func (x *index) cut(key uint64, entry int32, keyOf func(int32) uint64) {
	i := home(key) & x.mask
	for x.slots[i] != entry+1 {
		i = (i + 1) & x.mask
	}
	x.used--
	for j := (i + 1) & x.mask; x.slots[j] != 0; j = (j + 1) & x.mask {
		if own := home(keyOf(x.slots[j]-1)) & x.mask; (j-own)&x.mask >= (j-i)&x.mask {
			x.slots[i] = x.slots[j]
			i = j
		}
	}
	x.slots[i] = 0
}
