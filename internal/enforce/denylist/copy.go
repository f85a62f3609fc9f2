package denylist

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// copyOf is where the copy of a list lies; empty: none is kept.
func (l *list) copyOf() string {
	if l.keep == "" {
		return ""
	}
	return filepath.Join(l.keep, l.Name+".txt")
}

// store keeps what was read for a process that cannot read the file: one more, or none.
func (l *list) store(t *Text) (err error) {
	path := l.copyOf()
	if path == "" {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("keep a copy for the next start: %w", err)
		}
	}()
	if err := os.Mkdir(l.keep, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err // its parent is others' to make: they know who may enter it
	}
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	var line []byte
	for _, p := range t.Prefixes {
		line = append(p.AppendTo(line[:0]), '\n')
		if _, err := w.Write(line); err != nil {
			return errors.Join(err, f.Close(), os.Remove(next))
		}
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return os.Rename(next, path)
}

// recall takes over what an earlier process read, if this one has read nothing.
func (l *list) recall(most int) bool {
	path := l.copyOf()
	if path == "" || l.now.Load() != nil {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return false
	}
	text, err := Read(f, most)
	if err != nil {
		return false
	}
	l.now.Store(&loaded{Text: text, spans: newSpans(text.Prefixes), at: info.ModTime()})
	return true
}
