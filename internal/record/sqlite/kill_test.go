package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/record"
	"haechi/internal/record/sqlite"
	"haechi/internal/record/storetest"
)

// childDir tells the killed process where to write.
const childDir = "HAECHI_TEST_STORE_DIR"

// TestKill kills a process that writes as fast as it can, three times over on the
// same records. Whatever it acknowledged is there, the audit chain holds, both files
// are whole, and the counts agree with the events.
func TestKill(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv(childDir); dir != "" {
		writeForEver(t, dir)
		return
	}
	dir := filepath.Join(t.TempDir(), "records")
	var acknowledged int
	for round := range 3 {
		acknowledged = killed(t, dir, acknowledged+40+round*17)
		inspectAfterKill(t, dir, acknowledged)
	}
}

// writeForEver is the process that is killed. Each line it prints is a number that
// it has saved everywhere.
func writeForEver(t *testing.T, dir string) {
	s, err := sqlite.Open(t.Context(), config(dir))
	if err != nil {
		t.Fatal(err)
	}
	w := record.NewWriter(record.WriterConfig{SpoolPath: filepath.Join(dir, "spool"), Journal: s}, s)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { t.Error(w.Run(ctx)) })
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			w.RecordEvent(&haechi.Event{Time: storetest.Now().Add(time.Duration(i) * time.Microsecond),
				Kind: []haechi.Kind{haechi.KindMessage, haechi.KindRequest}[i%2], Actor: from("203.0.113.7", "a/1")})
		}
	})
	head, err := s.AuditHead(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for n := int(head.Seq) + 1; ctx.Err() == nil; n++ {
		d := haechi.Device{Key: fmt.Sprint("a/", n), Bot: "a", Serial: fmt.Sprint(n), Status: haechi.Blocked}
		k := haechi.Key{ID: "k", Secret: []byte("s"), Created: storetest.Now()}
		dec := haechi.Decision{ID: haechi.Reference(fmt.Sprint(n)), Origin: haechi.OriginOperator, Mode: haechi.Enforce}
		for _, err := range []error{s.SaveDevice(ctx, &d), s.SaveKey(ctx, d.Key, &k), s.SaveDecision(ctx, &dec),
			s.AppendAudit(ctx, &haechi.AuditEntry{By: "kim", Subject: d.Key})} {
			if err != nil {
				t.Fatal(err)
			}
		}
		fmt.Println("saved", n)
	}
	wg.Wait()
}

// killed runs the child until it has acknowledged so many, kills it, and returns the
// last number acknowledged.
func killed(t *testing.T, dir string, until int) (last int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKill$")
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if n := 0; lines.Text() != "" {
			if _, err := fmt.Sscanf(lines.Text(), "saved %d", &n); err != nil {
				t.Errorf("the child says %q", lines.Text())
				continue
			}
			last = n
			if n == until {
				if err := cmd.Process.Kill(); err != nil { // SIGKILL
					t.Fatal(err)
				}
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
	if last < until {
		t.Fatalf("the child acknowledged %d, want %d", last, until)
	}
	return last
}

func inspectAfterKill(t *testing.T, dir string, acknowledged int) {
	t.Helper()
	s := open(t, dir)
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	devices, err := s.Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	decisions, err := s.Decisions(t.Context(), &haechi.DecisionFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if len(devices) < acknowledged || len(decisions) < acknowledged {
		t.Errorf("%d devices and %d decisions of %d acknowledged", len(devices), len(decisions), acknowledged)
	}
	for _, d := range devices[:1] {
		if len(d.Keys) != 1 {
			t.Errorf("%s has %d keys", d.Key, len(d.Keys))
		}
	}
	var head record.ChainHead
	entries, err := s.AuditEntries(t.Context(), 1, 10000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range entries {
		if err := head.Follow(&entries[i]); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := s.AuditHead(t.Context()); err != nil || kept != head || int(head.Seq) < acknowledged {
		t.Errorf("the audit log ends at %d, its head says %d, %d were acknowledged (%v)", head.Seq, kept.Seq, acknowledged, err)
	}
	for _, file := range []string{sqlite.StateFile, sqlite.EventsFile} {
		want(t, lines(t, raw(t, filepath.Join(dir, file)), "PRAGMA integrity_check"), "ok")
	}
	countsAgree(t, dir)
}

// countsAgree compares the roll-up with the rows: they were written together.
func countsAgree(t *testing.T, dir string) {
	t.Helper()
	var counted, rows sql.NullInt64
	db := raw(t, filepath.Join(dir, sqlite.EventsFile))
	if err := db.QueryRow("SELECT (SELECT sum(requests) FROM minutes), (SELECT sum(n) FROM kb_chat_logs) + (SELECT sum(events) FROM event_blocks)").Scan(&counted, &rows); err != nil {
		t.Fatal(err)
	}
	if counted != rows {
		t.Errorf("%d requests counted, %d recorded", counted.Int64, rows.Int64)
	}
}
