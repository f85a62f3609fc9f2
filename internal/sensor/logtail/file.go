package logtail

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"time"
)

// file is one that is open.
type file struct {
	f      *os.File
	id     identity
	offset int64 // of the first byte that was not handed over
	guard  guard // of the bytes before it
	skip   bool  // it is within a line that is left out
	seen   int64 // the length at which there was nothing more to hand over
	size   int64
	// changed is when it was, by the file system; a file can be written anew to the same length.
	changed time.Time
	grown   time.Time // when that was noticed, or that it was moved away
}

func (x *file) place(path string, current bool) place {
	p := place{Path: path, Dev: x.id.dev, Ino: x.id.ino, Offset: x.offset, N: x.guard.n, Skip: x.skip, Current: current}
	if p.N > 0 {
		p.Before = slices.Clone(x.guard.sum[:])
	}
	return p
}

// unread reports whether there may be something to hand over.
func (x *file) unread() bool { return x.size != x.seen }

// exhausted reports whether all that is in it now was handed over, and when it was changed.
// A file may have been written anew to the same length.
func (x *file) exhausted() (changed time.Time, ok bool) {
	st, err := x.f.Stat()
	if err != nil {
		return changed, false
	}
	changed = st.ModTime()
	return changed, st.Size() == x.offset && (x.offset == 0 || changed.Equal(x.changed))
}

// progress is what reading a file came to.
type progress uint8

const (
	atEnd   progress = iota
	more             // than the budget
	rewound          // the file is not the one that was read: shorter, or written anew
)

// read hands over whole lines, up to the budget.
func (t *trail) read(x *file, now time.Time) progress {
	st, err := x.f.Stat()
	if err != nil {
		t.err = err
		return atEnd
	}
	if st.Size() != x.size || !st.ModTime().Equal(x.changed) {
		x.size, x.changed, x.grown, x.seen = st.Size(), st.ModTime(), now, -1
	}
	if x.size < x.offset {
		return rewound
	}
	for left := t.f.cfg.Budget; x.unread(); {
		if left <= 0 {
			return more
		}
		n, err := t.piece(x)
		switch {
		case errors.Is(err, errRewound):
			return rewound
		case err != nil:
			t.err = err // the next poll tries again
			return atEnd
		case n == 0:
			return atEnd
		}
		left -= n
	}
	return atEnd
}

// errRewound says that the bytes before a place are others than those that were read there.
var errRewound = errors.New("another file")

// piece reads once and hands over the lines in it.
func (t *trail) piece(x *file) (n int, err error) {
	got, err := x.f.ReadAt(t.f.buf, x.offset-int64(x.guard.n))
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	b := t.f.buf[:got]
	if !x.guard.fits(b) {
		return 0, errRewound
	}
	n = t.lines(x, b[x.guard.n:])
	x.seen = x.offset - int64(x.guard.n) + int64(got)
	x.offset += int64(n)
	x.guard = guardOf(b[:x.guard.n+n])
	t.count.Bytes += uint64(n)
	return n, nil
}

// lines hands over the lines that are whole, and returns how many bytes are done with.
func (t *trail) lines(x *file, b []byte) (n int) {
	for {
		i := bytes.IndexByte(b[n:], '\n')
		if i < 0 {
			break
		}
		t.line(x, b[n:n+i])
		n += i + 1
	}
	switch rest := len(b) - n; {
	case x.skip:
		n = len(b)
	case rest > t.f.cfg.MaxLine:
		x.skip = true
		t.count.Long++
		n = len(b)
	}
	return n
}

func (t *trail) line(x *file, b []byte) {
	switch {
	case x.skip:
		x.skip = false
	case len(b) > t.f.cfg.MaxLine:
		t.count.Long++
	default:
		t.count.Lines++
		t.tell(b)
	}
}

// last hands over what stands behind the last line feed of a file that nobody writes any
// more; false: somebody does.
func (t *trail) last(x *file) bool {
	n, _ := x.f.ReadAt(t.f.buf[:t.f.cfg.MaxLine], x.offset)
	b := t.f.buf[:n]
	if bytes.IndexByte(b, '\n') >= 0 {
		return false
	}
	if n > 0 && !x.skip {
		t.line(x, b)
		t.count.Bytes += uint64(n)
		x.offset, x.guard = x.offset+int64(n), guardOf(b)
	}
	return true
}
