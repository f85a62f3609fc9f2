package sqlrows

import (
	"context"
	"database/sql"

	"haechi"
	"haechi/internal/brick/columnar"
)

// Bounds of blocks. A block is of one minute, as the table seen names them.
const (
	blockRows  = 1000
	blockTexts = 256 << 10 // bytes of texts after which a block is ended
	openBlocks = 8         // minutes whose events may come mixed
)

// block is a row of event_blocks.
type block struct {
	first, last int64 // Unix nanoseconds
	events      int
	payload     []byte
}

const blockInsert = "INSERT INTO event_blocks (first_ns, last_ns, events, payload) VALUES (?,?,?,?)"

// blockWriter makes blocks of the ordinary events of a batch. What it holds is used
// again for the next one.
type blockWriter struct {
	open, spare []*openBlock
	done        []block
	buf         []byte // what done lies in
	stmt        *sql.Stmt
}

// add puts an event into its minute's block, counts it and notes who was seen.
func (a *appendState) add(e *haechi.Event) {
	o := a.blockOf(minuteOf(e.Time.Unix()))
	addr, device := o.put(e)
	if o.fresh(addr, sightedAddr) {
		a.seen.add(sighting{seenAddress[0], a.enc.addr(e.Addr), o.minute})
	}
	if o.fresh(device, sightedDevice) {
		a.seen.add(sighting{seenDevice[0], e.Device, o.minute})
	}
	if o.b.Len() >= blockRows || o.b.Texts() >= blockTexts {
		a.endBlock(o)
		o.reset(o.minute)
	}
}

// blockOf finds the block of a minute, or begins it.
func (a *appendState) blockOf(minute int64) *openBlock {
	w := &a.blocks
	for _, o := range w.open {
		if o.minute == minute {
			return o
		}
	}
	var o *openBlock
	switch {
	case len(w.open) == openBlocks:
		o = w.open[0]
		a.endBlock(o)
		w.open = append(w.open[:0], w.open[1:]...)
	case len(w.spare) > 0:
		o, w.spare = w.spare[len(w.spare)-1], w.spare[:len(w.spare)-1]
	default:
		o = &openBlock{b: columnar.NewBuilder()}
	}
	o.reset(minute)
	w.open = append(w.open, o)
	return o
}

// endBlock packs a block, if anything is in it.
func (a *appendState) endBlock(o *openBlock) {
	w := &a.blocks
	if o.b.Len() == 0 {
		return
	}
	start := len(w.buf)
	w.buf = o.b.Append(w.buf)
	w.done = append(w.done, block{o.first, o.last, o.b.Len(), w.buf[start:]})
	a.roll.add(o.minute, counts{requests: o.requests, passed: o.requests})
}

// endBlocks packs what is open.
func (a *appendState) endBlocks() {
	w := &a.blocks
	for _, o := range w.open {
		a.endBlock(o)
		o.reset(0) // what the event's texts lie in is free again
	}
	w.open, w.spare = w.open[:0], append(w.spare, w.open...)
}

// insertBlocks writes the blocks.
func (a *appendState) insertBlocks(ctx context.Context, tx *sql.Tx) error {
	if len(a.blocks.done) == 0 {
		return nil
	}
	stmt := tx.StmtContext(ctx, a.blocks.stmt)
	for i := range a.blocks.done {
		if _, err := stmt.ExecContext(ctx, a.blocks.done[i].values()...); err != nil {
			return err
		}
	}
	return nil
}

func (b *block) values() []any { return []any{b.first, b.last, b.events, b.payload} }

func (w *blockWriter) reset() {
	clear(w.done)
	w.done, w.buf = w.done[:0], w.buf[:0]
	if cap(w.buf) > blockTexts {
		w.buf = nil // of a batch of long texts
	}
}
