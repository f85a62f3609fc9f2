package sqlrows

import (
	"context"
	"database/sql"
	"time"

	"haechi"
	"haechi/internal/brick/columnar"
)

// pruneAtOnce is how many blocks one step of forgetting deletes.
const pruneAtOnce = 200

// pruneBlocks deletes the blocks whose last event is older than until, and says how many
// events they held: an event stays at most a minute longer than it must.
func (s *Store) pruneBlocks(ctx context.Context, until time.Time) (events int64, err error) {
	for s.d.Blocks {
		var n int64
		err := s.events.Tx(ctx, func(tx *sql.Tx) (err error) {
			const oldest = "(SELECT id FROM event_blocks WHERE last_ns < ? ORDER BY last_ns LIMIT ?)"
			ctx := s.d.steady(ctx)
			if err := tx.QueryRowContext(ctx, "SELECT coalesce(sum(events), 0) FROM event_blocks WHERE id IN "+oldest,
				until.UnixNano(), pruneAtOnce).Scan(&n); err != nil || n == 0 {
				return err
			}
			_, err = exec(ctx, tx, "DELETE FROM event_blocks WHERE id IN "+oldest, until.UnixNano(), pruneAtOnce)
			return err
		})
		if err != nil || n == 0 {
			return events, err
		}
		events += n
	}
	return events, nil
}

// eraseBlocks takes the device's events out of the blocks of one span, and out of the
// counts. A block that would be empty goes.
func (s *Store) eraseBlocks(ctx context.Context, tx *sql.Tx, key string, sp span) (events int64, err error) {
	if !s.d.Blocks {
		return 0, nil
	}
	ids, err := column[int64](ctx, tx, "SELECT id FROM event_blocks WHERE last_ns >= ? AND last_ns < ?", sp.blocks()...)
	if err != nil {
		return 0, err
	}
	w := blockEraser{r: newBlockReader(), kept: &openBlock{b: columnar.NewBuilder()}, key: key}
	for _, id := range ids {
		n, err := w.erase(ctx, tx, id)
		if err != nil {
			return events, err
		}
		events += n
	}
	return events, w.gone.takeBack(ctx, tx, &s.d)
}

// blockEraser packs blocks again without the events of one device.
type blockEraser struct {
	r    *blockReader
	kept *openBlock
	key  string
	gone rollup
}

func (w *blockEraser) erase(ctx context.Context, tx *sql.Tx, id int64) (events int64, err error) {
	var payload []byte
	if err := tx.QueryRowContext(ctx, "SELECT payload FROM event_blocks WHERE id = ?", id).Scan(&payload); err != nil {
		return 0, err
	}
	if err := w.r.open(payload); err != nil {
		return 0, damaged(err)
	}
	if w.r.Number(w.key) == 0 {
		return 0, nil
	}
	if events, err = w.sift(); err != nil || events == 0 {
		return events, err
	}
	if w.kept.b.Len() == 0 {
		_, err = exec(ctx, tx, "DELETE FROM event_blocks WHERE id = ?", id)
		return events, err
	}
	left := block{w.kept.first, w.kept.last, w.kept.b.Len(), w.kept.b.Append(nil)}
	_, err = exec(ctx, tx, "UPDATE event_blocks SET first_ns = ?, last_ns = ?, events = ?, payload = ? WHERE id = ?", append(left.values(), id)...)
	return events, err
}

// sift keeps the events of others and counts the device's.
func (w *blockEraser) sift() (gone int64, err error) {
	if err := w.r.Load(); err != nil {
		return 0, damaged(err)
	}
	w.kept.reset(0)
	for row := range w.r.Len() {
		var e haechi.Event
		if err := w.r.event(row, &e); err != nil {
			return 0, damaged(err)
		}
		if e.Device == w.key {
			w.gone.event(&e)
			gone++
		} else {
			w.kept.put(&e)
		}
	}
	return gone, nil
}
