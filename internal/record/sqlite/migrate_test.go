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
