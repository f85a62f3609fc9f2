package syncookies

import (
	"errors"
	"fmt"
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
	file, before string
}

// New returns a switch: proc is /proc/sys, dir a folder for what was set before. What an
// earlier process left is set back. Errors are those of Force.
func New(proc, dir string) (*Switch, error) {
	s := &Switch{file: filepath.Join(proc, setting), before: filepath.Join(dir, "syncookies.before")}
	return s, s.Release()
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
	n, err := number(s.file)
	switch {
	case err != nil:
		return failed(err)
	case n == always:
		return nil
	}
	if err := os.WriteFile(s.before, []byte(strconv.Itoa(n)), 0o600); err != nil {
		return fmt.Errorf("write down what net.ipv4.tcp_syncookies was: %w", err)
	}
	return failed(os.WriteFile(s.file, []byte(strconv.Itoa(always)), 0))
}

// Release sets back what was set before Force, unless somebody else has changed it.
func (s *Switch) Release() error {
	n, err := number(s.before)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && n != always {
		now, err := number(s.file)
		if err != nil {
			return failed(err)
		}
		if now == always {
			if err := os.WriteFile(s.file, []byte(strconv.Itoa(n)), 0); err != nil {
				return failed(err)
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
