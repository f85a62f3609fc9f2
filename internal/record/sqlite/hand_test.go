package sqlite_test

import (
	"path/filepath"
	"strings"
	"testing"

	"haechi"
	"haechi/internal/record/sqlite"
	"haechi/internal/record/sqlrows"
)

// What somebody changed by hand is looked for every two seconds: by an index of those
// rows alone, however many devices there are.
func TestChangesByHandHaveAnIndex(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir)
	var ds []haechi.Device
	for _, serial := range []string{"1", "2", "3"} {
		ds = append(ds, haechi.Device{Key: haechi.DeviceKey("a", serial), Bot: "a", Serial: serial, Status: haechi.Approved})
	}
	if err := s.SaveDevices(t.Context(), ds); err != nil {
		t.Fatal(err)
	}
	if err := s.Rest(t.Context()); err != nil { // brings the copy up to date
		t.Fatal(err)
	}
	db := raw(t, filepath.Join(dir, sqlite.EventsFile))
	want(t, lines(t, db, "SELECT count(*) FROM kb_bot_devices"), "3")
	if _, err := db.Exec("UPDATE kb_bot_devices SET status = 'blocked' WHERE device_id = 'a/2'"); err != nil {
		t.Fatal(err)
	}
	changes, err := s.HandChanges(t.Context())
	if err != nil || len(changes) != 1 || changes[0].Device != "a/2" {
		t.Errorf("%+v, %v", changes, err)
	}
	query := strings.Replace(sqlrows.HandQuery, "?", "9", 1)
	if plan := strings.Join(lines(t, db, "EXPLAIN QUERY PLAN "+query), "\n"); !strings.Contains(plan, "USING INDEX kb_bot_devices_by_hand") {
		t.Errorf("without the index:\n%s", plan)
	}
}
