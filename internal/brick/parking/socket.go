package parking

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// ErrWait is what Read and Write return when they would block.
var ErrWait = errors.New("parking: not ready")

// Detach takes the descriptor of a TCP connection out of the hands of package net,
// and with it the connection's memory there. The connection is closed by it but the
// socket is not; the caller owns the descriptor, which is in non-blocking mode.
func Detach(c *net.TCPConn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	var failed error
	if err = errors.Join(raw.Control(func(old uintptr) { fd, failed = copyOf(old) }), failed); err != nil {
		return -1, err
	}
	_ = c.Close() // of the socket there is the copy; nothing can be lost
	return fd, nil
}

// Attach is the reverse: a connection of package net on a copy of the descriptor. The
// caller still owns his.
func Attach(fd int) (*net.TCPConn, error) {
	own, err := copyOf(uintptr(fd))
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(own), "socket")
	c, err := net.FileConn(f) // of a copy of its own
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil, errors.Join(errors.ErrUnsupported, c.Close())
	}
	return tcp, nil
}

// copyOf duplicates a descriptor; no program that is started inherits it.
func copyOf(fd uintptr) (int, error) {
	n, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return -1, os.NewSyscallError("fcntl", errno)
	}
	return int(n), nil
}

// Read reads once. At the end of the stream the error is io.EOF; if there is nothing
// to read yet, it is ErrWait.
func Read(fd int, p []byte) (n int, err error) {
	for {
		n, err = syscall.Read(fd, p)
		switch {
		case err == nil && n == 0 && len(p) > 0:
			return 0, io.EOF
		case err == nil:
			return n, nil
		case errors.Is(err, syscall.EAGAIN):
			return 0, ErrWait
		case !errors.Is(err, syscall.EINTR):
			return 0, os.NewSyscallError("read", err)
		}
	}
}

// Write writes what the socket takes now. The error is ErrWait if that is less than
// all. A peer that is gone is an error, never a signal.
func Write(fd int, p []byte) (n int, err error) {
	for n < len(p) {
		m, err := syscall.Write(fd, p[n:]) // the runtime ignores SIGPIPE here
		switch {
		case err == nil:
			n += m
		case errors.Is(err, syscall.EAGAIN):
			return n, ErrWait
		case !errors.Is(err, syscall.EINTR):
			return n, os.NewSyscallError("write", err)
		}
	}
	return n, nil
}

// Shut ends both halves of a connection at once, also while somebody else reads or
// writes it. The descriptor stays open and its owner's.
func Shut(fd int) {
	_ = syscall.Shutdown(fd, syscall.SHUT_RDWR) // one that is not connected any more is shut
}
