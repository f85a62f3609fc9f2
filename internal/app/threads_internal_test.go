package app

import (
	"os"
	"runtime"
	"sync"
	"testing"
)

// TestThreadsEnd: threads that many blocked goroutines made are gone after a rest, and
// what runs afterwards gets new ones.
func TestThreadsEnd(t *testing.T) {
	const many = 40
	block(many)
	if n := threads(t); n < many {
		t.Fatalf("%d threads: this was no busy time", n)
	}
	shedThreads()
	for n := threads(t); n > threadsKept+4; n = threads(t) { // those of the test itself come on top
		runtime.Gosched() // a thread is gone a moment after its goroutine
	}
	block(many)
}

// block holds so many goroutines in a thread each at the same time.
func block(n int) {
	var all, done sync.WaitGroup
	all.Add(n)
	for range n {
		done.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			all.Done()
			all.Wait()
		})
	}
	done.Wait()
}

func threads(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}
