package logtail_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"haechi/internal/sensor/logtail"
)

// tail follows paths and keeps what it is told, as "file: line".
type tail struct {
	*logtail.Follower
	t   testing.TB
	now time.Time
	got []string
}

func follow(t testing.TB, cfg logtail.Config, state []byte) *tail {
	t.Helper()
	x := &tail{t: t, now: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	cfg.Open = func(path string, _ int) func([]byte) {
		return func(line []byte) { x.got = append(x.got, filepath.Base(path)+": "+string(line)) }
	}
	var err error
	if x.Follower, err = logtail.New(cfg, state); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	return x
}

// poll is enough of them to see new files.
func (x *tail) poll() {
	for range 3 {
		x.now = x.now.Add(time.Second)
		for x.Poll(x.now) {
		}
	}
}

func (x *tail) want(lines ...string) {
	x.t.Helper()
	if !slices.Equal(x.got, lines) {
		x.t.Errorf("told %.300q\n not %.300q", x.got, lines)
	}
	x.got = nil
}

func write(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func (x *tail) again(cfg logtail.Config) *tail {
	x.t.Helper()
	state, err := x.State()
	if err != nil {
		x.t.Fatal(err)
	}
	x.Close()
	return follow(x.t, cfg, state)
}

// Of a file that is there at first only what is added counts, of one that appears all.
func TestWhereItBegins(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "a.log"), filepath.Join(t.TempDir(), "b.log")
	write(t, a, "old\nhalf of")
	x := follow(t, logtail.Config{Paths: []string{a, b}}, nil)
	x.poll()
	write(t, a, " a line\nnew\n")
	if c := x.Counts(1); len(c.Problems) != 1 || !errors.Is(c.Problems[0].Err, fs.ErrNotExist) {
		t.Errorf("%+v", c)
	}
	write(t, b, "first\nsec")
	x.poll()
	x.want("a.log: new", "b.log: first")
	if c := x.Counts(1); c.Lag != 3 || len(c.Problems) != 0 || c.Lines != 1 {
		t.Errorf("%+v", c)
	}
	write(t, b, "ond\r\n\n")
	x.poll()
	x.want("b.log: second\r", "b.log: ")
}

func TestLongLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	cfg := logtail.Config{Paths: []string{path}, MaxLine: 10}
	x := follow(t, cfg, nil)
	x.poll()
	write(t, path, "0123456789\n0123456789a\nshort\n"+strings.Repeat("x", 1<<20))
	x.poll()
	x = x.again(cfg) // in the middle of the line
	x.now = x.now.Add(time.Hour)
	write(t, path, strings.Repeat("x", 1<<20))
	x.poll()
	write(t, path, "\nafter\n")
	x.poll()
	x.want("a.log: after")
	if c := x.Counts(0); c.Long != 0 || c.Lag != 0 {
		t.Errorf("%+v", c)
	}
}

func TestLongLinesAreCountedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	x := follow(t, logtail.Config{Paths: []string{path}, MaxLine: 10}, nil)
	x.poll()
	write(t, path, "0123456789\n0123456789a\n"+strings.Repeat("x", 1<<20)+"\nshort\n")
	x.poll()
	x.want("a.log: 0123456789", "a.log: short")
	if c := x.Counts(0); c.Long != 2 || c.Lines != 2 {
		t.Errorf("%+v", c)
	}
}

// Patterns find what appears, leave out what rotation and compression made, and follow a
// file to its new name.
func TestPatterns(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	cfg := logtail.Config{Paths: []string{at("*.log*")}}
	write(t, at("a.log"), "old\n")
	write(t, at("a.log.1"), "older\n")
	x := follow(t, cfg, nil)
	x.poll()
	write(t, at("b.log"), "b\n")
	write(t, at("a.log.2.gz"), "z\n")
	write(t, at("a.log-20260131"), "z\n")
	x.poll()
	x.want("b.log: b")
	write(t, at("a.log"), "1\n")
	rename(t, at("a.log"), at("a.log.1"))
	write(t, at("a.log"), "2\n")
	rename(t, at("b.log"), at("c.log"))
	write(t, at("c.log"), "c\n")
	x.poll()
	x.want("a.log: 1", "a.log: 2", "b.log: c")
	write(t, at("c.log"), "d\n")
	rename(t, at("c.log"), at("0.log"))
	x = x.again(cfg)
	write(t, at("0.log"), "e\n")
	x.poll()
	x.want("0.log: d", "0.log: e")
	if c := x.Counts(0); c.Gaps > 0 {
		t.Errorf("%+v", c)
	}
	for range 70 {
		x.now = x.now.Add(time.Minute)
		x.Poll(x.now)
	}
	x.want()
	if c := x.Counts(0); c.Files != 2 || len(c.Problems) > 0 {
		t.Errorf("%+v", c)
	}
}

// A file that appeared while nobody looked, at a path that was known, is read from its
// beginning; what was followed and is configured no more is forgotten.
func TestAppearedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	cfg := logtail.Config{Paths: []string{filepath.Join(dir, "*.log"), filepath.Join(dir, "a.txt")}}
	write(t, cfg.Paths[1], "x\n")
	x := follow(t, cfg, nil)
	x.poll()
	write(t, filepath.Join(dir, "new.log"), "1\n")
	cfg.Paths = cfg.Paths[:1]
	x = x.again(cfg)
	x.poll()
	x.want("new.log: 1")
	state, err := x.State()
	if err != nil || strings.Contains(string(state), "a.txt") {
		t.Errorf("%s %v", state, err)
	}
}

