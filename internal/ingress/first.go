package ingress

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// First waits for the first byte that the peer sends and leaves it where it is. The
// read deadline bounds the wait. Nobody else may read meanwhile.
func (c *Conn) First() (byte, error) {
	switch in := c.Conn.(type) {
	case interface{ First() (byte, error) }:
		return in.First()
	case *net.TCPConn:
		return Peek(in)
	}
	return 0, errors.ErrUnsupported
}

// Peek waits for the next byte of a socket and leaves it there.
func Peek(c *net.TCPConn) (byte, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var b [1]byte
	n, failed := 0, error(nil)
	err = raw.Read(func(fd uintptr) bool {
		for {
			n, _, failed = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			if !errors.Is(failed, syscall.EINTR) {
				return !errors.Is(failed, syscall.EAGAIN)
			}
		}
	})
	switch {
	case err != nil:
		return 0, err
	case failed != nil:
		return 0, os.NewSyscallError("recvfrom", failed)
	case n == 0:
		return 0, io.EOF
	}
	return b[0], nil
}
