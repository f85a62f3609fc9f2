package talk

import (
	"time"

	"haechi/internal/sensor"
)

// A number that the flow table holds is a slot, and how often the slot was used before,
// so that a late call about a conversation that was let go finds nothing.
const (
	slotBits  = 20
	mostSlots = 1<<slotBits - 1
	slotMask  = mostSlots
	slabSize  = 256
)

// conversation is what is known of one. It is used again, so it is only valid within a call.
type conversation struct {
	l       *Listener
	ends    sensor.Ends
	start   time.Time
	speaker speaker // nil until somebody understands
	sides   [2]stream
	// protocol is the name once it is known.
	protocol string
	id       uint32 // 0 while the slot is free
	used     uint32 // how often the slot was used
	heard    [2]bool
	// turned says that the flow's client is the one who answers, because the flow's
	// begin was not seen.
	turned bool
	done   bool // nobody wants to hear more
	failed bool // a parser panicked
}

// side is the direction of a stream, as the flow has it.
type side uint8

const (
	fromClient side = iota
	fromServer
)

func (s side) other() side { return 1 - s }

// table holds the conversations. It grows to its bound in slabs and never shrinks.
type table struct {
	slabs [][]conversation
	free  []uint32
	next  uint32
	most  int
	open  int
}

// take returns a free slot, or nil when there is none.
func (t *table) take() (*conversation, uint32) {
	var slot uint32
	switch n := len(t.free); {
	case n > 0:
		slot, t.free = t.free[n-1], t.free[:n-1]
	case int(t.next) < t.most:
		if int(t.next)/slabSize == len(t.slabs) {
			t.slabs = append(t.slabs, make([]conversation, slabSize))
		}
		slot = t.next
		t.next++
	default:
		return nil, 0
	}
	c := t.at(slot)
	used := c.used + 1
	*c = conversation{used: used, id: used<<slotBits | (slot + 1)}
	t.open++
	return c, c.id
}

func (t *table) at(slot uint32) *conversation { return &t.slabs[slot/slabSize][slot%slabSize] }

// find returns the conversation of a number, or nil.
func (t *table) find(id uint32) *conversation {
	slot := id & slotMask
	if slot == 0 || slot > t.next {
		return nil
	}
	if c := t.at(slot - 1); c.id == id {
		return c
	}
	return nil
}

func (t *table) give(c *conversation) {
	slot := c.id&slotMask - 1
	*c = conversation{used: c.used}
	t.free = append(t.free, slot)
	t.open--
}
