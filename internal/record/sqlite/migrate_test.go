package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"haechi"
	"haechi/internal/record"
	"haechi/internal/record/sqlite"
	"haechi/internal/record/storetest"
)

// A state.db of the first release opens: everything is there, the chain holds, and
// what is new is empty.
func TestMigratesTheFirstRelease(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "r")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	dump, err := os.ReadFile("testdata/state_v1.sql")
	if err != nil {
		t.Fatal(err)
	}
	old := raw(t, filepath.Join(dir, sqlite.StateFile))
	if _, err := old.Exec(string(dump)); err != nil {
		t.Fatal(err)
	}
	s := opened(t, dir)
	ds, err := s.Devices(t.Context())
	if err != nil || len(ds) != 2 {
		t.Fatalf("%d devices, %v", len(ds), err)
	}
	loa := ds[0]
	if loa.Key != "LOA.i/0123456789abcdef" || loa.Status != haechi.Approved || !loa.LastPing.Equal(storetest.Now()) ||
		loa.Label != "" || loa.UUID != "" || !loa.Skew.At.IsZero() || len(loa.Keys) != 2 || !loa.Keys[0].LastUse.IsZero() || loa.Keys[0].Code != "" {
		t.Errorf("migrated as %+v", loa)
	}
	keys, err := s.Keys(t.Context(), loa.Key)
	if err != nil || len(keys) != 2 || string(keys[0].Secret) != "example-secret-do-not-use" || !keys[0].Until.Equal(storetest.Now().Add(time.Hour)) {
		t.Errorf("%d keys, %v", len(keys), err)
	}
	chain, err := s.AuditEntries(t.Context(), 1, 0)
	if err != nil || len(chain) != 3 {
		t.Fatalf("%d entries, %v", len(chain), err)
	}
	var head record.ChainHead
	for i := range chain {
		if err := head.Follow(&chain[i]); err != nil {
			t.Errorf("the chain is broken: %v", err)
		}
	}
	about, err := s.AuditAbout(t.Context(), "도매까봇/1", 0)
	if err != nil || len(about) != 2 || about[0].After != "blocked" {
		t.Errorf("%+v, %v", about, err)
	}
	open, err := s.Decisions(t.Context(), &haechi.DecisionFilter{})
	if err != nil || len(open) != 1 {
		t.Errorf("%d decisions, %v", len(open), err)
	}
	if codes, err := s.Codes(t.Context()); err != nil || len(codes) != 0 {
		t.Errorf("%d codes, %v", len(codes), err)
	}
	var version int
	if err := old.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != 2 {
		t.Errorf("schema %d, %v", version, err)
	}
}

// An events.db of the first release opens: every event is found as it was, the
// overview counts it, and what is new works.
func TestMigratesEventsOfTheFirstRelease(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "r")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for file, dump := range map[string]string{sqlite.StateFile: "testdata/state_v1.sql", sqlite.EventsFile: "testdata/events_v1.sql"} {
		text, err := os.ReadFile(dump)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := raw(t, filepath.Join(dir, file)).Exec(string(text)); err != nil {
			t.Fatal(err)
		}
	}
	s := opened(t, dir)
	got, err := s.Events(t.Context(), &haechi.EventFilter{})
	if err != nil || len(got) != 5 {
		t.Fatalf("%d events, %v", len(got), err)
	}
	if e := got[0]; e.Kind != haechi.KindMessage || e.Room != "가족방" || !e.Time.Equal(storetest.Now().Add(-time.Minute)) || e.Device != "LOA.i/0123456789abcdef" {
		t.Errorf("the newest event became %+v", e)
	}
	fs, err := s.Findings(t.Context(), &record.FindingFilter{})
	if err != nil || len(fs) != 1 || fs[0].Pattern != "failed_auth" {
		t.Errorf("findings %+v, %v", fs, err)
	}
	o, err := s.Overview(t.Context(), storetest.Now(), storetest.Zone())
	if err != nil || o.Requests != 2 || o.AuthFailures != 1 || o.Suspicious != 1 {
		t.Errorf("overview %+v, %v", o, err)
	}
	if changes, err := s.HandChanges(t.Context()); err != nil || len(changes) != 0 {
		t.Errorf("taken for changes by hand: %+v, %v", changes, err)
	}
	b := &record.Batch{ID: record.BatchID{Run: "r", Seq: 1}, Events: []haechi.Event{{Time: storetest.Now(), Kind: haechi.KindMessage}}}
	for range 2 {
		if err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Events(t.Context(), &haechi.EventFilter{}); err != nil || len(got) != 6 {
		t.Errorf("%d events after a batch that came twice, %v", len(got), err)
	}
	// Another start changes nothing more.
	want(t, lines(t, raw(t, filepath.Join(dir, sqlite.EventsFile)), "SELECT version FROM schema_version ORDER BY 1"), "1", "2", "3", "4")
}
