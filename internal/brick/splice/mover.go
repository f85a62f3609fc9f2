package splice

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// ErrNoPipe says that there is something to read and no pipe to move it through.
var ErrNoPipe = errors.New("splice: no pipe is free")

const (
	most  = 1 << 20   // bytes in one call
	flags = 0x1 | 0x2 // SPLICE_F_MOVE | SPLICE_F_NONBLOCK
)

// Mover moves bytes in one direction. It has one user at a time.
type Mover struct {
	pool     *Pool
	src, dst syscall.RawConn

	fill, drain func(fd uintptr) bool // of the mover, made once
	pipe        *pipe
	n, left     int
	err         error
}

// Mover makes a mover from one socket to another, both of TCP.
func (p *Pool) Mover(dst, src syscall.RawConn) *Mover {
	m := &Mover{pool: p, src: src, dst: dst}
	m.fill, m.drain = m.tryFill, m.tryDrain
	return m
}

// Fill waits until there is something to read and takes it. It returns how many bytes
// it took, or why none: io.EOF at the end, ErrNoPipe, the read deadline. Drain must
// follow.
func (m *Mover) Fill() (int, error) {
	m.n, m.err = 0, nil
	if err := m.src.Read(m.fill); err != nil {
		return 0, err
	}
	if m.err == nil && m.n == 0 {
		m.release()
		m.err = io.EOF
	}
	m.left = m.n
	return m.n, m.err
}

// Drain hands on what Fill took and returns how many bytes the reader got. After an
// error, the write deadline among them, the rest is lost, and so is the connection.
func (m *Mover) Drain() (int, error) {
	if m.pipe == nil {
		return 0, nil
	}
	m.err = nil
	err := m.dst.Write(m.drain)
	if err == nil {
		err = m.err
	}
	if err != nil {
		m.pool.drop(m.pipe)
		m.pipe = nil
		return m.n - m.left, err
	}
	m.release()
	return m.n, nil
}

// Drop gives up what Fill took.
func (m *Mover) Drop() {
	if m.pipe != nil {
		m.pool.drop(m.pipe)
		m.pipe = nil
	}
}

func (m *Mover) release() {
	if m.pipe != nil {
		m.pool.put(m.pipe)
		m.pipe = nil
	}
}

// tryFill takes what there is to read into a pipe; false means to wait for it, which
// it does without one.
func (m *Mover) tryFill(fd uintptr) bool {
	if m.pipe == nil {
		if m.pipe = m.pool.get(); m.pipe == nil {
			return m.peek(int(fd))
		}
	}
	n, err := transfer(int(fd), m.pipe.w, most)
	if err == nil {
		m.n = n
		return true
	}
	m.release()
	if errors.Is(err, syscall.EAGAIN) {
		return false
	}
	m.err = os.NewSyscallError("splice", err)
	return true
}

// peek waits for something to read that cannot be taken.
func (m *Mover) peek(fd int) bool {
	var one [1]byte
	for {
		_, _, err := syscall.Recvfrom(fd, one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if errors.Is(err, syscall.EAGAIN) {
			return false
		}
		m.err = ErrNoPipe // an error is there for who reads instead
		return true
	}
}

// tryDrain hands on what is in the pipe; false means to wait until more is taken.
func (m *Mover) tryDrain(fd uintptr) bool {
	for m.left > 0 {
		n, err := transfer(m.pipe.r, int(fd), m.left)
		if errors.Is(err, syscall.EAGAIN) {
			return false
		}
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF // the pipe holds less than was put in: cannot be
		}
		if err != nil {
			m.err = os.NewSyscallError("splice", err)
			return true
		}
		m.left -= n
	}
	return true
}

func transfer(from, to, size int) (int, error) {
	for {
		n, err := syscall.Splice(from, nil, to, nil, size, flags)
		if !errors.Is(err, syscall.EINTR) {
			return int(n), err
		}
	}
}
