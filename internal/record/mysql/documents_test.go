package mysql_test

import (
	"database/sql"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"haechi"
	"haechi/internal/brick/mariadbtest"
	"haechi/internal/record"
	"haechi/internal/record/mysql"
)

// statements are those of the source documents, word for word, without comments
// before them.
func statements(t *testing.T) (out []string) {
	t.Helper()
	text, err := os.ReadFile("testdata/documents.sql")
	if err != nil {
		t.Fatal(err)
	}
	for s := range strings.SplitSeq(string(text), ";\n") {
		for strings.HasPrefix(strings.TrimSpace(s), "--") {
			_, s, _ = strings.Cut(strings.TrimSpace(s), "\n")
		}
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// lines runs a query and joins each row.
func lines(t *testing.T, db *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
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

func from(addr, device string) haechi.Actor {
	a := netip.MustParseAddr(addr)
	return haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, a.BitLen()), Device: device}
}

func appended(t *testing.T, s *mysql.Store, n int, e haechi.Event) {
	t.Helper()
	b := &record.Batch{}
	for range n {
		b.Events = append(b.Events, e)
	}
	if err := s.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

// clientIn is a client of the database in the time zone, with the server's own SQL
// mode, as an operator has one.
func clientIn(t *testing.T, server *mariadbtest.Server, database, zone string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", server.DSN(database)+"&time_zone='"+strings.ReplaceAll(zone, "+", "%2B")+"'")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// documents runs the documents' statements as they write them (rows A26 to A28, A88
// and A89), in the time zone of a client in Seoul, and the corrected views beside them
// (flaws F20 to F23).
func documents(t *testing.T, server *mariadbtest.Server) {
	server.Open(t, "docs")
	// The documents' queries know no present but the real one.
	cfg := config(t, server.DSN("docs"))
	cfg.Now = time.Now
	s := open(t, cfg)
	defer func() { _ = s.Close() }()
	db := clientIn(t, server, "docs", "+09:00")
	now := time.Now()
	for _, d := range []haechi.Device{{Key: "a/1", Bot: "a", Status: haechi.Approved, LastPing: now}, {Key: "a/2", Bot: "a", Status: haechi.Approved}} {
		if err := s.SaveDevice(t.Context(), &d); err != nil {
			t.Fatal(err)
		}
	}
	attack := haechi.Event{Time: now, Kind: haechi.KindAuth, Outcome: haechi.Failure, Reason: haechi.ReasonHMACFailed, Verdict: haechi.Deny, Actor: from("203.0.113.7", "a/1")}
	message := haechi.Event{Time: now, Kind: haechi.KindMessage, Outcome: haechi.Success, Room: "r", Frame: "message", Actor: from("203.0.113.7", "a/1")}
	appended(t, s, 1, attack)
	appended(t, s, 1, message)
	edge := message
	edge.Time = now.Add(-20 * time.Hour) // within the day whatever the zone
	appended(t, s, 1, edge)
	edge.Time = now.Add(-25 * time.Hour)
	appended(t, s, 1, edge)
	attack.Device = ""
	appended(t, s, 2000, attack)
	appended(t, s, 6, haechi.Event{Time: now, Kind: haechi.KindConnect, Outcome: haechi.Failure, Actor: from("203.0.113.7", "")})
	appended(t, s, 1001, haechi.Event{Time: now, Kind: haechi.KindQuery, Actor: from("203.0.113.7", "a/1")})
	appended(t, s, 1001, haechi.Event{Time: now.Add(-2 * time.Hour), Kind: haechi.KindQuery, Actor: from("203.0.113.7", "a/2")})

	daily := "SELECT device_id, device_name, total_requests, unique_rooms, failed_requests, hmac_failures FROM v_daily_security_report"
	check := func() {
		t.Helper()
		want(t, lines(t, db, daily), "a/1 | a | 3 | 1 | 1 | 1")
		hours := lines(t, db, "SELECT * FROM v_hourly_activity_pattern WHERE hour = "+fmt.Sprint(now.Add(9*time.Hour).UTC().Hour()))
		if len(hours) != 1 || !strings.HasSuffix(hours[0], " | 1") {
			t.Errorf("the hour in Seoul: %v", hours)
		}
		want(t, lines(t, db, "SELECT ip_address, attempt_count, success_count, failed_count FROM v_ip_connection_attempts"), "203.0.113.7 | 6 | 0 | 6")
	}
	check() // the views that the store made
	all := statements(t)
	if len(all) != 5 {
		t.Fatalf("%d statements, want 5", len(all))
	}
	for _, q := range all[:3] { // and those that the document makes
		name := strings.Fields(q)[2]
		ours := lines(t, db, "SELECT view_definition FROM information_schema.views WHERE table_schema = 'docs' AND table_name = '"+name+"'")
		do(t, db, "DROP VIEW "+name, q)
		want(t, lines(t, db, "SELECT view_definition FROM information_schema.views WHERE table_schema = 'docs' AND table_name = '"+name+"'"), ours...)
	}
	check()
	want(t, lines(t, db, all[3]), "a/1 | 1001")
	want(t, lines(t, db, "SELECT device_id, hmac_failures FROM v_daily_security_report_fixed"), "(no identity) | 2000", "a/1 | 1")
	want(t, lines(t, db, "SELECT client, failed_count, failed_auths FROM v_ip_connection_attempts_fixed"), "203.0.113.7 | 2007 | 2001")
	if n := len(lines(t, db, "SELECT * FROM v_hourly_activity_pattern_fixed")); n != 24 {
		t.Errorf("%d hours", n)
	}
	want(t, lines(t, db, "SELECT device_id, query_count FROM v_query_volume"), "a/1 | 1001")
	want(t, lines(t, db, "SELECT COUNT(*) as cnt FROM kb_bot_devices WHERE status = 'approved' AND last_ping > NOW() - INTERVAL 5 MINUTE"), "1")
	want(t, lines(t, db, "SELECT COUNT(*) as cnt FROM kb_chat_logs WHERE event = 'hmac_failed' AND created_at >= NOW() - INTERVAL 1 HOUR"), "2001")
	updated(t, s, db, all[4])
}

// updated is row A89: the statement is seen as a change by hand of that device and of
// none that is spelt like it.
func updated(t *testing.T, s *mysql.Store, db *sql.DB, update string) {
	t.Helper()
	do(t, db, strings.Replace(update, "/* 의심 device_id 목록 */", "'a/1', 'A/1', 'a/1 '", 1))
	got, err := s.HandChanges(t.Context())
	if d := cmp.Diff([]record.HandChange{{Device: "a/1", Status: "blocked", Reason: "Suspicious activity"}}, got); err != nil || d != "" {
		t.Errorf("changed by hand: %v\n%s", err, d)
	}
	want(t, lines(t, db, "SELECT device_id, status, written_status, blocked_at >= NOW() - INTERVAL 1 MINUTE FROM kb_bot_devices ORDER BY device_id"),
		"a/1 | blocked | approved | 1", "a/2 | approved | approved | ")
}

// What the console and the retention ask uses an index, and reads no more than it
// shows.
func indexes(t *testing.T, server *mariadbtest.Server) {
	s, db := opened(t, server, "indexes")
	for i := range 20 {
		b := &record.Batch{}
		for j := range 500 {
			b.Events = append(b.Events, haechi.Event{Time: time.Date(2025, 11, 1+i, 0, 0, j, 0, time.UTC), Kind: haechi.KindMessage, Actor: from("203.0.113.7", "a/1")})
		}
		if err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	do(t, db, "ANALYZE TABLE kb_chat_logs")
	for q, key := range map[string]string{
		"SELECT id FROM kb_chat_logs ORDER BY created_at DESC, ns DESC, id DESC LIMIT 100":                                                                       "kb_chat_logs_time",
		"SELECT id, room FROM kb_chat_logs WHERE created_at >= '2025-11-19' AND created_at <= '2025-11-20' ORDER BY created_at DESC, ns DESC, id DESC LIMIT 100": "kb_chat_logs_time",
		"SELECT id, room FROM kb_chat_logs FORCE INDEX (kb_chat_logs_notable) WHERE notable = 1 ORDER BY created_at DESC, ns DESC, id DESC LIMIT 100":            "kb_chat_logs_notable",
		"DELETE FROM kb_chat_logs WHERE created_at < '2025-11-02' LIMIT 5000":                                                                                    "kb_chat_logs_time",
		"SELECT COUNT(*) FROM kb_chat_logs WHERE event = 'hmac_failed' AND created_at >= '2025-11-20 12:00:00'":                                                  "kb_chat_logs_time",
		"SELECT DISTINCT minute FROM seen WHERE subject = 'da/1' ORDER BY minute DESC":                                                                           "PRIMARY",
		"SELECT seq FROM audit WHERE subject = 'a/1' ORDER BY seq DESC LIMIT 10":                                                                                 "audit_subject",
	} {
		plan := strings.Join(lines(t, db, "EXPLAIN "+q), "\n")
		if !strings.Contains(plan, "| "+key+" |") || strings.Contains(plan, "filesort") {
			t.Errorf("%s:\n%s", q, plan)
		}
	}
	rows, err := s.Prune(t.Context(), time.Date(2025, 12, 11, 0, 0, 0, 0, time.UTC), record.Retention{Messages: 30 * 24 * time.Hour})
	if err != nil || rows < 10*500 {
		t.Errorf("pruned %d rows, %v", rows, err)
	}
	want(t, column(t, db, "SELECT min(created_at) FROM kb_chat_logs"), "2025-11-11T00:00:00Z")
}
