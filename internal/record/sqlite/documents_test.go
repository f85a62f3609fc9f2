package sqlite_test

import (
	"database/sql"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"haechi"
	"haechi/internal/record"
	"haechi/internal/record/sqlite"
)

// The documents' queries know no present but the real one, so these tests use it.

func opening(t *testing.T) (*sqlite.Store, *sql.DB) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "r")
	s, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	db := raw(t, filepath.Join(dir, sqlite.EventsFile))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, db
}

// raw opens a file beside the store, as an operator with a shell would.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func appendEvents(t *testing.T, s *sqlite.Store, events ...haechi.Event) {
	t.Helper()
	if err := s.Append(t.Context(), &record.Batch{Events: events}); err != nil {
		t.Fatal(err)
	}
}

func from(addr, device string) haechi.Actor {
	a := netip.MustParseAddr(addr)
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		panic(err)
	}
	return haechi.Actor{Addr: a, Client: p, Device: device}
}

// lines runs a query and joins each row.
func lines(t *testing.T, db *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		v, into := make([]sql.NullString, len(cols)), make([]any, len(cols))
		for i := range v {
			into[i] = &v[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		var cells []string
		for _, c := range v {
			cells = append(cells, c.String)
		}
		out = append(out, strings.Join(cells, " | "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func want(t *testing.T, got []string, lines ...string) {
	t.Helper()
	if d := cmp.Diff(lines, got); d != "" {
		t.Errorf("differs (-want +got):\n%s", d)
	}
}

func attack(now time.Time, device string, n int) (out []haechi.Event) {
	for range n {
		out = append(out, haechi.Event{Time: now, Kind: haechi.KindAuth, Outcome: haechi.Failure, Reason: haechi.ReasonHMACFailed,
			Verdict: haechi.Deny, Actor: from("203.0.113.7", device)})
	}
	return out
}

// Rows A26 and flaw F20: the document's view as written hides whoever is not
// registered; the corrected one shows them.
func TestDailyView(t *testing.T) {
	t.Parallel()
	s, db := opening(t)
	now := time.Now()
	for _, k := range []string{"a/1", "a/2"} {
		if err := s.SaveDevice(t.Context(), &haechi.Device{Key: k, Bot: "a", Status: haechi.Approved}); err != nil {
			t.Fatal(err)
		}
	}
	message := haechi.Event{Time: now, Kind: haechi.KindMessage, Outcome: haechi.Success, Room: "r", Frame: "message", Actor: from("203.0.113.7", "a/1")}
	old := message
	old.Time = now.Add(-25 * time.Hour)
	appendEvents(t, s, append(attack(now, "a/1", 1), message, old)...)
	appendEvents(t, s, attack(now, "", 2000)...)
	appendEvents(t, s, attack(now, "x/1", 3)...)
	want(t, lines(t, db, "SELECT device_id, device_name, total_requests, unique_rooms, failed_requests, hmac_failures FROM v_daily_security_report"),
		"a/1 | a | 2 | 1 | 1 | 1")
	want(t, lines(t, db, "SELECT device_id, identities, total_requests, unique_rooms, without_room, hmac_failures FROM v_daily_security_report_fixed"),
		"(no identity) | 0 | 2000 | 0 | 2000 | 2000", "(not registered) | 1 | 3 | 0 | 3 | 3", "a/1 | 1 | 2 | 1 | 1 | 1")
}

// Row A27 and flaws F21, F22.
func TestHourlyView(t *testing.T) {
	t.Parallel()
	s, db := opening(t)
	now := time.Now().UTC()
	appendEvents(t, s, haechi.Event{Time: now, Kind: haechi.KindMessage, Count: 5, Actor: from("203.0.113.7", "a/1")},
		haechi.Event{Time: now.Add(-8 * 24 * time.Hour), Kind: haechi.KindMessage})
	want(t, lines(t, db, "SELECT * FROM v_hourly_activity_pattern"), fmt.Sprintf("%d | 1 | 1", now.Hour()))
	got := lines(t, db, "SELECT * FROM v_hourly_activity_pattern_fixed")
	if len(got) != 24 || got[now.Hour()] != fmt.Sprintf("%d | 5 | 1 | 0", now.Hour()) || got[(now.Hour()+1)%24] != fmt.Sprintf("%d | 0 | 0 | 0", (now.Hour()+1)%24) {
		t.Errorf("hours: %v", got)
	}
}

// Row A28 and flaw F23: by exact address a client of many addresses stays below the
// limit; by client key it does not.
func TestAddressView(t *testing.T) {
	t.Parallel()
	s, db := opening(t)
	now := time.Now()
	for i := range 6 {
		appendEvents(t, s, haechi.Event{Time: now, Kind: haechi.KindConnect, Outcome: haechi.Failure, Actor: from("203.0.113.7", "")},
			haechi.Event{Time: now, Kind: haechi.KindConnect, Outcome: haechi.Success, Actor: from(fmt.Sprintf("2001:db8::%x", i+1), "")},
			haechi.Event{Time: now, Kind: haechi.KindHandshake, Outcome: haechi.Failure, Actor: from(fmt.Sprintf("2001:db8::%x", i+1), "")},
			haechi.Event{Time: now, Kind: haechi.KindConnect, Outcome: haechi.Success, Actor: from("198.51.100.1", "")},
			haechi.Event{Time: now, Kind: haechi.KindHandshake, Outcome: haechi.Success, Actor: from("198.51.100.1", "")})
	}
	want(t, lines(t, db, "SELECT ip_address, attempt_count, success_count, failed_count FROM v_ip_connection_attempts"),
		"203.0.113.7 | 6 | 0 | 6")
	want(t, lines(t, db, "SELECT client, addresses, attempt_count, success_count, failed_count FROM v_ip_connection_attempts_fixed ORDER BY client"),
		"2001:db8::/64 | 6 | 6 | 6 | 6", "203.0.113.7 | 1 | 6 | 0 | 6")
}

// Rows A30 to A33, A88 and A21: the documents' other queries, adapted in the date
// functions only.
func TestAdHocQueries(t *testing.T) {
	t.Parallel()
	s, db := opening(t)
	now := time.Now()
	if err := s.SaveDevice(t.Context(), &haechi.Device{Key: "a/1", Bot: "a", Status: haechi.Approved, LastPing: now}); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, s, attack(now, "a/1", 2)...)
	for range 1001 {
		appendEvents(t, s, haechi.Event{Time: now, Kind: haechi.KindQuery, Actor: from("203.0.113.7", "a/1")})
	}
	f := haechi.Finding{Time: now, Rule: "device/failed-auth", Pattern: "failed_auth", About: haechi.Scope{Kind: haechi.ScopeDevice, Value: "a/1"}}
	if err := s.Append(t.Context(), &record.Batch{Findings: []haechi.Finding{f}}); err != nil {
		t.Fatal(err)
	}
	for query, answer := range map[string]string{
		"SELECT COUNT(*) as cnt FROM kb_bot_devices WHERE status = 'approved' AND last_ping > datetime('now', '-5 minutes')":                                       "1",
		"SELECT COUNT(*) as cnt FROM kb_chat_logs WHERE created_at >= date('now', '-1 day')":                                                                       "2",
		"SELECT COUNT(*) as cnt FROM kb_chat_logs WHERE event = 'hmac_failed' AND created_at >= datetime('now', '-1 hour')":                                        "2",
		"SELECT device_id, pattern_type, json_extract(metadata, '$.\"rule.id\"') FROM kb_suspicious_activities":                                                    "a/1 | failed_auth | device/failed-auth",
		"SELECT device_id, COUNT(*) as query_count FROM kb_query_logs WHERE created_at >= datetime('now', '-1 hour') GROUP BY device_id HAVING query_count > 1000": "a/1 | 1001",
	} {
		want(t, lines(t, db, query), answer)
	}
}

// Row A89: the document's UPDATE runs and changes the copy; the registry stands until
// it follows.
func TestUpdateOfProjection(t *testing.T) {
	t.Parallel()
	s, db := opening(t)
	d := haechi.Device{Key: "a/1", Bot: "a", Status: haechi.Approved}
	if err := s.SaveDevice(t.Context(), &d); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, s, haechi.Event{Kind: haechi.KindSystem})
	if _, err := db.ExecContext(t.Context(), `UPDATE kb_bot_devices SET status = 'blocked', blocked_reason = 'Suspicious activity',
		blocked_at = datetime('now') WHERE device_id IN ('a/1')`); err != nil {
		t.Fatal(err)
	}
	devices, err := s.Devices(t.Context())
	if err != nil || devices[0].Status != haechi.Approved {
		t.Fatalf("the registry says %v, %v", devices, err)
	}
	want(t, lines(t, db, "SELECT status FROM kb_bot_devices"), "blocked")
	d.Status, d.Reason, d.ChangedAt = haechi.Blocked, "Suspicious activity", time.Date(2025, 11, 22, 1, 2, 3, 0, time.UTC)
	if err := s.SaveDevice(t.Context(), &d); err != nil {
		t.Fatal(err)
	}
	appendEvents(t, s, haechi.Event{Kind: haechi.KindSystem})
	want(t, lines(t, db, "SELECT status, blocked_reason, blocked_at FROM kb_bot_devices"), "blocked | Suspicious activity | 2025-11-22 01:02:03")
}

// Each event lies in one table only, whatever its kind and outcome.
func TestWrittenOnce(t *testing.T) {
	t.Parallel()
	s, db := opening(t)
	var all []haechi.Event
	for k := haechi.KindConnect; k <= haechi.KindSystem; k++ {
		for _, o := range []haechi.Outcome{haechi.Unknown, haechi.Success, haechi.Failure} {
			all = append(all, haechi.Event{Kind: k, Outcome: o, Text: "nothing of a message"})
		}
	}
	appendEvents(t, s, all...)
	want(t, lines(t, db, `SELECT (SELECT count(*) FROM kb_chat_logs) + (SELECT count(*) FROM kb_connection_logs)
		+ (SELECT count(*) FROM kb_query_logs) + (SELECT count(*) FROM events) + (SELECT sum(events) FROM event_blocks)`), fmt.Sprint(len(all)))
	want(t, lines(t, db, "SELECT DISTINCT kind FROM kb_chat_logs ORDER BY kind"), "auth", "message")
}

// Message bodies have no column to lie in (C5, F28).
func TestNoBodyColumn(t *testing.T) {
	t.Parallel()
	_, db := opening(t)
	for _, c := range lines(t, db, "SELECT name FROM pragma_table_xinfo('kb_chat_logs')") {
		for _, bad := range []string{"text", "message", "body", "raw", "content", "sender"} {
			if strings.Contains(c, bad) {
				t.Errorf("kb_chat_logs has a column %s", c)
			}
		}
	}
}

// The documents' views are in the database word for word, date functions aside.
func TestViewsAsWritten(t *testing.T) {
	t.Parallel()
	_, db := opening(t)
	for view, lines2 := range map[string][]string{
		"v_daily_security_report":   {"LEFT JOIN kb_chat_logs l ON d.device_id = l.device_id", "WHERE l.created_at >=", "HAVING failed_requests > 10 OR hmac_failures > 0", "ORDER BY failed_requests DESC, total_requests DESC"},
		"v_hourly_activity_pattern": {"COUNT(DISTINCT device_id) as active_devices", "ORDER BY hour"},
		"v_ip_connection_attempts":  {"HAVING failed_count > 5", "ORDER BY failed_count DESC"},
	} {
		got := strings.Join(lines(t, db, "SELECT sql FROM sqlite_schema WHERE name = '"+view+"'"), "")
		for _, l := range lines2 {
			if !strings.Contains(got, l) {
				t.Errorf("%s lacks %q:\n%s", view, l, got)
			}
		}
	}
}

// Queries by device, address, reference and for failures use an index, as do the
// documents' by date.
func TestIndexes(t *testing.T) {
	t.Parallel()
	_, db := opening(t)
	for _, q := range []string{
		"SELECT * FROM v_daily_security_report", "SELECT * FROM v_ip_connection_attempts_fixed",
		"SELECT COUNT(*) FROM kb_chat_logs WHERE event = 'hmac_failed' AND created_at >= datetime('now', '-1 hour')",
		"SELECT * FROM events WHERE created_at >= 'x' AND ns >= 1 ORDER BY created_at DESC, ns DESC, id DESC",
	} {
		plan := strings.Join(lines(t, db, "EXPLAIN QUERY PLAN "+q), "\n")
		for _, table := range []string{"kb_chat_logs", "kb_connection_logs", "events", " l"} {
			if strings.Contains(plan, "SCAN "+strings.TrimSpace(table)+"\n") {
				t.Errorf("%s scans:\n%s", q, plan)
			}
		}
	}
}
