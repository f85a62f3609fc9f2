package logtail

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"
)

// ErrNotRegular says that a path is a directory, a pipe or a device.
var ErrNotRegular = errors.New("not a regular file")

// maxOld bounds the files of one path that were moved away and are still read.
const maxOld = 16

// trail is what stands, and stood, at one path.
type trail struct {
	f     *Follower
	path  string
	of    int
	tell  func([]byte)
	count *Counts
	cur   *file
	old   []*file // moved away, in the order of their lines
	atEnd bool    // of the first file only what is added counts
	err   error
}

func (t *trail) files() []*file {
	if t.cur == nil {
		return t.old
	}
	return append(slices.Clip(t.old), t.cur)
}

func (t *trail) open() int { return len(t.files()) }

func (t *trail) lag() (n int64) {
	for _, x := range t.files() {
		n += max(0, x.size-x.offset)
	}
	return n
}

// over reports whether a match of a pattern is gone for good.
func (t *trail) over() bool {
	return t.open() == 0 && errors.Is(t.err, fs.ErrNotExist) && t.f.entries[t.of].pattern
}

// poll reads, what is older first.
func (t *trail) poll(now time.Time) bool {
	if len(t.f.waiting) > 0 && (t.cur != nil || errors.Is(t.err, fs.ErrNotExist)) {
		t.recover(now)
	}
	for i := 0; i < len(t.old); i++ {
		x := t.old[i]
		if t.behind(x, now) {
			return true
		}
		if now.Sub(x.grown) >= t.f.cfg.Linger && t.last(x) {
			t.forget(i)
			i--
		}
	}
	return t.cur != nil && t.behind(t.cur, now)
}

// behind reads a file and reports whether there is more. If it was truncated, what a
// rotation copied comes before what is in it now.
func (t *trail) behind(x *file, now time.Time) bool {
	p := t.read(x, now)
	if p == rewound {
		was := x.place(t.path, x == t.cur)
		x.offset, x.guard, x.skip, x.seen = 0, guard{}, false, 0
		t.rotated(now, &was)
	}
	return p != atEnd
}

// look compares what stands at the path with what was read there.
func (t *trail) look(now time.Time) {
	st, err := os.Stat(t.path)
	if err != nil {
		t.absent(now, err)
		return
	}
	if t.cur != nil && t.cur.id == identityOf(st) {
		t.err = nil
		return
	}
	if t.cur == nil && t.f.inUse(identityOf(st)) {
		t.err, t.atEnd = nil, false
		return // another name of a file that is read
	}
	f, st, err := openRegular(t.path)
	if err != nil {
		t.err = err
		return
	}
	t.err = nil
	t.found(now, &file{f: f, id: identityOf(st), grown: now, seen: -1})
}

// absent goes on with a file that was moved away, as long as it grows.
func (t *trail) absent(now time.Time, err error) {
	if t.err = err; errors.Is(err, fs.ErrNotExist) {
		t.atEnd = false
	}
	if t.cur != nil && errors.Is(err, fs.ErrNotExist) && now.Sub(t.cur.grown) >= t.f.cfg.Linger {
		t.retire(now, t.cur)
		t.cur = nil
	}
}

// found takes a new file at the path.
func (t *trail) found(now time.Time, x *file) {
	if was := t.cur; was != nil {
		st, err := was.f.Stat()
		t.retire(now, was)
		t.cur = x
		t.count.Rotations++
		if err == nil { // else what lies between cannot be told
			t.between(now, st)
		}
		return
	}
	t.cur = x
	if p, ok := t.f.taken(x.f, x.id); ok {
		x.offset, x.guard, x.skip = p.Offset, p.guard(), p.Skip
	} else if t.atEnd {
		t.toEnd(x)
	}
	t.atEnd = false
}

// toEnd leaves out what stands in a file already.
func (t *trail) toEnd(x *file) {
	st, err := x.f.Stat()
	if err != nil {
		return // it is read from its beginning
	}
	from := max(0, st.Size()-guardSize)
	b := make([]byte, guardSize)
	n, err := x.f.ReadAt(b, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return
	}
	x.offset, x.guard = from+int64(n), guardOf(b[:n])
	x.skip = n > 0 && b[n-1] != '\n'
}

// retire goes on reading a file that was moved away.
func (t *trail) retire(now time.Time, x *file) {
	x.grown = now
	t.old = append(t.old, x)
	if len(t.old) > maxOld {
		t.makeRoom()
	}
}

// makeRoom lets go of the file that was read to its end and changed longest ago, since whoever
// wrote it may still have the newer ones open; only where there is none of the oldest of all,
// whose other lines are lost.
func (t *trail) makeRoom() {
	out := -1
	var least time.Time
	for i, x := range t.old {
		if changed, ok := x.exhausted(); ok && (out < 0 || changed.Before(least)) {
			out, least = i, changed
		}
	}
	if out < 0 {
		t.count.Gaps++
		out = 0
	}
	t.forget(out)
}

func (t *trail) forget(i int) {
	x := t.old[i]
	_ = x.f.Close() // it was only read
	t.f.finished(x, t.path)
	t.old = slices.Delete(t.old, i, i+1)
}

// openRegular opens a file without waiting for whoever has the other end of a pipe.
func openRegular(path string) (*os.File, os.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = &fs.PathError{Op: "follow", Path: path, Err: ErrNotRegular}
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, st, nil
}
