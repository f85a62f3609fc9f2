package talk

// A number that the flow table holds is a slot, and how often the slot was used before,
// so that a late call about a conversation that was let go finds nothing.
const (
	slotBits  = 20
	mostSlots = 1<<slotBits - 1
	slotMask  = mostSlots
	slabSize  = 256
)

// table holds the conversations. It grows to its bound in slabs and never shrinks.
type table struct {
	slabs [][]Conversation
	free  []uint32
	next  uint32
	most  int
	open  int
}

// take returns a free slot, or nil when there is none.
func (t *table) take() (*Conversation, uint32) {
	var slot uint32
	switch n := len(t.free); {
	case n > 0:
		slot, t.free = t.free[n-1], t.free[:n-1]
	case int(t.next) < t.most:
		if int(t.next)/slabSize == len(t.slabs) {
			t.slabs = append(t.slabs, make([]Conversation, slabSize))
		}
		slot = t.next
		t.next++
	default:
		return nil, 0
	}
	c := t.at(slot) // empty, as it was made or given back
	c.used++
	c.id = c.used<<slotBits | (slot + 1)
	t.open++
	return c, c.id
}

func (t *table) at(slot uint32) *Conversation { return &t.slabs[slot/slabSize][slot%slabSize] }

// find returns the conversation of a number, or nil.
func (t *table) find(id uint32) *Conversation {
	slot := id & slotMask
	if slot == 0 || slot > t.next {
		return nil
	}
	if c := t.at(slot - 1); c.id == id {
		return c
	}
	return nil
}

func (t *table) give(c *Conversation) {
	slot := c.id&slotMask - 1
	*c = Conversation{used: c.used}
	t.free = append(t.free, slot)
	t.open--
}