func TestOnlyRegularFiles(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	x := follow(t, logtail.Config{Paths: []string{pipe, dir}}, nil)
	x.poll()
	for i := range 2 {
		if c := x.Counts(i); len(c.Problems) != 1 || !errors.Is(c.Problems[0].Err, logtail.ErrNotRegular) {
			t.Errorf("%+v", c)
		}
	}
}

// A link that points elsewhere is a rotation; two names of a file are read once.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	one, two, link := filepath.Join(dir, "1"), filepath.Join(dir, "2"), filepath.Join(dir, "current")
	write(t, one, "")
	if err := os.Symlink(one, link); err != nil {
		t.Fatal(err)
	}
	x := follow(t, logtail.Config{Paths: []string{link, one}}, nil)
	x.poll()
	write(t, one, "a\n")
	x.poll()
	write(t, one, "b\n")
	write(t, two, "c\n")
	if err := os.Symlink(two, link+".new"); err != nil {
		t.Fatal(err)
	}
	rename(t, link+".new", link)
	x.poll()
	got := slices.Clone(x.got)
	for i, line := range got { // under which of its two names is all the same
		got[i] = line[strings.Index(line, ": ")+2:]
	}
	if slices.Sort(got); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("%q", got)
	}
}

func TestFilesAreBounded(t *testing.T) {
	dir := t.TempDir()
	for i := range 10 {
		write(t, filepath.Join(dir, fmt.Sprintf("%d.log", i)), "")
	}
	x := follow(t, logtail.Config{Paths: []string{filepath.Join(dir, "*.log")}, MaxFiles: 4}, nil)
	x.poll()
	if c := x.Counts(0); c.Files != 4 || c.Refused != 6 {
		t.Errorf("%+v", c)
	}
}

// A poll reads no more than its budget, and the next one goes on.
func TestBudget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	x := follow(t, logtail.Config{Paths: []string{path}, Budget: 1}, nil)
	x.poll()
	line := strings.Repeat("x", 1000) + "\n"
	write(t, path, strings.Repeat(line, 2000))
	if !x.Poll(x.now) || len(x.got) > 500 || x.Counts(0).Lag == 0 {
		t.Errorf("%d lines at once, %+v", len(x.got), x.Counts(0))
	}
	x.poll()
	if c := x.Counts(0); c.Lines != 2000 || c.Lag != 0 {
		t.Errorf("%+v", c)
	}
}

func TestBadState(t *testing.T) {
	for _, state := range []string{"{", `{"version":2}`, `{"version":1,"files":[{"offset":-1}]}`, `{"version":1,"files":[{"offset":9,"n":300}]}`,
		`{"version":1,"files":[{"offset":9,"n":9,"before":"AA=="}]}`, `{"version":1,"done":[{"offset":9}]}`} {
		f, err := logtail.New(logtail.Config{Paths: []string{"/nowhere/a.log"}, Open: func(string, int) func([]byte) { return nil }}, []byte(state))
		if err == nil || f == nil {
			t.Errorf("%s: %v", state, err)
			continue
		}
		f.Poll(time.Unix(0, 0))
	}
}

// FuzzState: no state stops the follower, or lets it read before the beginning.
func FuzzState(f *testing.F) {
	path := filepath.Join(f.TempDir(), "a.log")
	write(f, path, "a\nb\n")
	f.Add([]byte(`{"version":1,"paths":["x"],"files":[{"path":"x","offset":0,"current":true}]}`))
	f.Fuzz(func(t *testing.T, state []byte) {
		x, err := logtail.New(logtail.Config{Paths: []string{path, "x"}, Open: func(string, int) func([]byte) { return func([]byte) {} }}, state)
		for range 3 {
			x.Poll(time.Unix(0, 0))
		}
		x.Close()
		if _, again := x.State(); again != nil {
			t.Error(err, again)
		}
	})
}

func BenchmarkIdlePoll(b *testing.B) {
	dir := b.TempDir()
	cfg := logtail.Config{}
	for i := range 64 {
		cfg.Paths = append(cfg.Paths, filepath.Join(dir, fmt.Sprintf("%d.log", i)))
		write(b, cfg.Paths[i], "a\n")
	}
	x := follow(b, cfg, nil)
	x.poll()
	b.ReportAllocs()
	for b.Loop() {
		x.Poll(x.now)
	}
}

func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "a.log")
	line := strings.Repeat("x", 99) + "\n"
	write(b, path, "")
	state := []byte(fmt.Sprintf(`{"version":1,"paths":[%q]}`, path))
	write(b, path, strings.Repeat(line, 100_000))
	b.SetBytes(10_000_000)
	for b.Loop() {
		f, err := logtail.New(logtail.Config{Paths: []string{path}, Open: func(string, int) func([]byte) { return func([]byte) {} }}, state)
		if err != nil {
			b.Fatal(err)
		}
		for f.Poll(time.Unix(0, 0)) {
		}
		if c := f.Counts(0); c.Lines != 100_000 {
			b.Fatalf("%+v", c)
		}
		f.Close()
	}
}
