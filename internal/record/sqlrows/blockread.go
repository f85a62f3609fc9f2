package sqlrows

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"

	"haechi"
)

// scanBlocks reads the ordinary events of one span, newest first, until it has so many
// that match and no block can hold a newer one. What it holds serves the next span.
func (s *Store) scanBlocks(ctx context.Context, found *blockSearch, sp span, limit int, out []haechi.Event) (_ []haechi.Event, err error) {
	if !s.d.Blocks || !mayBeOrdinary(found.f) {
		return out, nil
	}
	found.begin(limit)
	rows, err := s.events.R.QueryContext(ctx, "SELECT last_ns, payload FROM event_blocks WHERE last_ns >= ? AND last_ns < ? ORDER BY last_ns DESC, id DESC",
		sp.blocks()...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var last int64
	var payload sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&last, &payload); err != nil {
			return nil, err
		}
		if found.enough(last) {
			break
		}
		if err := found.look(payload); err != nil {
			return nil, damaged(err)
		}
	}
	found.cut()
	return append(out, found.out...), rows.Err() // copied: the search goes on
}

func damaged(err error) error {
	return &haechi.Error{Kind: haechi.Internal, Op: "read recorded events", Hint: "restore the newest backup", Err: err}
}

// blocks are the bounds of last_ns, half-open, between which all blocks lie that hold an
// event of the span: a block is of one minute.
func (sp span) blocks() []any {
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if !sp.from.IsZero() {
		from = sp.from.UnixNano()
	}
	if !sp.to.IsZero() {
		to = (minuteOf(sp.to.Unix()) + 1) * 60e9
	}
	return []any{from, to}
}

// blockSearch collects the newest events that match, at most limit of them.
type blockSearch struct {
	f     *haechi.EventFilter
	limit int
	r     *blockReader
	out   []haechi.Event
	floor int64 // no event of this time or before is wanted any more
}

func (b *blockSearch) begin(limit int) {
	if b.r == nil {
		b.r = newBlockReader()
	}
	b.limit, b.out, b.floor = limit, b.out[:0], math.MinInt64
}

// enough reports whether no event of a time up to last can be among the newest.
func (b *blockSearch) enough(last int64) bool {
	b.cut()
	return last <= b.floor
}

// cut keeps the newest; of those of one moment the ones found first.
func (b *blockSearch) cut() {
	slices.SortStableFunc(b.out, func(x, y haechi.Event) int { return y.Time.Compare(x.Time) })
	if len(b.out) >= b.limit {
		b.out = b.out[:b.limit]
		b.floor = b.out[b.limit-1].Time.UnixNano()
	}
}

// look takes the events that match from a block, the last first.
func (b *blockSearch) look(payload []byte) error {
	if err := b.r.open(payload); err != nil {
		return err
	}
	named, ok := b.named()
	if !ok {
		return nil
	}
	if err := b.r.Load(); err != nil {
		return err
	}
	var e haechi.Event
	times := b.r.Ints(blockTime)
	for row := b.r.Len() - 1; row >= 0; row-- {
		if times[row] <= b.floor || !named.in(b.r, row) {
			continue
		}
		if err := b.r.event(row, &e); err != nil {
			return err
		}
		if b.f.Matches(&e) {
			b.take(&e)
		}
	}
	return nil
}

func (b *blockSearch) take(e *haechi.Event) {
	if b.out = append(b.out, *e); len(b.out) >= 2*b.limit {
		b.cut()
	}
}

// names are texts that a row must have: the number of the text in each column.
type names []struct {
	column int
	number int64
}

func (n names) in(r *blockReader, row int) bool {
	for i := range n {
		if r.Ints(n[i].column)[row] != n[i].number {
			return false
		}
	}
	return true
}

// named looks up in the dictionary what the filter names; false if the block does not
// hold it.
func (b *blockSearch) named() (out names, ok bool) {
	var addr []byte
	if p := b.f.Source.Prefix; b.f.Source.IsSource() && p.IsValid() && p.IsSingleIP() {
		addr, _ = p.Addr().AppendBinary(nil) // never fails
	}
	for _, v := range [...]struct {
		column int
		text   string
	}{{blockDevice, b.f.Device}, {blockService, b.f.Service}, {blockAddr, string(addr)}} {
		if v.text == "" {
			continue
		}
		number := b.r.Number(v.text)
		if number == 0 {
			return nil, false
		}
		out = append(out, struct {
			column int
			number int64
		}{v.column, number})
	}
	return out, true
}
