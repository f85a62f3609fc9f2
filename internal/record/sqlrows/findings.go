package sqlrows

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"haechi"
	"haechi/internal/record"
)

// maxFindings bounds FindingFilter.Limit and the incidents' limit.
const maxFindings = 10_000

// insertFinding writes one row of kb_suspicious_activities. The documents' columns
// stand beside the whole finding in metadata.
func (s *Store) insertFinding(ctx context.Context, tx *sql.Tx, f *haechi.Finding) error {
	meta, err := json.Marshal(storable(f))
	if err != nil {
		return fmt.Errorf("encode finding %s: %w", f.Rule, err)
	}
	c := &s.write.enc
	_, err = tx.ExecContext(ctx, `INSERT INTO kb_suspicious_activities
		(created_at, ns, device_id, pattern_type, rule, about, ref, severity, mode, service, metadata)
		VALUES (?,?,?,?,?,?,?,?,?,?,?)`,
		s.d.stamp(f.Time), f.Time.UnixNano(), c.name(deviceOf(f)), c.short(cmp.Or(f.Pattern, f.Rule)), c.short(f.Rule),
		c.name(f.About.String()), text(string(f.Ref)), number(int64(f.Severity)), text(f.Mode.String()), c.short(f.Service), string(meta))
	return err
}

// deviceOf is whom the documents' column device_id names.
func deviceOf(f *haechi.Finding) string {
	if f.About.Kind == haechi.ScopeDevice {
		return f.About.Value
	}
	return f.Device
}

// storable is the finding with numbers that JSON can hold.
func storable(f *haechi.Finding) *haechi.Finding {
	c := *f
	c.Observed, c.Threshold, c.Score = finite(f.Observed), finite(f.Threshold), finite(f.Score)
	c.Evidence = make([]haechi.Event, len(f.Evidence))
	for i, e := range f.Evidence {
		e.Observed, e.Threshold = finite(e.Observed), finite(e.Threshold)
		c.Evidence[i] = e
	}
	return &c
}

// Findings returns findings, newest first.
func (s *Store) Findings(ctx context.Context, f *record.FindingFilter) ([]haechi.Finding, error) {
	where, args := []string{"metadata IS NOT NULL"}, []any(nil)
	add := func(clause string, v ...any) {
		where, args = append(where, clause), append(args, v...)
	}
	if !f.Since.IsZero() {
		add("created_at >= ? AND ns >= ?", s.d.stamp(f.Since), f.Since.UnixNano())
	}
	if f.About.Kind != haechi.ScopeNone {
		add("about = ?", f.About.String())
	}
	if f.Rule != "" {
		add("rule = ?", f.Rule)
	}
	if f.Ref != "" {
		add("ref = ?", string(f.Ref))
	}
	args = append(args, min(cmp.Or(max(f.Limit, 0), defaultEvents), maxFindings))
	texts, err := column[string](ctx, s.events.R, "SELECT metadata FROM kb_suspicious_activities WHERE "+
		strings.Join(where, " AND ")+" ORDER BY created_at DESC, ns DESC, id DESC LIMIT ?", args...)
	if err != nil {
		return nil, s.failure("read findings", err)
	}
	out := make([]haechi.Finding, len(texts))
	for i, t := range texts {
		if err := json.Unmarshal([]byte(t), &out[i]); err != nil {
			return nil, s.failure("read findings", err)
		}
	}
	return out, nil
}

func (s *Store) saveIncident(ctx context.Context, tx *sql.Tx, i *haechi.Incident) error {
	fit := s.d.fit
	_, err := tx.ExecContext(ctx, `REPLACE INTO incidents
		(id, rule, service, about, severity, mode, start_ns, last_ns, end_ns, findings, peak, decision)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`,
		string(i.ID), fit(i.Rule, maxShort), fit(i.Service, maxShort), fit(i.About.String(), maxName), int64(i.Severity), i.Mode.String(), nanos(i.Start), nanos(i.Last),
		nanos(i.End), int64(i.Findings), finite(i.Peak), string(i.Decision))
	return err
}

// Incidents returns incidents, the one with the newest finding first.
func (s *Store) Incidents(ctx context.Context, openOnly bool, limit int) ([]haechi.Incident, error) {
	where := "1"
	if openOnly {
		where = "end_ns = 0"
	}
	rows, err := s.events.R.QueryContext(ctx, `SELECT id, rule, service, about, severity, mode, start_ns, last_ns, end_ns,
		findings, peak, decision FROM incidents WHERE `+where+` ORDER BY last_ns DESC, id LIMIT ?`,
		min(cmp.Or(max(limit, 0), defaultEvents), maxFindings))
	if err != nil {
		return nil, s.failure("read incidents", err)
	}
	defer rows.Close()
	out := []haechi.Incident{}
	for rows.Next() {
		i, err := scanIncident(rows)
		if err != nil {
			return nil, s.failure("read incidents", err)
		}
		out = append(out, i)
	}
	return out, s.failure("read incidents", rows.Err())
}

func scanIncident(rows *sql.Rows) (i haechi.Incident, err error) {
	var about, mode string
	var start, last, end, findings int64
	err = rows.Scan(&i.ID, &i.Rule, &i.Service, &about, &i.Severity, &mode, &start, &last, &end, &findings, &i.Peak, &i.Decision)
	if err != nil {
		return i, err
	}
	i.Start, i.Last, i.End, i.Findings = moment(start), moment(last), moment(end), uint64(findings)
	if err := parse(&i.About, about); err != nil {
		return i, err
	}
	return i, parse(&i.Mode, mode)
}
