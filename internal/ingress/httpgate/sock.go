package httpgate

import (
	"io"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// notYet says that a socket has nothing to read. crypto/tls takes it for an error that
// passes, and goes on where it was at the next call.
type notYet struct{}

// Error implements error.
func (notYet) Error() string { return "nothing to read yet" }

// Timeout implements net.Error.
func (notYet) Timeout() bool { return false }

// Temporary implements net.Error.
func (notYet) Temporary() bool { return true }

// sock reads a socket without ever waiting, and without asking the kernel where it is
// known that nothing is there: a read that came up short has taken everything, and
// whatever comes later wakes the poller.
type sock struct {
	fd      int
	drained bool
	hungUp  bool          // the peer may have: only the end says that everything was read
	inside  bool          // the descriptor is held open: a step is under way
	now     time.Duration // since the connection was opened, at the last answer; 0 before
}

// Read implements io.Reader.
func (s *sock) Read(p []byte) (int, error) {
	if s.drained {
		return 0, notYet{}
	}
	n, err := receive(s.fd, p)
	switch {
	case err == syscall.EAGAIN:
		s.drained = true
		return 0, notYet{}
	case err != 0:
		return 0, os.NewSyscallError("recvfrom", err)
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	s.drained = n < len(p) && !s.hungUp
	return n, nil
}

// pollFD is struct pollfd of poll(2).
type pollFD struct {
	fd             int32
	events, revent int16
}

// hungUp reports whether the peer of the socket has closed its side.
func hungUp(fd int) bool {
	const rdhup, errHup = 0x2000, 0x8 | 0x10
	p := pollFD{fd: int32(fd), events: rdhup}
	n, _, errno := syscall.RawSyscall(syscall.SYS_POLL, uintptr(unsafe.Pointer(&p)), 1, 0)
	return errno == 0 && n == 1 && p.revent&(rdhup|errHup) != 0
}
