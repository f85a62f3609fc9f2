//go:build linux && (amd64 || arm64)

package confine

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

func apply(p Policy) []Layer {
	var out []Layer
	if !p.Exec {
		out = append(out, layer("landlock", restrict(&p)))
	}
	if p.Unbound {
		out = append(out, layer("capabilities", surrender(p.Keep)))
	} else {
		out = append(out, layer("capabilities", shed(p.Keep)), layer("bounding set", bound(p.Keep)))
	}
	return append(out, layer("seccomp", filter(&p)))
}

func layer(name string, err error) Layer {
	l := Layer{Name: name, Err: err}
	switch {
	case err == nil:
		l.Held = Yes
	case errors.Is(err, ErrCgo), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPERM):
		l.Held = No
	}
	return l
}

// everywhere makes the system call on every thread.
func everywhere(what string, trap, a, b, c uintptr) error {
	if _, _, e := syscall.AllThreadsSyscall(trap, a, b, c); e != 0 {
		return fmt.Errorf("%s: %w", what, e)
	}
	return nil
}

// reachable says why not every thread can be reached, if so.
func reachable() error {
	if _, _, e := syscall.AllThreadsSyscall(unix.SYS_GETPID, 0, 0, 0); e != 0 {
		return ErrCgo
	}
	return nil
}
