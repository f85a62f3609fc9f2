package seclog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"haechi"
)

// started is a log that runs until the test ends, or stop is called.
func started(t *testing.T, cfg Config) (l *Log, stop func()) {
	t.Helper()
	l = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return l, stop
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// flushed writes what waits, as Run would.
func flushed(l *Log, es ...haechi.Event) {
	for i := range es {
		l.Tap(&es[i])
	}
	l.flush()
}

func counts(l *Log) string {
	var out []string
	for _, c := range l.Stats() {
		out = append(out, fmt.Sprintf("%s=%d", c.Name, c.Value))
	}
	return strings.Join(out, " ")
}

func TestRunWritesEverythingBeforeItEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "security.log")
	l, stop := started(t, Config{Path: path})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				e := failure()
				l.Tap(&e)
			}
		})
	}
	all.Wait()
	stop()
	if got, want := read(t, path), strings.Repeat(line(failure()), 800); got != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if got := counts(l); got != "lines=800 lines.dropped=0 writes.failed=0" {
		t.Error(got)
	}
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "security.log")
	l := New(Config{Path: path})
	one := line(failure())
	flushed(l, failure())
	for _, c := range []struct {
		what string
		do   func() error
		want string
	}{
		{"moved away", func() error { return os.Rename(path, path+".old") }, one},
		{"deleted", func() error { return os.Remove(path) }, one},
		{"emptied in place", func() error { return os.Truncate(path, 0) }, one},
		{"moved away and made anew by another", func() error {
			return os.WriteFile(filepath.Join(dir, "new"), []byte("theirs\n"), 0o600)
		}, "theirs\n" + one},
	} {
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(c.want, "theirs") {
			if err := os.Rename(filepath.Join(dir, "new"), path); err != nil {
				t.Fatal(err)
			}
		}
		flushed(l, failure())
		if got := read(t, path); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
	if got := read(t, path+".old"); got != one {
		t.Errorf("the old file holds %q", got)
	}
}

func TestBound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "security.log")
	one := line(failure())
	l := New(Config{Path: path, Max: int64(3 * len(one))})
	for range 8 {
		flushed(l, failure())
	}
	if now, old := strings.Count(read(t, path), "\n"), strings.Count(read(t, path+".1"), "\n"); now != 2 || old != 3 {
		t.Errorf("%d lines, and %d in the old file; want 2 and 3", now, old)
	}
}

// Half a line that a killed process left is ended, so that it swallows no other.
func TestTornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "security.log")
	if err := os.WriteFile(path, []byte("198.51.100.9 2026-11-29T09:08:48.123Z HMAC verific"), 0o600); err != nil {
		t.Fatal(err)
	}
	flushed(New(Config{Path: path}), failure())
	if got := read(t, path); !strings.HasSuffix(got, "HMAC verific\n"+line(failure())) {
		t.Errorf("%q", got)
	}
}

// A log that cannot be written drops lines, counts them, and goes on as soon as it can.
func TestFailsOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	path := filepath.Join(dir, "security.log")
	l := New(Config{Path: path})
	flushed(l, failure(), failure())
	if got := counts(l); got != "lines=0 lines.dropped=2 writes.failed=1" {
		t.Error(got)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	flushed(l, failure())
	if got := read(t, path); got != line(failure()) {
		t.Errorf("%q", got)
	}
	if got := counts(l); got != "lines=1 lines.dropped=2 writes.failed=1" {
		t.Error(got)
	}
}

func TestRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	path, target := filepath.Join(dir, "security.log"), filepath.Join(dir, "target")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	l := New(Config{Path: path})
	flushed(l, failure())
	if got := read(t, target); got != "" {
		t.Errorf("wrote %q through a link", got)
	}
	if got := counts(l); got != "lines=0 lines.dropped=1 writes.failed=1" {
		t.Error(got)
	}
}

// What waits for a disk that does not follow is bounded.
func TestWaitingIsBounded(t *testing.T) {
	l := New(Config{Path: filepath.Join(t.TempDir(), "security.log")})
	e := failure()
	for range 2 * maxWaiting / len(line(e)) {
		l.Tap(&e)
	}
	if len(l.waiting) > maxWaiting || l.dropped.Load() == 0 {
		t.Errorf("%d bytes wait, %d lines dropped", len(l.waiting), l.dropped.Load())
	}
}
