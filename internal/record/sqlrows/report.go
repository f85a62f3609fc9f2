package sqlrows

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"haechi"
)

// maxReport bounds the rows of a report.
const maxReport = 1000

// report is one named report: a view, and the time it looks back.
type report struct {
	name, view string
	window     time.Duration
	asWritten  bool // the documents' own view, which knows no other present than its own
}

func reports() []report {
	const day = 24 * time.Hour
	return []report{
		{"daily", "v_daily_security_report_fixed", day, false},
		{"hourly", "v_hourly_activity_pattern_fixed", 7 * day, false},
		{"ips", "v_ip_connection_attempts_fixed", day, false},
		{"devices", "v_device_activity", day, false},
		{"transport", "v_device_transport", 7 * day, false},
		{"csp", "v_csp_violations", 7 * day, false},
		{"queries", "v_query_volume", time.Hour, false},
		{"failures", "v_top_failures", time.Hour, false},
		{"document-daily", "v_daily_security_report", day, true},
		{"document-hourly", "v_hourly_activity_pattern", 7 * day, true},
		{"document-ips", "v_ip_connection_attempts", day, true},
	}
}

// Reports lists the names that Report knows: the corrected reports, then the
// documents' own, whose times and hours are UTC.
func (s *Store) Reports() []string {
	var names []string
	for _, r := range reports() {
		names = append(names, r.name)
	}
	return names
}

// Report runs a named report for the time that ends now. Times in it are in the
// configured zone. An unknown name is an error of kind NotFound.
func (s *Store) Report(ctx context.Context, name string, now time.Time) (haechi.Table, error) {
	all := reports()
	i := slices.IndexFunc(all, func(r report) bool { return r.name == name })
	if i < 0 {
		return haechi.Table{}, &haechi.Error{Kind: haechi.NotFound, Op: "run a report", Msg: fmt.Sprintf("there is no report %q", name),
			Hint: "use one of " + strings.Join(s.Reports(), ", ")}
	}
	if err := s.catchUp(ctx); err != nil {
		return haechi.Table{}, err
	}
	r := all[i]
	query, zone := s.d.viewText(r.view, s.d.Asked), s.cfg.Zone
	args := slices.Repeat([]any{s.d.stamp(now)}, strings.Count(query, "?"))
	if r.asWritten {
		zone, now = time.UTC, s.cfg.Now()
	}
	t := haechi.Table{Name: name, Window: windowText(now.In(zone), r.window)}
	rows, err := s.events.R.QueryContext(ctx, query+" LIMIT "+fmt.Sprint(maxReport), args...)
	if err != nil {
		return t, s.failure("run a report", err)
	}
	defer rows.Close()
	return t, s.failure("run a report", fill(&t, rows, zone))
}

func windowText(now time.Time, d time.Duration) string {
	const layout = "2006-01-02 15:04:05"
	return fmt.Sprintf("%s to %s %s", now.Add(-d).Format(layout), now.Format(layout), now.Location())
}

// fill reads the rows as text; times are turned into the zone.
func fill(t *haechi.Table, rows *sql.Rows, zone *time.Location) (err error) {
	if t.Columns, err = rows.Columns(); err != nil {
		return err
	}
	t.Rows = [][]string{}
	values, into := make([]sql.NullString, len(t.Columns)), make([]any, len(t.Columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row := make([]string, len(values))
		for i, v := range values {
			row[i] = v.String
			if at, err := time.Parse(secondLayout, v.String); err == nil && isTime(t.Columns[i]) {
				row[i] = at.In(zone).Format(secondLayout)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return rows.Err()
}

// isTime reports whether the column holds a time in UTC.
func isTime(column string) bool {
	return strings.HasPrefix(column, "last_") || strings.HasPrefix(column, "first_")
}
