package sqlrows

import (
	"context"
	"database/sql"
	"strings"

	"haechi/internal/record"
)

// maxHand bounds how many changes one look at the projection takes up.
const maxHand = 1000

// HandQuery asks for them, at most so many. SQLite keeps an index of those rows alone.
const HandQuery = `SELECT device_id, status, coalesce(blocked_reason, '') FROM kb_bot_devices
		WHERE status <> coalesce(written_status, '') ORDER BY device_id LIMIT ?`

// HandChanges lists the rows of kb_bot_devices whose status is not the one that the
// store wrote there: somebody changed it with a statement of SQL.
func (s *Store) HandChanges(ctx context.Context) ([]record.HandChange, error) {
	rows, err := s.events.R.QueryContext(ctx, HandQuery, maxHand)
	if err != nil {
		return nil, s.failure("read changes made by SQL", err)
	}
	defer rows.Close()
	var out []record.HandChange
	for rows.Next() {
		var c record.HandChange
		if err := rows.Scan(&c.Device, &c.Status, &c.Reason); err != nil {
			return nil, s.failure("read changes made by SQL", err)
		}
		out = append(out, c)
	}
	return out, s.failure("read changes made by SQL", rows.Err())
}

// SettleHandChange writes the registry's present state over a change made by hand,
// whether the registry followed it or not. A row that was changed again meanwhile is
// left for the next look.
func (s *Store) SettleHandChange(ctx context.Context, c record.HandChange) error {
	d, err := s.device(ctx, c.Device)
	if err != nil {
		return s.failure("settle a change made by SQL", err)
	}
	defer s.forgetProjected(c.Device)
	return s.inEvents(ctx, "settle a change made by SQL", func(tx *sql.Tx) error {
		if d == nil {
			_, err := exec(ctx, tx, "DELETE FROM kb_bot_devices WHERE device_id = ? AND status = ?", c.Device, c.Status)
			return err
		}
		row := s.projection(d)
		_, err := exec(ctx, tx, "UPDATE kb_bot_devices SET "+strings.Join(projectedColumns(), " = ?, ")+" = ? WHERE device_id = ? AND status = ?",
			append(row[:], c.Device, c.Status)...)
		return err
	})
}
