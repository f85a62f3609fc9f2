package conntrack

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"haechi"
)

// socketBuffer is how much the kernel keeps for a reader that is slow, in bytes: the ends
// of some 20,000 connections.
const socketBuffer = 8 << 20

// OpenSocket opens a socket on which the kernel tells of the connections that it forgets.
// It needs CAP_NET_ADMIN; reading from it does not, so that it can be handed to a process
// without rights. Errors are of kind Denied without the right, and Unavailable where the
// kernel has no connection table.
func OpenSocket() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
	if err == nil {
		err = subscribe(fd)
		if err == nil {
			return os.NewFile(uintptr(fd), "connection table"), nil
		}
		err = errors.Join(err, unix.Close(fd))
	}
	kind := haechi.Unavailable
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EAFNOSUPPORT) { // the second is the answer of a filter of system calls
		kind = haechi.Denied
	}
	return nil, &haechi.Error{Kind: kind, Op: "read the connection table", Err: err,
		Hint: "give the gateway CAP_NET_ADMIN, or let haechi shield open the socket (shield.socket)"}
}

func subscribe(fd int) error {
	const destroyed = 3 // NFNLGRP_CONNTRACK_DESTROY
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer); err != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer); err != nil {
			return err
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	return unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, destroyed)
}

// Receive reads once into b, and waits no longer than the file's read deadline. What did
// not come from the kernel itself is dropped: then n is 0. Lost reports that the kernel
// had to drop messages since the last call, because this reader was slow.
func Receive(f *os.File, b []byte) (n int, lost bool, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, false, err
	}
	var from unix.Sockaddr
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, from, failed = unix.Recvfrom(int(fd), b, 0)
		return !errors.Is(failed, unix.EAGAIN)
	})
	switch {
	case err != nil:
		return 0, false, err
	case errors.Is(failed, unix.ENOBUFS):
		return 0, true, nil
	case failed != nil:
		return 0, false, failed
	}
	if k, ok := from.(*unix.SockaddrNetlink); !ok || k.Pid != 0 {
		return 0, false, nil
	}
	return n, false, nil
}
