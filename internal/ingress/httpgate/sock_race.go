//go:build race

package httpgate

import (
	"errors"
	"syscall"
)

// The same by way of package syscall, which tells the race detector that what is sent
// happens before it is received. Sockets of package net do not block.

func receive(fd int, p []byte) (int, syscall.Errno) { return whole(syscall.Read(fd, p)) }

func transmit(fd int, p []byte) (int, syscall.Errno) { return whole(syscall.Write(fd, p)) }

func whole(n int, err error) (int, syscall.Errno) {
	var errno syscall.Errno
	errors.As(err, &errno)
	return max(n, 0), errno
}
