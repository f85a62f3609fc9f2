package sqlrows

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"

	"haechi"
)

// EraseDevice forgets what was recorded about a device: its events, their counts,
// its findings and incidents, and its part in the evidence of others. Decisions and
// the audit log stay. Flush the writer first, or what it still holds comes after.
func (s *Store) EraseDevice(ctx context.Context, key string) (rows int64, err error) {
	spans, err := s.spans(ctx, &haechi.EventFilter{Device: key})
	if err != nil {
		return 0, s.failure("erase a device", err)
	}
	for _, sp := range spans {
		if err := s.erase(ctx, &rows, func(tx *sql.Tx) (int64, error) { return s.eraseSpan(ctx, tx, key, sp) }); err != nil {
			return rows, err
		}
	}
	err = s.erase(ctx, &rows, func(tx *sql.Tx) (int64, error) { return s.eraseFindings(ctx, tx, key) })
	s.forgetProjected(key)
	s.mark(key)
	if err != nil {
		return rows, err
	}
	return rows, s.failure("erase a device", s.d.Shrink(ctx))
}

// erase runs one step while nobody appends: what the writer remembers of the table
// seen is no longer true afterwards.
func (s *Store) erase(ctx context.Context, rows *int64, f func(tx *sql.Tx) (int64, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.write.seen.forget()
	var n int64
	err := s.inEvents(ctx, "erase a device", func(tx *sql.Tx) (err error) {
		n, err = f(tx)
		return err
	})
	*rows += n
	return err
}

// eraseSpan deletes the device's events of one span, wherever they lie.
func (s *Store) eraseSpan(ctx context.Context, tx *sql.Tx, key string, sp span) (total int64, err error) {
	for p := range places {
		n, err := s.eraseEvents(ctx, tx, p, key, sp)
		total += n
		if err != nil {
			return total, err
		}
	}
	n, err := s.eraseBlocks(ctx, tx, key, sp)
	total += n
	if err != nil {
		return total, err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM seen WHERE subject = ? AND minute >= ? AND minute < ?", seenDevice+key,
		minuteOf(sp.from.Unix()), minuteOf(sp.to.Unix()))
	return total, err
}

// eraseEvents deletes the device's events of one place and span, and takes them out
// of the counts.
func (s *Store) eraseEvents(ctx context.Context, tx *sql.Tx, p place, key string, sp span) (int64, error) {
	where, args := s.conditions(&haechi.EventFilter{Device: key}, sp)
	rows, err := tx.QueryContext(ctx, "SELECT id,"+strings.Join(p.columns(), ",")+" FROM "+p.table()+" WHERE "+where, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var r eventRow
	var gone rollup
	for into := r.into(p); rows.Next(); {
		if err := rows.Scan(into...); err != nil {
			return 0, err
		}
		e, err := r.event()
		if err != nil {
			return 0, err
		}
		gone.event(&e)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	n, err := exec(ctx, tx, "DELETE FROM "+p.table()+" WHERE "+where, args...)
	if err != nil {
		return 0, err
	}
	return n, gone.takeBack(ctx, tx, &s.d)
}

func (s *Store) eraseFindings(ctx context.Context, tx *sql.Tx, key string) (int64, error) {
	about := haechi.Scope{Kind: haechi.ScopeDevice, Value: key}.String()
	var gone rollup
	rows, err := tx.QueryContext(ctx, "SELECT ns FROM kb_suspicious_activities WHERE device_id = ? OR about = ?", key, about)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var ns int64
		if err := rows.Scan(&ns); err != nil {
			return 0, err
		}
		gone.finding(&haechi.Finding{Time: moment(ns)})
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	var total int64
	for _, d := range []deletion{
		{"kb_suspicious_activities", "", "device_id = ?", []any{key}},
		{"kb_suspicious_activities", "", "about = ?", []any{about}},
		{"incidents", "", "about = ?", []any{about}},
		{"kb_bot_devices", "", "device_id = ?", []any{key}},
	} {
		n, err := exec(ctx, tx, "DELETE FROM "+d.table+" WHERE "+d.condition, d.args...)
		if err != nil {
			return total, err
		}
		total += n
	}
	if err := gone.takeBack(ctx, tx, &s.d); err != nil {
		return total, err
	}
	return total, eraseEvidence(ctx, tx, key)
}

// eraseEvidence takes the device's events out of the evidence of other findings.
func eraseEvidence(ctx context.Context, tx *sql.Tx, key string) error {
	quoted, err := json.Marshal(key)
	if err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, "SELECT id, metadata FROM kb_suspicious_activities WHERE instr(metadata, ?) > 0", string(quoted))
	if err != nil {
		return err
	}
	defer rows.Close()
	changed := map[int64]string{}
	for rows.Next() {
		var id int64
		var meta []byte
		if err := rows.Scan(&id, &meta); err != nil {
			return err
		}
		if meta, err = withoutDevice(meta, key); err != nil {
			return err
		}
		changed[id] = string(meta)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for id, meta := range changed {
		if _, err := tx.ExecContext(ctx, "UPDATE kb_suspicious_activities SET metadata = ? WHERE id = ?", meta, id); err != nil {
			return err
		}
	}
	return nil
}

func withoutDevice(meta []byte, key string) ([]byte, error) {
	var f haechi.Finding
	if err := json.Unmarshal(meta, &f); err != nil {
		return nil, err
	}
	f.Evidence = slices.DeleteFunc(f.Evidence, func(e haechi.Event) bool { return e.Device == key })
	return json.Marshal(&f)
}
