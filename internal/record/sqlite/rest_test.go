package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/record"
	"haechi/internal/record/sqlite"
)

// After a rest the page caches are empty, and everything is there as before.
func TestRest(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir)
	const n = 20_000
	write := func(from int) {
		var b record.Batch
		for i := range n {
			b.Events = append(b.Events, haechi.Event{Time: time.Unix(int64(1_800_000_000+i), 0), Kind: haechi.KindConnect, Outcome: haechi.Success,
				Service: "bots", Actor: haechi.Actor{Device: fmt.Sprintf("LOA.i/%016x", from+i)}})
		}
		if err := s.Append(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	write(0)
	write(n)
	debug.FreeOSMemory()
	before := resident(t)
	if err := s.Rest(t.Context()); err != nil {
		t.Fatal(err)
	}
	debug.FreeOSMemory()
	if freed := before - resident(t); freed < 4<<20 {
		t.Errorf("%d bytes were given back, at least 4 MiB are wanted", freed)
	}
	write(2 * n)
	want(t, lines(t, raw(t, filepath.Join(dir, sqlite.EventsFile)), "SELECT count(*) FROM kb_connection_logs"), strconv.Itoa(3*n))
}

// resident is this process's anonymous memory in bytes.
func resident(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		t.Skip("the kernel does not tell: ", err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); f[0] == "Anonymous:" {
			kib, _ := strconv.ParseInt(f[1], 10, 64)
			return kib << 10
		}
	}
	t.Fatal("no anonymous memory is told")
	return 0
}
