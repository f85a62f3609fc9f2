package sqlrows

import (
	"context"
	"errors"
	"time"

	"haechi"
)

// Windows of the overview's numbers.
const (
	authFailureWindow = time.Hour
	activeWindow      = 5 * time.Minute
	chartMinutes      = 60
)

// Overview counts. Requests are device frames and HTTP requests, Suspicious are
// findings, both since midnight in the zone; AuthFailures are failed device
// authentications of the last hour; each equals what Events and Findings return for
// the same window, observations that a row stands for counted each. They come from
// the counts of each minute, so the time this takes does not grow with the records.
// Sessions is left to whoever has them.
func (s *Store) Overview(ctx context.Context, now time.Time, zone *time.Location) (haechi.Overview, error) {
	if zone == nil {
		zone = s.cfg.Zone
	}
	local := now.In(zone)
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	o := haechi.Overview{At: now, Zone: zone.String()}
	err := s.events.R.QueryRowContext(ctx, "SELECT coalesce(sum(requests), 0), coalesce(sum(suspicious), 0) FROM minutes WHERE minute >= ?",
		minuteOf(midnight.Unix())).Scan(&o.Requests, &o.Suspicious)
	if err == nil {
		o.AuthFailures, err = s.authFailures(ctx, now.Add(-authFailureWindow))
	}
	if err == nil {
		o.Minutes, err = s.chart(ctx, now)
	}
	if err == nil {
		err = s.countState(ctx, now, &o)
	}
	return o, s.failure("count for the overview", err)
}

// authFailures adds whole minutes from the counts, and the minute that the window
// cuts from the rows.
func (s *Store) authFailures(ctx context.Context, from time.Time) (uint64, error) {
	whole := minuteOf(from.Unix()) + 1
	edge := time.Unix(whole*60, 0)
	var minutes, rows uint64
	err := errors.Join(
		s.events.R.QueryRowContext(ctx, "SELECT coalesce(sum(auth_failures), 0) FROM minutes WHERE minute >= ?", whole).Scan(&minutes),
		s.events.R.QueryRowContext(ctx, "SELECT coalesce(sum(n), 0) FROM kb_chat_logs"+s.d.Use("kb_chat_logs_notable")+
			" WHERE kind = 'auth' AND created_at >= ? AND created_at <= ? AND ns >= ? AND ns < ? AND "+s.d.Notable,
			s.d.stamp(from), s.d.stamp(edge), from.UnixNano(), edge.UnixNano()).Scan(&rows))
	return minutes + rows, err
}

// chart fills the last 60 minutes, those without traffic with zeros.
func (s *Store) chart(ctx context.Context, now time.Time) ([]haechi.MinuteCount, error) {
	first := minuteOf(now.Unix()) - chartMinutes + 1
	out := make([]haechi.MinuteCount, chartMinutes)
	for i := range out {
		out[i].Minute = time.Unix((first+int64(i))*60, 0).UTC()
	}
	rows, err := s.events.R.QueryContext(ctx, "SELECT minute, passed, refused FROM minutes WHERE minute BETWEEN ? AND ?",
		first, first+chartMinutes-1)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var minute int64
		var passed, refused uint64
		if err := rows.Scan(&minute, &passed, &refused); err != nil {
			return nil, err
		}
		out[minute-first].Passed, out[minute-first].Refused = passed, refused
	}
	return out, rows.Err()
}

// countState counts what state.db knows.
func (s *Store) countState(ctx context.Context, now time.Time, o *haechi.Overview) error {
	return errors.Join(
		s.state.R.QueryRowContext(ctx, `SELECT coalesce(sum(status = 'approved' AND ping_ns >= ?), 0), coalesce(sum(status = 'pending'), 0)
			FROM devices`, now.Add(-activeWindow).UnixNano()).Scan(&o.ActiveBots, &o.Pending),
		s.state.R.QueryRowContext(ctx, `SELECT count(*) FROM decisions WHERE mode = 'enforce' AND lifted_ns = 0
			AND (until_ns = 0 OR until_ns > ?)`, now.UnixNano()).Scan(&o.Decisions))
}
