package sqlrows

import (
	"cmp"
	"context"
	"database/sql"
	"time"

	"haechi"
	"haechi/internal/record"
)

// maxAudit bounds how many audit entries one call reads.
const maxAudit = 10_000

// AppendAudit makes e the next link of the chain: it fills Seq, Prev, Hash and an
// unset Time. It is durable on return.
func (s *Store) AppendAudit(ctx context.Context, e *haechi.AuditEntry) error {
	if e.Time.IsZero() {
		e.Time = s.cfg.Now()
	}
	e.Time = time.Unix(0, e.Time.UnixNano()).UTC() // what is hashed is what can be read back
	return s.inState(ctx, "append to the audit log", func(tx *sql.Tx) error {
		var head record.ChainHead
		if err := tx.QueryRowContext(ctx, "SELECT seq, hash FROM audit_head"+s.d.Lock).Scan(&head.Seq, &head.Hash); err != nil {
			return err
		}
		head.Link(e)
		if _, err := tx.ExecContext(ctx, "INSERT INTO audit ("+auditColumns+") VALUES (?,?,?,?,?,?,?,?,?,?,?)", int64(e.Seq), e.Time.UnixNano(), e.By, e.Via, e.Action, e.Subject, e.Before, e.After,
			e.Reason, e.Prev, e.Hash); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE audit_head SET seq = ?, hash = ?", int64(head.Seq), head.Hash)
		return err
	})
}

// AuditHead returns the head as it was kept beside the entries.
func (s *Store) AuditHead(ctx context.Context) (record.ChainHead, error) {
	var h record.ChainHead
	err := s.state.R.QueryRowContext(ctx, "SELECT seq, hash FROM audit_head").Scan(&h.Seq, &h.Hash)
	return h, s.failure("read the audit log", err)
}

// AuditEntries returns entries from a sequence number on, oldest first; a limit of
// 0 means 1000, at most 10,000.
func (s *Store) AuditEntries(ctx context.Context, from uint64, limit int) ([]haechi.AuditEntry, error) {
	rows, err := s.state.R.QueryContext(ctx, auditRows+" WHERE seq >= ? ORDER BY seq LIMIT ?", int64(from), auditLimit(limit))
	return s.scanAudit(rows, err)
}

// AuditAbout returns the newest entries about a subject, newest first.
func (s *Store) AuditAbout(ctx context.Context, subject string, limit int) ([]haechi.AuditEntry, error) {
	rows, err := s.state.R.QueryContext(ctx, auditRows+" WHERE subject = ? ORDER BY seq DESC LIMIT ?", subject, auditLimit(limit))
	return s.scanAudit(rows, err)
}

const (
	auditColumns = "seq, ns, by_name, via, action, subject, `before`, after, reason, prev, hash"
	auditRows    = "SELECT " + auditColumns + " FROM audit"
)

func auditLimit(n int) int { return min(cmp.Or(max(n, 0), 1000), maxAudit) }

func (s *Store) scanAudit(rows *sql.Rows, err error) ([]haechi.AuditEntry, error) {
	if err != nil {
		return nil, s.failure("read the audit log", err)
	}
	defer rows.Close()
	out := []haechi.AuditEntry{}
	for rows.Next() {
		var e haechi.AuditEntry
		var ns int64
		if err := rows.Scan(&e.Seq, &ns, &e.By, &e.Via, &e.Action, &e.Subject, &e.Before, &e.After, &e.Reason, &e.Prev, &e.Hash); err != nil {
			return nil, s.failure("read the audit log", err)
		}
		e.Time = time.Unix(0, ns).UTC()
		out = append(out, e)
	}
	return out, s.failure("read the audit log", rows.Err())
}
