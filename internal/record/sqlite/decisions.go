package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	"haechi"
)

const decisionColumns = `id, scope, service, action, mode, rule, reason, origin, decided_by, observed, threshold, window_ns,
	findings, from_ns, until_ns, repeat, lifted_ns, lifted_by, lift_reason`

// saveDecision leaves a decision that was lifted alone, unless it tells of a lift
// itself: the state of a moment ago may be written after it.
const saveDecision = "INSERT INTO decisions (" + decisionColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
	ON CONFLICT (id) DO UPDATE SET scope = excluded.scope, service = excluded.service, action = excluded.action,
	mode = excluded.mode, rule = excluded.rule, reason = excluded.reason, origin = excluded.origin,
	decided_by = excluded.decided_by, observed = excluded.observed, threshold = excluded.threshold,
	window_ns = excluded.window_ns, findings = excluded.findings, from_ns = excluded.from_ns, until_ns = excluded.until_ns,
	repeat = excluded.repeat, lifted_ns = excluded.lifted_ns, lifted_by = excluded.lifted_by, lift_reason = excluded.lift_reason
	WHERE decisions.lifted_ns = 0 OR excluded.lifted_ns != 0`

// SaveDecision inserts or replaces a decision; one that was lifted stays lifted. It
// is durable on return.
func (s *Store) SaveDecision(ctx context.Context, d *haechi.Decision) error {
	return s.SaveDecisions(ctx, []haechi.Decision{*d})
}

// SaveDecisions saves many in one durable step, or none.
func (s *Store) SaveDecisions(ctx context.Context, ds []haechi.Decision) error {
	return s.inState(ctx, "save decisions", func(tx *sql.Tx) error {
		for i := range ds {
			d := &ds[i]
			findings, err := json.Marshal(d.Findings)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, saveDecision,
				string(d.ID), d.Scope.String(), d.Service, d.Action.String(), d.Mode.String(), d.Rule, d.Reason, d.Origin.String(), d.By,
				finite(d.Observed), finite(d.Threshold), int64(d.Window), string(findings), nanos(d.From), nanos(d.Until), d.Repeat,
				nanos(d.LiftedAt), d.LiftedBy, d.LiftReason); err != nil {
				return err
			}
		}
		return nil
	})
}

// Decisions returns decisions, the newest start first. A Limit of 0 means all.
func (s *Store) Decisions(ctx context.Context, f *haechi.DecisionFilter) ([]haechi.Decision, error) {
	where, args := []string{"1"}, []any(nil)
	add := func(clause string, v ...any) {
		where, args = append(where, clause), append(args, v...)
	}
	if !f.OpenAt.IsZero() {
		add("lifted_ns = 0 AND (until_ns = 0 OR until_ns > ?)", f.OpenAt.UnixNano())
	}
	if f.ID != "" {
		add("id = ?", string(f.ID))
	}
	if f.About.Kind != haechi.ScopeNone {
		names := covering(f.About)
		add("scope IN (?"+strings.Repeat(",?", len(names)-1)+")", names...)
	}
	if !f.Since.IsZero() {
		add("from_ns >= ?", f.Since.UnixNano())
	}
	limit := ""
	if f.Limit > 0 {
		limit, args = " LIMIT ?", append(args, f.Limit)
	}
	rows, err := s.state.r.QueryContext(ctx, "SELECT "+decisionColumns+" FROM decisions WHERE "+
		strings.Join(where, " AND ")+" ORDER BY from_ns DESC, id"+limit, args...)
	if err != nil {
		return nil, failure("read decisions", err)
	}
	defer rows.Close()
	out := []haechi.Decision{}
	for rows.Next() {
		d, err := scanDecision(rows)
		if err != nil {
			return nil, failure("read decisions", err)
		}
		out = append(out, d)
	}
	return out, failure("read decisions", rows.Err())
}

// covering lists the names of all scopes that cover the one asked about: for an
// address, itself and every prefix around it; else only itself.
func covering(about haechi.Scope) []any {
	names := []any{about.String()}
	p := about.Prefix
	if about.Kind != haechi.ScopeAddress && about.Kind != haechi.ScopePrefix || !p.IsValid() {
		return names
	}
	for bits := p.Bits(); bits >= 0; bits-- {
		around := netip.PrefixFrom(p.Addr(), bits).Masked()
		for _, k := range [...]haechi.ScopeKind{haechi.ScopeAddress, haechi.ScopePrefix} {
			names = append(names, haechi.Scope{Kind: k, Prefix: around}.String())
		}
	}
	return names
}

func scanDecision(rows *sql.Rows) (d haechi.Decision, err error) {
	var scope, action, mode, origin, findings string
	var window, from, until, lifted int64
	if err := rows.Scan(&d.ID, &scope, &d.Service, &action, &mode, &d.Rule, &d.Reason, &origin, &d.By, &d.Observed, &d.Threshold,
		&window, &findings, &from, &until, &d.Repeat, &lifted, &d.LiftedBy, &d.LiftReason); err != nil {
		return d, err
	}
	d.Window, d.From, d.Until, d.LiftedAt = time.Duration(window), moment(from), moment(until), moment(lifted)
	for _, err := range []error{parse(&d.Scope, scope), parse(&d.Action, action), parse(&d.Mode, mode), parse(&d.Origin, origin),
		json.Unmarshal([]byte(findings), &d.Findings)} {
		if err != nil {
			return d, err
		}
	}
	return d, nil
}
