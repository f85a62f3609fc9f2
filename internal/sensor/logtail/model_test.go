package logtail_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi/internal/sensor/logtail"
)

// world is a directory with a log in which things happen, and a follower of it.
type world struct {
	t       testing.TB
	path    string
	clock   time.Time
	follow  *logtail.Follower
	state   []byte
	out     *os.File // of the program that writes, which keeps it open over a rename
	got     map[string]int
	written []string
	lost    map[string]bool // by truncation, while nobody had read them
	n       int
	copied  bool // since the last poll
	turns   int  // rotations since then
	unseen  bool // what the writer has open was moved away and cannot be found
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, path: filepath.Join(t.TempDir(), "a.log"), clock: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), got: map[string]int{}, lost: map[string]bool{}}
	w.reopen()
	w.append("before")
	w.start()
	w.poll()
	if len(w.got) > 0 {
		t.Fatal("what stood in the file is told")
	}
	w.written = nil
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) start() {
	f, err := logtail.New(logtail.Config{Paths: []string{w.path}, MaxLine: 4096,
		Open: func(string, int) func([]byte) { return func(b []byte) { w.got[string(b)]++ } }}, w.state)
	w.must(err)
	w.follow = f
}

func (w *world) stop() {
	var err error
	w.state, err = w.follow.State()
	w.must(err)
	w.follow.Close()
}

func (w *world) poll() {
	w.copied = false
	w.allow()
	w.clock = w.clock.Add(time.Second)
	for i := 0; w.follow.Poll(w.clock); i++ {
		if i > 1000 {
			w.t.Fatal("it is never at the end")
		}
	}
}

// touch gives what was written a time of its own, as it has where more than a tick of the
// kernel lies between.
func (w *world) touch(path string) {
	w.clock = w.clock.Add(10 * time.Millisecond)
	w.must(os.Chtimes(path, w.clock, w.clock))
}

func (w *world) reopen() {
	var err error
	w.out, err = os.OpenFile(w.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	w.must(err)
	w.unseen = false
	w.touch(w.path)
}

func (w *world) append(text string) {
	_, err := w.out.WriteString(text + "\n")
	w.must(err)
	w.written = append(w.written, text)
	if w.unseen {
		w.lost[text] = true
	}
	w.touch(fmt.Sprintf("/proc/self/fd/%d", w.out.Fd())) // it may have been moved
}

func (w *world) line(extra int) {
	w.n++
	w.append(fmt.Sprintf("line %d %s%d", w.n, strings.Repeat("x", extra), w.n))
}

// Of one log the follower keeps maxOld files with unread lines; logrotate keeps keptOld.
const maxOld, keptOld = 16, 31

// shift makes room at .1, as logrotate does.
func (w *world) shift() {
	w.turns++
	w.loseFile(keptOld)
	for i := keptOld - 1; i > 0; i-- {
		err := os.Rename(fmt.Sprintf("%s.%d", w.path, i), fmt.Sprintf("%s.%d", w.path, i+1))
		if err != nil && !os.IsNotExist(err) {
			w.t.Fatal(err)
		}
	}
}

// loseFile allows that lines of a rotated file are lost.
func (w *world) loseFile(i int) {
	text, err := os.ReadFile(fmt.Sprintf("%s.%d", w.path, i))
	if err == nil {
		w.lose(text)
	}
}

// allow allows what a follower cannot help when it looks: that more of a log was moved away
// since the last time than it keeps open, or more often than logrotate keeps files, so that
// the one that was read last is gone.
func (w *world) allow() {
	filled := 0
	for i := 1; i <= min(w.turns, keptOld); i++ {
		if st, err := os.Stat(fmt.Sprintf("%s.%d", w.path, i)); err == nil && st.Size() > 0 {
			filled++
		}
	}
	from := keptOld + 1
	if filled > maxOld {
		from = maxOld + 1
	}
	if w.turns > keptOld {
		from, w.unseen = 1, w.gone()
	}
	for i := from; i <= keptOld; i++ {
		w.loseFile(i)
	}
	w.turns = 0
}

func (w *world) rename(create bool) {
	if _, err := os.Stat(w.path); err != nil {
		return
	}
	w.shift()
	w.must(os.Rename(w.path, w.path+".1"))
	if create {
		w.must(w.out.Close())
		w.reopen()
	}
}

// copyTruncate is logrotate's copytruncate. Where no poll came since the last time a line
// that nobody read cannot be known again by what was read before it.
func (w *world) copyTruncate() {
	st, err := os.Stat(w.path)
	if err != nil || w.moved() || w.copied || st.Size() == 0 {
		return
	}
	w.shift()
	in, err := os.ReadFile(w.path)
	w.must(err)
	if first, _, _ := bytes.Cut(in, []byte("\n")); w.got[string(first)] == 0 {
		w.lose(in) // the copy cannot be known by what was read of it
	}
	w.must(os.WriteFile(w.path+".1", in, 0o600))
	w.touch(w.path + ".1")
	w.must(w.out.Truncate(0))
	w.touch(w.path)
	w.copied = true
}

// moved reports whether the writer's file is not the one at the path.
func (w *world) moved() bool {
	a, err := os.Stat(w.path)
	w.must(err)
	b, err := w.out.Stat()
	w.must(err)
	return !os.SameFile(a, b)
}

// gone reports whether there is no file at the path that the writer has open.
func (w *world) gone() bool {
	_, err := os.Stat(w.path)
	return err != nil || w.moved()
}

func (w *world) lose(text []byte) {
	for line := range bytes.Lines(text) {
		w.lost[strings.TrimSuffix(string(line), "\n")] = true
	}
}

// truncate destroys what was not read.
func (w *world) truncate() {
	if w.gone() {
		return
	}
	in, err := os.ReadFile(w.path)
	w.must(err)
	w.lose(in)
	w.must(w.out.Truncate(0))
	w.touch(w.path)
}

// check holds what was told to what was written.
func (w *world) check() {
	w.t.Helper()
	if w.gone() {
		w.must(w.out.Close())
		w.reopen()
	}
	w.poll()
	for _, text := range w.written {
		switch n := w.got[text]; {
		case n > 1, n == 0 && !w.lost[text]:
			w.t.Errorf("%.20q was told %d times (%d lines)", text, n, len(w.written))
		}
		delete(w.got, text)
	}
	if len(w.got) > 0 {
		w.t.Errorf("never written: %.200v", w.got)
	}
}

// play makes each byte of a script something that happens.
func (w *world) play(script []byte) {
	for _, b := range script {
		w.step(b)
	}
	w.check()
	w.follow.Close()
	w.must(w.out.Close())
}

func (w *world) step(b byte) {
	switch b % 10 {
	case 0, 1:
		w.line(0)
	case 2:
		w.line(int(b) * 8)
	case 3, 4:
		w.poll()
	case 5:
		w.rename(true)
	case 6:
		w.rename(false)
	case 7:
		w.copyTruncate()
	case 8:
		w.truncate()
	case 9:
		w.stop()
		w.start()
	}
}

// FuzzOnce: whatever happens to a log, each line is told once, but for what truncation
// destroyed.
func FuzzOnce(f *testing.F) {
	for _, script := range []string{
		"\x00\x03\x00\x03", "\x00\x03\x00\x05\x00\x03", "\x00\x03\x00\x07\x00\x03", "\x00\x03\x00\x09\x00\x05\x00\x03",
		"\x00\x03\x00\x07\x00\x09\x03", "\x00\x03\x06\x00\x03\x00\x09\x05\x00\x03", "\x00\x03\x00\x05\x00\x05\x00\x03", "\x00\x03\x08\x00\x00\x00\x03",
		"\x00\x03\x09\x05\x00\x05\x00\x03", "\x05\x00\x05\x00\x05\x00\x09\x00\x05\x03", "\x00\x03\x07\xff\x02\x0c\x16\x03\x07\x00\x03\x09",
	} {
		f.Add([]byte(script))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 64 {
			script = script[:64]
		}
		newWorld(t).play(script)
	})
}

