package seclog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// file is the log on the disk: appended to, looked after by its name, and bounded.
type file struct {
	path string
	max  int64
	f    *os.File
	size int64
	torn bool // what was written last does not end with a line
}

// write makes sure that the file is the one at the path and appends whole lines. It
// returns how many lines of it are there in full; an error says why not all.
func (w *file) write(lines []byte) (whole uint64, err error) {
	if err := w.follow(); err != nil {
		return 0, err
	}
	if len(lines) == 0 {
		return 0, nil
	}
	if w.torn {
		if _, err := w.f.Write([]byte{'\n'}); err != nil {
			return 0, errors.Join(err, w.close())
		}
		w.torn = false
		w.size++
	}
	n, err := w.f.Write(lines)
	w.size += int64(n)
	w.torn = n > 0 && lines[n-1] != '\n'
	return uint64(bytes.Count(lines[:n], []byte{'\n'})), err
}

// follow opens the file where it is not open, was moved or taken away, and moves it
// itself where it has grown to its bound.
func (w *file) follow() error {
	if w.f != nil {
		there, err := os.Stat(w.path)
		mine, ferr := w.f.Stat()
		if err == nil && ferr == nil && os.SameFile(there, mine) {
			w.size = there.Size() // less than was written, where somebody emptied it
			if w.size < w.max {
				return nil
			}
			if err := os.Rename(w.path, w.path+".1"); err != nil {
				return fmt.Errorf("move it at its bound of %d bytes: %w", w.max, err)
			}
		}
		if err := w.close(); err != nil {
			return err
		}
	}
	return w.open()
}

// open opens the file for its owner and group alone: it names who was refused. A link is
// not followed: whoever may write to the folder does not choose what is written to.
func (w *file) open() error {
	f, err := os.OpenFile(w.path, os.O_RDWR|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW, 0o640)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no ordinary file", w.path)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	w.f, w.size, w.torn = f, info.Size(), false
	if w.size > 0 { // a process that was killed may have left half a line
		var last [1]byte
		if _, err := f.ReadAt(last[:], w.size-1); err != nil && err != io.EOF {
			return errors.Join(err, w.close())
		}
		w.torn = last[0] != '\n'
	}
	return nil
}

func (w *file) close() error {
	if w.f == nil {
		return nil
	}
	f := w.f
	w.f = nil
	return f.Close()
}
