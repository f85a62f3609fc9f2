package sqlrows

import (
	"context"
	"database/sql"

	"haechi"
)

// counts are the numbers of one minute.
type counts struct {
	requests, passed, refused, authFailures, suspicious uint64
}

// rollup counts a batch by minutes.
type rollup map[int64]counts

func minuteOf(unix int64) int64 {
	m := unix / 60
	if unix%60 < 0 {
		m--
	}
	return m
}

// isRequest, isRefused and isAuthFailure define the numbers of the overview, for
// the roll-up and for SQL alike (see overview.go).
func isRequest(e *haechi.Event) bool {
	return e.Kind == haechi.KindMessage || e.Kind == haechi.KindRequest
}

func isAuthFailure(e *haechi.Event) bool {
	return e.Kind == haechi.KindAuth && e.Outcome == haechi.Failure && e.Reason != haechi.ReasonLogin
}

func isRefused(e *haechi.Event) bool {
	return isAuthFailure(e) || e.Refusal()
}

func (r *rollup) event(e *haechi.Event) {
	refused := isRefused(e)
	if !refused && !isRequest(e) {
		return
	}
	c := r.at(e.Time.Unix())
	if isRequest(e) {
		c.requests += e.N()
		if !refused {
			c.passed += e.N()
		}
	}
	if refused {
		c.refused += e.N()
	}
	if isAuthFailure(e) {
		c.authFailures += e.N()
	}
	(*r)[minuteOf(e.Time.Unix())] = c
}

func (r *rollup) finding(f *haechi.Finding) {
	c := r.at(f.Time.Unix())
	c.suspicious++
	(*r)[minuteOf(f.Time.Unix())] = c
}

// add counts what a block of the minute holds.
func (r *rollup) add(minute int64, c counts) {
	had := r.at(minute * 60)
	had.requests += c.requests
	had.passed += c.passed
	(*r)[minute] = had
}

func (r *rollup) at(unix int64) counts {
	if *r == nil {
		*r = rollup{}
	}
	return (*r)[minuteOf(unix)]
}

func (r *rollup) reset() { clear(*r) }

// save adds the counts to the table.
func (r *rollup) save(ctx context.Context, tx *sql.Tx, d *Dialect) error {
	return r.apply(ctx, tx, d, 1)
}

// takeBack subtracts the counts of rows that were erased.
func (r *rollup) takeBack(ctx context.Context, tx *sql.Tx, d *Dialect) error {
	return r.apply(ctx, tx, d, -1)
}

func (r *rollup) apply(ctx context.Context, tx *sql.Tx, d *Dialect, sign int64) error {
	for minute, c := range *r {
		if err := c.add(ctx, tx, d, minute, sign); err != nil {
			return err
		}
	}
	return nil
}

const addCounts = `UPDATE minutes SET requests = requests + ?, passed = passed + ?, refused = refused + ?,
	auth_failures = auth_failures + ?, suspicious = suspicious + ? WHERE minute = ?`

// add changes the minute's row, or makes it. Where somebody else makes it at the same
// moment, the last step adds to theirs.
func (c *counts) add(ctx context.Context, tx *sql.Tx, d *Dialect, minute, sign int64) error {
	args := []any{sign * int64(c.requests), sign * int64(c.passed), sign * int64(c.refused), sign * int64(c.authFailures),
		sign * int64(c.suspicious), minute}
	for _, q := range []string{addCounts,
		"INSERT INTO minutes (requests, passed, refused, auth_failures, suspicious, minute) VALUES (?,?,?,?,?,?)" + d.Keep("minute"),
		addCounts} {
		if n, err := exec(ctx, tx, q, args...); err != nil || n > 0 {
			return err
		}
	}
	return nil
}
