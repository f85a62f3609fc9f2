package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/record"
	"haechi/internal/record/sqlite"
	"haechi/internal/record/storetest"
)

func TestFileModes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "records")
	s := opened(t, dir)
	appendEvents(t, s, haechi.Event{Kind: haechi.KindSystem})
	if err := s.AppendAudit(t.Context(), &haechi.AuditEntry{By: "kim"}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 4 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", e.Name(), info.Mode())
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, want 0700", info.Mode())
	}
}

func TestRefusesSharedFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), config(dir)); haechi.KindOf(err) != haechi.Denied {
		t.Errorf("a folder that all may write to gives %v, want kind denied", err)
	}
}

// A database of the bot server's own, with the same table names, is left alone.
func TestRefusesForeignDatabase(t *testing.T) {
	t.Parallel()
	for _, file := range []string{sqlite.StateFile, sqlite.EventsFile} {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, file)
		db := raw(t, path)
		if _, err := db.Exec("CREATE TABLE kb_chat_logs (id INTEGER, message TEXT); INSERT INTO kb_chat_logs VALUES (1, 'theirs')"); err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = sqlite.Open(t.Context(), config(dir))
		var e *haechi.Error
		if !errors.As(err, &e) || e.Kind != haechi.Conflict || !strings.Contains(e.Msg, "kb_chat_logs") || e.Hint == "" {
			t.Errorf("%s: %v, want a conflict that names the table", file, err)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
			t.Errorf("%s was changed", file)
		}
	}
}

func TestRefusesNewerSchema(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "r")
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := raw(t, filepath.Join(dir, sqlite.StateFile)).Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Open(t.Context(), config(dir))
	var e *haechi.Error
	if !errors.As(err, &e) || e.Kind != haechi.Conflict || !strings.Contains(e.Msg, "99") || e.Hint == "" {
		t.Errorf("a newer schema gives %v", err)
	}
}

func TestRefusesGarbage(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "r")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, sqlite.EventsFile), []byte(strings.Repeat("no database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), config(dir)); err == nil {
		t.Error("a file that is no database was opened")
	}
}

// The log refuses change by accident; a change by force breaks the chain, which
// Restore notices.
func TestAuditOnlyGrows(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "r")
	s := opened(t, dir)
	for range 5 {
		if err := s.AppendAudit(t.Context(), &haechi.AuditEntry{By: "kim", Action: "device.block"}); err != nil {
			t.Fatal(err)
		}
	}
	db := raw(t, filepath.Join(dir, sqlite.StateFile))
	for _, q := range []string{"DELETE FROM audit WHERE seq = 3", "UPDATE audit SET by_name = 'lee' WHERE seq = 3"} {
		if _, err := db.Exec(q); err == nil || !strings.Contains(err.Error(), "only grows") {
			t.Errorf("%s gives %v", q, err)
		}
	}
	for i, force := range []string{"UPDATE audit SET by_name = 'lee' WHERE seq = 3", "DELETE FROM audit WHERE seq = 5"} {
		if _, err := db.Exec("DROP TRIGGER IF EXISTS audit_keeps_text; DROP TRIGGER IF EXISTS audit_keeps_rows; " + force); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := s.Backup(t.Context(), path); err != nil {
			t.Fatalf("evidence is backed up as well: %v", err)
		}
		if err := sqlite.Restore(t.Context(), path, filepath.Join(t.TempDir(), "new")); haechi.KindOf(err) != haechi.Invalid {
			t.Errorf("after %s, restoring gives %v, want kind invalid", force, err)
		}
	}
}

