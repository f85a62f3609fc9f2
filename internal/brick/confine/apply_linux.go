//go:build linux && (amd64 || arm64)

package confine

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// errCgo: with cgo the runtime does not know all threads, so that only what the kernel
// itself spreads over them (seccomp and no_new_privs) can be had.
var errCgo = errors.New("the program was built with cgo: build it with CGO_ENABLED=0")

func apply(p Policy) []Layer {
	return []Layer{
		layer("landlock", restrict(p.Read, p.Write)),
		layer("capabilities", shed(p.Keep)),
		layer("bounding set", bound(p.Keep)),
		layer("seccomp", filter()),
	}
}

func layer(name string, err error) Layer {
	l := Layer{Name: name, Err: err}
	switch {
	case err == nil:
		l.Held = Yes
	case errors.Is(err, errCgo), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPERM):
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
		return errCgo
	}
	return nil
}
