package sqlrows

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	"haechi"
)

// The columns of a decision in the order of decisionValues, its id last.
const (
	decisionFields = "scope, service, action, mode, rule, reason, origin, decided_by, observed, threshold, window_ns, findings, " +
		"from_ns, until_ns, `repeat`, lifted_ns, lifted_by, lift_reason"
	decisionColumns = decisionFields + ", id"
)

// SaveDecision inserts or replaces a decision; one that was lifted stays lifted. It
// is durable on return.
func (s *Store) SaveDecision(ctx context.Context, d *haechi.Decision) error {
	return s.SaveDecisions(ctx, []haechi.Decision{*d})
}

// SaveDecisions saves many in one durable step, or none.
func (s *Store) SaveDecisions(ctx context.Context, ds []haechi.Decision) error {
	return s.inState(ctx, "save decisions", func(tx *sql.Tx) error {
		for i := range ds {
			if err := s.saveDecision(ctx, tx, &ds[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// saveDecision leaves a decision that was lifted alone, unless it tells of a lift
// itself: the state of a moment ago may be written after it.
func (s *Store) saveDecision(ctx context.Context, tx *sql.Tx, d *haechi.Decision) error {
	values, err := s.decisionValues(d)
	if err != nil {
		return err
	}
	n, err := exec(ctx, tx, "INSERT INTO decisions ("+decisionColumns+") VALUES (?"+strings.Repeat(",?", len(values)-1)+")"+s.d.Keep("id"), values...)
	if err != nil || n > 0 {
		return err
	}
	_, err = exec(ctx, tx, "UPDATE decisions SET "+strings.ReplaceAll(decisionFields, ",", " = ?,")+" = ? WHERE id = ? AND (lifted_ns = 0 OR ? != 0)",
		append(values, nanos(d.LiftedAt))...)
	return err
}

func (s *Store) decisionValues(d *haechi.Decision) ([]any, error) {
	findings, err := json.Marshal(d.Findings)
	if err != nil {
		return nil, err
	}
	fit := s.d.fit
	return []any{fit(d.Scope.String(), maxName), fit(d.Service, maxShort), d.Action.String(), d.Mode.String(), fit(d.Rule, maxShort),
		fit(d.Reason, maxLong), d.Origin.String(), fit(d.By, maxShort), finite(d.Observed), finite(d.Threshold), int64(d.Window),
		string(findings), nanos(d.From), nanos(d.Until), d.Repeat, nanos(d.LiftedAt), fit(d.LiftedBy, maxShort), fit(d.LiftReason, maxLong),
		string(d.ID)}, nil
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
	rows, err := s.state.R.QueryContext(ctx, "SELECT "+decisionColumns+" FROM decisions WHERE "+
		strings.Join(where, " AND ")+" ORDER BY from_ns DESC, id"+limit, args...)
	if err != nil {
		return nil, s.failure("read decisions", err)
	}
	defer rows.Close()
	out := []haechi.Decision{}
	for rows.Next() {
		d, err := scanDecision(rows)
		if err != nil {
			return nil, s.failure("read decisions", err)
		}
		out = append(out, d)
	}
	return out, s.failure("read decisions", rows.Err())
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
	if err := rows.Scan(&scope, &d.Service, &action, &mode, &d.Rule, &d.Reason, &origin, &d.By, &d.Observed, &d.Threshold,
		&window, &findings, &from, &until, &d.Repeat, &lifted, &d.LiftedBy, &d.LiftReason, &d.ID); err != nil {
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