// A full disk is an error of kind Unavailable, nothing of the batch is written, and
// the store goes on once there is room.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := opened(t, filepath.Join(t.TempDir(), "r"))
	sqlite.LimitPages(t, s, 100)
	batch := func() *record.Batch {
		b := &record.Batch{}
		for i := range 1000 {
			b.Events = append(b.Events, haechi.Event{Time: storetest.Now(), Kind: haechi.KindRequest, Path: fmt.Sprint("/", i, strings.Repeat("x", 500))})
		}
		return b
	}
	var err error
	for n := 0; err == nil && n < 10; n++ {
		err = s.Append(t.Context(), batch())
	}
	var e *haechi.Error
	if !errors.As(err, &e) || e.Kind != haechi.Unavailable || !strings.Contains(e.Hint, "full") {
		t.Fatalf("a full disk gives %v", err)
	}
	if err := s.SaveDecision(t.Context(), &haechi.Decision{ID: "1", Origin: haechi.OriginRule}); err != nil {
		t.Errorf("a full events.db stops state.db: %v", err)
	}
	sqlite.LimitPages(t, s, 1<<30)
	if err := s.Append(t.Context(), batch()); err != nil {
		t.Fatal(err)
	}
	got, err := s.Events(t.Context(), &haechi.EventFilter{Limit: 10000})
	o, err2 := s.Overview(t.Context(), storetest.Now(), nil)
	if err := errors.Join(err, err2); err != nil || len(got)%1000 != 0 || uint64(len(got)) != o.Requests {
		t.Errorf("%d events, %d counted, %v", len(got), o.Requests, err)
	}
}

// Pruning gives the space back.
func TestPruneShrinks(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "r")
	s := opened(t, dir)
	for i := range 20 {
		b := &record.Batch{}
		for j := range 250 {
			kind := []haechi.Kind{haechi.KindRequest, haechi.KindAdmin}[j%2] // in a block, in a row
			b.Events = append(b.Events, haechi.Event{Time: storetest.Now().Add(-time.Duration(i*24) * time.Hour), Kind: kind,
				Path: fmt.Sprint(j, strings.Repeat("x", 1200))})
		}
		if err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	size := func() int64 {
		info, err := os.Stat(filepath.Join(dir, sqlite.EventsFile))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	if n, err := s.Prune(t.Context(), storetest.Now(), record.Retention{}); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	full := size()
	n, err := s.Prune(t.Context(), storetest.Now(), record.Retention{Events: 24*time.Hour + 1})
	if err != nil || n != 18*250 {
		t.Fatalf("%d rows pruned, want %d: %v", n, 18*250, err)
	}
	if now := size(); now > full/5 {
		t.Errorf("%d bytes after pruning nine tenths of %d", now, full)
	}
}

// An erased device leaves no trace in the file either.
func TestEraseLeavesNoBytes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "r")
	s := opened(t, dir)
	device, room := "secretbot/0123456789abcdef", "the room nobody may know"
	for range 50 {
		appendEvents(t, s, haechi.Event{Time: storetest.Now(), Kind: haechi.KindMessage, Room: room, Actor: from("203.0.113.7", device)},
			haechi.Event{Time: storetest.Now(), Kind: haechi.KindMessage, Room: "other", Actor: from("203.0.113.7", "a/1")},
			haechi.Event{Time: storetest.Now(), Kind: haechi.KindClose, Room: room, Actor: from("203.0.113.7", device)},
			haechi.Event{Time: storetest.Now(), Kind: haechi.KindClose, Actor: from("203.0.113.7", "a/1")})
	}
	var one record.Batch // and one that fills pages
	for i := range 1000 {
		one.Events = append(one.Events, haechi.Event{Time: storetest.Now(), Kind: haechi.KindRequest, Room: []string{"other", room}[i%2],
			Path: fmt.Sprint("/", i), Actor: from("203.0.113.7", []string{"a/1", device}[i%2])})
	}
	if err := s.Append(t.Context(), &one); err != nil {
		t.Fatal(err)
	}
	if n, err := s.EraseDevice(t.Context(), device); err != nil || n != 600 {
		t.Fatal(n, err)
	}
	if left, err := s.Events(t.Context(), &haechi.EventFilter{Limit: 1000}); err != nil || len(left) != 600 {
		t.Errorf("%d events of others are left, want 600: %v", len(left), err)
	}
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(filepath.Join(dir, sqlite.EventsFile+suffix))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), room) || strings.Contains(string(data), device) {
			t.Errorf("%s still holds the device", sqlite.EventsFile+suffix)
		}
	}
}