// TestAnyHistory plays scripts by chance, always the same ones.
func TestAnyHistory(t *testing.T) {
	r := uint64(1)
	for range 300 {
		script := make([]byte, 24)
		for i := range script {
			r = r*6364136223846793005 + 1442695040888963407
			script[i] = byte(r >> 33)
		}
		if !t.Run(fmt.Sprintf("%x", script), func(t *testing.T) { newWorld(t).play(script) }) {
			return
		}
	}
}

// However often an empty log is rotated between two polls, the file that holds lines is
// found behind the empty ones.
func TestManyEmptyRotations(t *testing.T) {
	w := newWorld(t)
	for range maxOld {
		w.line(0)
		w.rename(true)
	}
	for range keptOld - maxOld {
		w.rename(true)
	}
	w.check()
	if n := w.follow.Counts(0).Gaps; n != 0 {
		t.Errorf("%d gaps", n)
	}
	w.follow.Close()
	w.must(w.out.Close())
}

// A program that goes on in the file that was moved away is heard, and the file let go a
// minute after it stopped.
func TestWritesAfterTheMove(t *testing.T) {
	w := newWorld(t)
	late := w.out
	w.rename(false)
	w.reopen()
	w.poll()
	for range 10 {
		_, err := io.WriteString(late, fmt.Sprintf("late %d\n", w.n))
		w.must(err)
		w.written = append(w.written, fmt.Sprintf("late %d", w.n))
		w.line(0)
		w.clock = w.clock.Add(30 * time.Second)
		w.poll()
	}
	_, err := io.WriteString(late, "cut")
	w.must(err)
	w.written = append(w.written, "cut")
	if w.poll(); w.follow.Counts(0).Files != 2 {
		t.Errorf("%+v", w.follow.Counts(0))
	}
	w.clock = w.clock.Add(time.Minute)
	if w.poll(); w.follow.Counts(0).Files != 1 {
		t.Errorf("%+v", w.follow.Counts(0))
	}
	w.check()
	w.must(late.Close())
}
