package syncookies

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"haechi"
)

// setting is the kernel's file, always its value for every SYN.
const (
	setting = "net/ipv4/tcp_syncookies"
	always  = 2
)

// Switch changes the setting. It is used by one goroutine.
type Switch struct {
	file   *os.File // nil: there is none
	why    error    // why it cannot be written, or is not there
	before string
}

// New returns a switch: proc is /proc/sys, dir a folder for what was set before. What an
// earlier process left is set back. The setting is opened here, and stays so: whoever takes
// the right to open it away later does not take the switch away. Errors are those of Force.
func New(proc, dir string) (*Switch, error) {
	s := &Switch{before: filepath.Join(dir, "syncookies.before")}
	path := filepath.Join(proc, setting)
	if s.file, s.why = os.OpenFile(path, os.O_RDWR, 0); s.why != nil {
		if file, err := os.Open(path); err == nil {
			s.file = file
		}
	}
	return s, s.Release()
}

// Close gives the setting's file back; what was set stays.
func (s *Switch) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// now is what is set.
func (s *Switch) now() (int, error) {
	if s.file == nil {
		return 0, s.why
	}
	var text [8]byte
	n, err := s.file.ReadAt(text[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	return digit(s.file.Name(), text[:n])
}

func (s *Switch) set(n int) error {
	if s.why != nil {
		return failed(s.why)
	}
	_, err := s.file.WriteAt([]byte(strconv.Itoa(n)+"\n"), 0)
	return failed(err)
}

// Read is what is set: 0 never, 1 when the queue is full, 2 always. Errors are of kind
// Unavailable, for a kernel without cookies.
func Read(proc string) (int, error) {
	n, err := number(filepath.Join(proc, setting))
	if err != nil {
		return 0, &haechi.Error{Kind: haechi.Unavailable, Op: "read whether the kernel sends SYN cookies", Err: err, Hint: "a kernel without CONFIG_SYN_COOKIES sends none"}
	}
	return n, nil
}

// Force sets cookies for every SYN. Errors are of kind Denied without the right to.
func (s *Switch) Force() error {
	n, err := s.now()
	switch {
	case err != nil:
		return failed(err)
	case n == always:
		return nil
	}
	if err := os.WriteFile(s.before, []byte(strconv.Itoa(n)), 0o600); err != nil {
		return fmt.Errorf("write down what net.ipv4.tcp_syncookies was: %w", err)
	}
	return s.set(always)
}

// Release sets back what was set before Force, unless somebody else has changed it.
func (s *Switch) Release() error {
	n, err := number(s.before)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && n != always {
		now, err := s.now()
		if err != nil {
			return failed(err)
		}
		if now == always {
			if err := s.set(n); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(s.before); err != nil {
		return fmt.Errorf("forget what net.ipv4.tcp_syncookies was: %w", err)
	}
	return nil
}

// number reads a file of one digit.
func number(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return digit(file, text)
}

func digit(file string, text []byte) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n < 0 || n > always {
		return 0, fmt.Errorf("%s holds %.20q, not 0, 1 or 2", file, text)
	}
	return n, nil
}

func failed(err error) error {
	if err == nil {
		return nil
	}
	out := &haechi.Error{Kind: haechi.Unavailable, Op: "make the kernel send SYN cookies", Err: err}
	if errors.Is(err, os.ErrPermission) {
		out.Kind, out.Hint = haechi.Denied, "run the shield as root: haechi shield; or set it yourself: sysctl -w net.ipv4.tcp_syncookies=2"
	}
	return out
}
