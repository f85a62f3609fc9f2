package app_test

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"haechi/internal/app"
)

// TestHugeHeap: the kernel keeps the advice for memory that the heap has, and none of it is
// used before somebody needs it.
func TestHugeHeap(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this kernel knows no huge pages")
	}
	runtime.GC() // of what tests before left
	app.HugeHeap()
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	if flagged := strings.Contains(string(maps), " hg"); !flagged || after.HeapAlloc > 48<<20 {
		t.Errorf("advised: %v; %d MiB of the heap are in use", flagged, after.HeapAlloc>>20)
	}
}