func TestBackupRestore(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	s := opened(t, filepath.Join(base, "old"))
	appendEvents(t, s, haechi.Event{Time: storetest.Now(), Kind: haechi.KindMessage, Actor: from("203.0.113.7", "a/1")})
	key := haechi.Key{ID: "k", Secret: []byte("s"), Created: storetest.Now()}
	for _, err := range []error{
		s.SaveDevice(t.Context(), &haechi.Device{Key: "a/1", Status: haechi.Approved}),
		s.SaveKey(t.Context(), "a/1", &key),
		s.SaveDecision(t.Context(), &haechi.Decision{ID: "1", Origin: haechi.OriginOperator}),
		s.AppendAudit(t.Context(), &haechi.AuditEntry{By: "kim"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(base, "backup.tar")
	if err := s.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup has mode %v, %v", info.Mode(), err)
	}
	if err := s.Backup(t.Context(), path); haechi.KindOf(err) != haechi.Conflict {
		t.Errorf("a second backup to the same path gives %v, want kind conflict", err)
	}
	if left, err := filepath.Glob(filepath.Join(base, ".haechi*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := sqlite.Restore(t.Context(), path, filepath.Join(base, "old")); haechi.KindOf(err) != haechi.Conflict {
		t.Errorf("restoring over records gives %v, want kind conflict", err)
	}
	if err := sqlite.Restore(t.Context(), path, filepath.Join(base, "new")); err != nil {
		t.Fatal(err)
	}
	n := opened(t, filepath.Join(base, "new"))
	devices, err := n.Devices(t.Context())
	keys, err2 := n.Keys(t.Context(), "a/1")
	decisions, err3 := n.Decisions(t.Context(), &haechi.DecisionFilter{})
	events, err4 := n.Events(t.Context(), &haechi.EventFilter{Device: "a/1"})
	head, err5 := n.AuditHead(t.Context())
	if err := errors.Join(err, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	if len(devices) != 1 || len(devices[0].Keys) != 1 || string(keys[0].Secret) != "s" || len(decisions) != 1 || len(events) != 1 || head.Seq != 1 {
		t.Errorf("restored %v, %d decisions, %d events, head %v", devices, len(decisions), len(events), head)
	}
}

// A backup with one flipped bit anywhere is refused, and leaves nothing behind.
func TestRestoreRefusesDamage(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	s := opened(t, filepath.Join(base, "old"))
	appendEvents(t, s, haechi.Event{Time: storetest.Now(), Kind: haechi.KindMessage})
	path := filepath.Join(base, "b")
	if err := s.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := func(name string, data []byte) {
		t.Helper()
		bad, dir := filepath.Join(base, name), filepath.Join(base, name+".d")
		if err := os.WriteFile(bad, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := sqlite.Restore(t.Context(), bad, dir); haechi.KindOf(err) != haechi.Invalid {
			t.Errorf("%s gives %v, want kind invalid", name, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s leaves %v, %v", name, left, err)
		}
	}
	damaged("empty", nil)
	damaged("short", data[:len(data)/2])
	for i := range 5 {
		flipped := append([]byte(nil), data...)
		flipped[len(flipped)/7*(i+1)] ^= 1
		damaged(fmt.Sprint("flip", i), flipped)
	}
}

// Secrets lie in state.db only, and go from its bytes when deleted.
func TestDeletedKeyLeavesNoBytes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "r")
	s := open(t, dir)
	key := haechi.Key{ID: "k", Secret: []byte("the-secret-of-this-device"), Created: storetest.Now()}
	if err := s.SaveKey(t.Context(), "a/1", &key); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteKey(t.Context(), "a/1", "k"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{sqlite.StateFile, sqlite.EventsFile} {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || strings.Contains(string(data), "the-secret-of-this-device") {
			t.Errorf("%s holds a deleted secret (%v)", file, err)
		}
	}
}
