package sqlrows

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"time"

	"haechi/internal/record"
)

// Retention where none is configured.
const (
	keepEvents   = 30 * 24 * time.Hour
	keepFindings = 180 * 24 * time.Hour
)

// deletion is one kind of rows to delete: the table, its key, the condition and
// the values for it.
type deletion struct {
	table, key, condition string
	args                  []any
}

// Prune forgets what is older than its retention and gives the space back to the
// disk. Zero durations mean 30 days, for findings 180. Ended decisions and incidents
// are kept as long as findings; the audit log, devices and open decisions for ever.
func (s *Store) Prune(ctx context.Context, now time.Time, r record.Retention) (rows int64, err error) {
	findings := now.Add(-cmp.Or(r.Findings, keepFindings))
	events, oldest := s.deletions(now, r, findings)
	ended := findings.UnixNano()
	state := []deletion{
		{"decisions", "id", "until_ns > 0 AND until_ns < ? OR lifted_ns > 0 AND lifted_ns < ?", []any{ended, ended}},
		{"settings", "name", "until_ns > 0 AND until_ns < ?", []any{now.UnixNano()}},
	}
	n, err := s.deleteAll(ctx, &s.events, events)
	m, err2 := s.deleteAll(ctx, &s.state, state)
	k, err3 := s.pruneBlocks(ctx, now.Add(-cmp.Or(r.Events, keepEvents)))
	rows = n + m + k
	s.cfg.Log.Debug("pruned", "rows", rows, "oldest", oldest)
	if err := errors.Join(err, err2, err3); err != nil {
		return rows, s.failure("prune", err)
	}
	if err := s.saveZone(ctx); err != nil {
		return rows, err
	}
	return rows, s.failure("prune", s.d.Shrink(ctx))
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
		out = append(out, deletion{place(p).table(), "id", "created_at < ?", []any{s.d.stamp(until)}})
	}
	minute := []any{minuteOf(oldest.Unix())}
	return append(out,
		deletion{"kb_suspicious_activities", "id", "created_at < ?", []any{s.d.stamp(findings)}},
		deletion{"incidents", "id", "end_ns > 0 AND last_ns < ?", []any{findings.UnixNano()}},
		deletion{"minutes", "minute", "minute < ?", minute},
		deletion{"seen", "subject, minute", "minute < ?", minute},
		deletion{"batches", "run", "arrived_ns < ?", []any{findings.UnixNano()}},
	), oldest
}

// deleteAll deletes what each deletion names, in pieces.
func (s *Store) deleteAll(ctx context.Context, db *DB, ds []deletion) (total int64, err error) {
	for i := range ds {
		n, err := s.deletePieces(ctx, db, &ds[i])
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func (s *Store) deletePieces(ctx context.Context, db *DB, d *deletion) (total int64, err error) {
	for {
		var n int64
		err := db.Tx(ctx, func(tx *sql.Tx) (err error) {
			n, err = exec(s.d.steady(ctx), tx, s.d.DeleteSome(d.table, d.key, d.condition), d.args...)
			return err
		})
		total += n
		if err != nil || n < PruneRows {
			return total, err
		}
	}
}
