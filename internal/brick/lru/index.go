package lru

// index finds where a key's entry is, by open addressing: a slot holds 32 bits of the
// key's hash above the entry's number plus one, so that nearly always only the entry that
// is right is looked at, and one slot's neighbours lie in the same line of memory.
type index struct {
	slots []uint64
	mask  uint32
	used  int
}

const firstSlots = 16

// numberBits are those of a slot that hold the entry's number plus one; 0 is a free slot.
const numberBits = 1<<32 - 1

// put adds an entry that is not there.
func (x *index) put(hash uint32, entry int32) {
	if x.used*2 >= len(x.slots) {
		x.grow()
	}
	x.used++
	x.set(uint64(hash)<<32 | uint64(entry+1))
}

// set writes a slot to the first free place from its own on.
func (x *index) set(slot uint64) {
	i := uint32(slot>>32) & x.mask
	for x.slots[i] != 0 {
		i = (i + 1) & x.mask
	}
	x.slots[i] = slot
}

func (x *index) grow() {
	old := x.slots
	n := max(firstSlots, 2*len(old))
	x.slots, x.mask = make([]uint64, n), uint32(n-1)
	for _, slot := range old {
		if slot != 0 {
			x.set(slot)
		}
	}
}

// cut takes an entry out and moves those behind it up that would not be found else.
func (x *index) cut(hash uint32, entry int32) {
	i := hash & x.mask
	for x.slots[i] != uint64(hash)<<32|uint64(entry+1) {
		i = (i + 1) & x.mask
	}
	x.used--
	for j := i; ; {
		j = (j + 1) & x.mask
		slot := x.slots[j]
		if slot == 0 {
			break
		}
		if own := uint32(slot>>32) & x.mask; (j-own)&x.mask >= (j-i)&x.mask {
			x.slots[i] = slot
			i = j
		}
	}
	x.slots[i] = 0
}
