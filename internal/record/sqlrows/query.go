package sqlrows

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"haechi"
)

// Bounds of EventFilter.Limit.
const (
	defaultEvents = 100
	maxEvents     = 10_000
)

// Events returns recorded events, newest first. It reads the four tables and the blocks
// by their time index, and only the minutes in which a named device, address or reference
// occurs; what it returns always passes f.Matches.
func (s *Store) Events(ctx context.Context, f *haechi.EventFilter) ([]haechi.Event, error) {
	limit := min(cmp.Or(max(f.Limit, 0), defaultEvents), maxEvents)
	spans, err := s.spans(ctx, f)
	if err != nil {
		return nil, s.failure("read events", err)
	}
	out := make([]haechi.Event, 0, min(limit, defaultEvents))
	packed := blockSearch{f: f}
	for _, sp := range spans {
		var found []haechi.Event
		for p := range places {
			if !wanted(p, f.Kinds) {
				continue
			}
			if found, err = s.scan(ctx, p, f, sp, limit-len(out), found); err != nil {
				return nil, s.failure("read events", err)
			}
		}
		if found, err = s.scanBlocks(ctx, &packed, sp, limit-len(out), found); err != nil {
			return nil, s.failure("read events", err)
		}
		slices.SortStableFunc(found, func(a, b haechi.Event) int { return b.Time.Compare(a.Time) })
		out = append(out, found[:min(len(found), limit-len(out))]...)
		if len(out) == limit {
			break
		}
	}
	return out, nil
}

func wanted(p place, kinds []haechi.Kind) bool {
	return len(kinds) == 0 || slices.ContainsFunc(kinds, p.mayHold)
}

// Rows read at once: a page more than is wanted is not read, since a database at the
// other end of a connection would send it all the same.
const (
	firstPage   = 100
	largestPage = 10_000
)

// scan reads one table in one span, newest first, until it has so many that match.
func (s *Store) scan(ctx context.Context, p place, f *haechi.EventFilter, sp span, limit int, out []haechi.Event) ([]haechi.Event, error) {
	where, args := s.conditions(f, sp)
	if f.Hits {
		if p != otherEvents {
			return out, nil // no requests lie there
		}
		where += " AND text <> ''" // of a request: what the WAF found; Matches looks closer
	}
	index := "_time" // said, since without bounds the database would rather sort the whole table
	if f.Failures || f.AtLeast > haechi.Info {
		index = "_notable"
	}
	from := p.table() + s.d.Use(p.table()+index)
	query := "SELECT id," + strings.Join(p.columns(), ",") + " FROM " + from + " WHERE " + where
	most := len(out) + limit
	for size, more := max(limit, firstPage), ""; ; size = min(2*size, largestPage) {
		var r eventRow
		n, err := s.page(ctx, query+more+" ORDER BY created_at DESC, ns DESC, id DESC LIMIT "+strconv.Itoa(size), args, r.into(p), func() error {
			e, err := r.event()
			if err == nil && len(out) < most && f.Matches(&e) {
				out = append(out, e)
			}
			return err
		})
		if err != nil || n < size || len(out) == most {
			return out, err
		}
		if more == "" {
			more, args = " AND created_at <= ? AND (ns < ? OR ns = ? AND id < ?)", append(args, nil, nil, nil, nil)
		}
		copy(args[len(args)-4:], []any{r.created, r.ns, r.ns, r.id})
	}
}

// page runs the query and takes each row; it reports how many there were.
func (s *Store) page(ctx context.Context, query string, args, into []any, take func() error) (n int, err error) {
	rows, err := s.events.R.QueryContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for ; rows.Next(); n++ {
		if err := rows.Scan(into...); err != nil {
			return n, err
		}
		if err := take(); err != nil {
			return n, err
		}
	}
	return n, errors.Join(rows.Err(), rows.Close())
}

// conditions is what SQL can tell of the filter; Matches does the rest.
func (s *Store) conditions(f *haechi.EventFilter, sp span) (string, []any) {
	where, args := []string{"1"}, []any(nil)
	add := func(clause string, v ...any) {
		where, args = append(where, clause), append(args, v...)
	}
	if !sp.from.IsZero() {
		add("created_at >= ? AND ns >= ?", s.d.stamp(sp.from), sp.from.UnixNano())
	}
	if !sp.to.IsZero() {
		add("created_at <= ? AND ns < ?", s.d.stamp(sp.to), sp.to.UnixNano())
	}
	if f.Failures || f.AtLeast > haechi.Info {
		add(s.d.Notable)
	}
	if f.Service != "" {
		add("service = ?", f.Service)
	}
	if f.Device != "" {
		add("device_id = ?", f.Device)
	}
	if f.Ref != "" {
		add("ref = ?", string(f.Ref))
	}
	if p := f.Source.Prefix; f.Source.IsSource() && p.IsValid() && p.IsSingleIP() {
		add("ip_address = ?", p.Addr().String())
	}
	return strings.Join(where, " AND "), args
}

// span is a stretch of time, half-open; a zero end is open.
type span struct{ from, to time.Time }

// spanMinutes is how many minutes in a row are read as one span.
const spanMinutes = 60

// spans lists where to look, newest first and not overlapping.
func (s *Store) spans(ctx context.Context, f *haechi.EventFilter) ([]span, error) {
	subject, ok := subjectOf(f)
	if !ok {
		return []span{{f.Since, f.Until}}, nil
	}
	where, args := "subject >= ? AND subject <= ?", []any{subject.from, subject.to}
	if subject.from == subject.to {
		where, args = "subject = ?", args[:1]
	}
	if !f.Since.IsZero() {
		where, args = where+" AND minute >= ?", append(args, minuteOf(f.Since.Unix()))
	}
	if !f.Until.IsZero() {
		where, args = where+" AND minute <= ?", append(args, minuteOf(f.Until.Unix()))
	}
	minutes, err := column[int64](ctx, s.events.R, "SELECT DISTINCT minute FROM seen WHERE "+where+" ORDER BY minute DESC", args...)
	return join(minutes, span{f.Since, f.Until}), err
}

// join makes spans of minutes, newest first, within the bounds.
func join(minutes []int64, bounds span) (out []span) {
	for i := 0; i < len(minutes); {
		last := i
		for last+1 < len(minutes) && minutes[last+1] == minutes[last]-1 && last-i < spanMinutes-1 {
			last++
		}
		sp := span{time.Unix(minutes[last]*60, 0), time.Unix((minutes[i]+1)*60, 0)}
		if sp.from.Before(bounds.from) {
			sp.from = bounds.from
		}
		if !bounds.to.IsZero() && sp.to.After(bounds.to) {
			sp.to = bounds.to
		}
		out = append(out, sp)
		i = last + 1
	}
	return out
}

// querier is a database or a transaction in it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// column reads the single column of a query.
func column[T any](ctx context.Context, db querier, query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
