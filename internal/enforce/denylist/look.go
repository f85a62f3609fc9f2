package denylist

import (
	"errors"
	"fmt"
	"os"
	"time"

	"haechi"
)

// stamp tells one state of a file from another.
type stamp struct {
	file os.FileInfo
	size int64
	at   time.Time
}

func stampOf(i os.FileInfo) stamp { return stamp{i, i.Size(), i.ModTime()} }

func (s stamp) same(o stamp) bool {
	return s.file != nil && o.file != nil && s.size == o.size && s.at.Equal(o.at) && os.SameFile(s.file, o.file)
}

// Look reads the files that changed, and reports whether a list did. A file that changed is
// read once it looks the same twice, since somebody may be writing it; one that was never
// read, at once. What is wrong stays in Status; the error has what is new of it.
func (l *Lists) Look(now time.Time) (changed bool, err error) {
	l.looking.Lock()
	defer l.looking.Unlock()
	var errs []error
	for _, one := range l.all {
		room := MaxPrefixes - l.others(one)
		did, err := one.look(now, room)
		changed = did || err != nil && one.recall(room) || changed
		if one.note(err) {
			errs = append(errs, fmt.Errorf("list %s: %w", one.Name, err))
		}
	}
	return changed, errors.Join(errs...)
}

// others is how many prefixes the other lists have.
func (l *Lists) others(of *list) (n int) {
	for _, one := range l.all {
		if is := one.now.Load(); is != nil && one != of {
			n += len(is.Prefixes)
		}
	}
	return n
}

// note keeps what is wrong, and reports whether it is new.
func (l *list) note(err error) bool {
	if err == nil {
		l.trouble.Store(nil)
		return false
	}
	text := err.Error()
	old := l.trouble.Swap(&text)
	return old == nil || *old != text
}

func (l *list) look(now time.Time, most int) (changed bool, err error) {
	info, err := os.Stat(l.Path)
	if err != nil {
		l.seen = stamp{}
		return false, unread(err)
	}
	s := stampOf(info)
	settled := s.same(l.seen) || l.now.Load() == nil
	l.seen = s
	if s.same(l.tried) || !settled {
		return false, l.failed
	}
	text, err := l.read(s, most)
	if errors.Is(err, errMoving) {
		return false, l.failed
	}
	if kind := haechi.KindOf(err); err != nil && kind != haechi.Invalid && kind != haechi.Exhausted {
		return false, err // of the disk: it is tried again
	}
	if l.tried, l.failed = s, err; err != nil {
		return false, err
	}
	l.now.Store(&loaded{Text: text, spans: newSpans(text.Prefixes), at: now})
	l.failed = l.store(&text)
	return true, l.failed
}

// errMoving is that a file changed while it was read.
var errMoving = errors.New("the file changes")

// read reads the file if it is what was looked at, and stays so.
func (l *list) read(s stamp, most int) (Text, error) {
	if !s.file.Mode().IsRegular() {
		return Text{}, &haechi.Error{Kind: haechi.Invalid, Op: "read the list", Msg: l.Path + " is no regular file", Hint: "name a file"}
	}
	f, err := os.Open(l.Path)
	if err != nil {
		return Text{}, unread(err)
	}
	defer func() { _ = f.Close() }()
	text, err := Read(f, most)
	if err != nil {
		return Text{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return Text{}, unread(err)
	}
	if !stampOf(info).same(s) {
		return Text{}, errMoving
	}
	return text, nil
}

func unread(err error) error {
	out := &haechi.Error{Kind: haechi.Unavailable, Op: "read the list", Err: err, Hint: "what was loaded before stays; it is tried again"}
	if errors.Is(err, os.ErrNotExist) {
		out.Kind, out.Hint = haechi.NotFound, "write the file, or take the list out of shield.lists; what was loaded before stays"
	}
	return out
}
