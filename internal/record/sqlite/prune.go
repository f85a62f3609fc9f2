package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"time"

	"haechi/internal/record"
)

// Retention where none is configured.
const (
	keepEvents   = 30 * 24 * time.Hour
	keepFindings = 180 * 24 * time.Hour
)

// pruneRows is how much one step deletes, as the statements below say; between two
// steps the writer gets its turn.
const pruneRows = 5000

// deletion is one statement that deletes at most pruneRows rows.
type deletion struct {
	what string
	arg  any
}

// Prune forgets what is older than its retention and gives the space back to the
// disk. Zero durations mean 30 days, for findings 180. Ended decisions and incidents
// are kept as long as findings; the audit log, devices and open decisions for ever.
func (s *Store) Prune(ctx context.Context, now time.Time, r record.Retention) (rows int64, err error) {
	findings := now.Add(-cmp.Or(r.Findings, keepFindings))
	events, oldest := s.deletions(now, r, findings)
	for _, d := range events {
		n, err := s.deleteAll(ctx, s.events, d)
		rows += n
		if err != nil {
			return rows, failure("prune", err)
		}
	}
	for _, d := range []deletion{
		{"DELETE FROM decisions WHERE rowid IN (SELECT rowid FROM decisions WHERE until_ns > 0 AND until_ns < ?1 OR lifted_ns > 0 AND lifted_ns < ?1 LIMIT 5000)", findings.UnixNano()},
		{"DELETE FROM settings WHERE name IN (SELECT name FROM settings WHERE until_ns > 0 AND until_ns < ? LIMIT 5000)", now.UnixNano()},
	} {
		n, err := s.deleteAll(ctx, s.state, d)
		rows += n
		if err != nil {
			return rows, failure("prune", err)
		}
	}
	s.cfg.Log.Debug("pruned", "rows", rows, "oldest", oldest)
	if err := s.saveZone(ctx); err != nil {
		return rows, err
	}
	return rows, failure("prune", s.shrink(ctx))
}

// deletions lists what goes from events.db, and the oldest time that stays.
func (s *Store) deletions(now time.Time, r record.Retention, findings time.Time) ([]deletion, time.Time) {
	var out []deletion
	oldest := findings
	for p, keep := range [places]time.Duration{chatLogs: r.Messages, connectionLogs: r.Connections, queryLogs: r.Queries, otherEvents: r.Events} {
		until := now.Add(-cmp.Or(keep, keepEvents))
		if until.Before(oldest) {
			oldest = until
		}
		t := place(p).table()
		out = append(out, deletion{"DELETE FROM " + t + " WHERE id IN (SELECT id FROM " + t + " WHERE created_at < ? LIMIT 5000)", stamp(until)})
	}
	return append(out,
		deletion{"DELETE FROM kb_suspicious_activities WHERE id IN (SELECT id FROM kb_suspicious_activities WHERE created_at < ? LIMIT 5000)", stamp(findings)},
		deletion{"DELETE FROM incidents WHERE id IN (SELECT id FROM incidents WHERE end_ns > 0 AND last_ns < ? LIMIT 5000)", findings.UnixNano()},
		deletion{"DELETE FROM minutes WHERE minute IN (SELECT minute FROM minutes WHERE minute < ? LIMIT 5000)", minuteOf(oldest.Unix())},
		deletion{`DELETE FROM seen WHERE (subject, minute) IN (SELECT subject, minute FROM seen INDEXED BY seen_minute
			WHERE minute < ? LIMIT 5000)`, minuteOf(oldest.Unix())},
	), oldest
}

// deleteAll repeats the deletion until nothing is left to delete.
func (s *Store) deleteAll(ctx context.Context, db *database, d deletion) (total int64, err error) {
	for {
		var n int64
		err := db.tx(ctx, func(tx *sql.Tx) error {
			res, err := tx.ExecContext(context.WithoutCancel(ctx), d.what, d.arg)
			if err != nil {
				return err
			}
			n, err = res.RowsAffected()
			return err
		})
		total += n
		if err != nil || n < pruneRows {
			return total, err
		}
	}
}

// shrink gives free pages of events.db back to the disk, a piece at a time.
func (s *Store) shrink(ctx context.Context) error {
	for {
		before, err := s.freePages(ctx)
		if err != nil || before == 0 {
			break
		}
		if err := s.vacuum(ctx); err != nil {
			return err
		}
		if after, err := s.freePages(ctx); err != nil || after >= before {
			break
		}
	}
	_, err := s.events.w.ExecContext(context.WithoutCancel(ctx), "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

// vacuum frees some pages. The pragma does so with each step and returns rows of no
// columns, which must be read to their end.
func (s *Store) vacuum(ctx context.Context) error {
	rows, err := s.events.w.QueryContext(ctx, "PRAGMA incremental_vacuum(256)")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

func (s *Store) freePages(ctx context.Context) (n int64, err error) {
	err = s.events.w.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&n)
	return n, err
}
