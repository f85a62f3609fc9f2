package tcpgate

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"haechi"
	"haechi/internal/brick/splice"
)

// small is the buffer that a connection under TLS waits with, in bytes: crypto/tls
// cannot wait without one.
const small = 1 << 10

// flow is one direction of a session. One goroutine runs it at a time.
type flow struct {
	s        *session
	from, to *side
	out      bool // to the client
	bytes    atomic.Int64

	mover *splice.Mover // nil: the bytes are copied
	moved bool          // what was taken is in the mover, not in buf
	buf   *[bufferSize]byte
	own   []byte
	n     int
	more  bool // the last read filled its buffer
	err   error
	try   func(fd uintptr) bool
	owed  int // bytes that were not charged yet

	waiting, finished bool // guarded by the session's mutex
}

// run moves bytes until the flow ends, the session is over, or it is to be parked.
func (f *flow) run() {
	defer f.s.rescue()
	defer f.rest()
	f.from.read = time.Time{}
	for f.s.wait(f) {
		n, err := f.take()
		f.s.awake(f)
		switch {
		case n > 0 && !f.pass(n):
			return
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			if f.s.expired(f, time.Now()) {
				return
			}
		default:
			f.ended(err)
			return
		}
	}
}

// pass hands on what was taken. False means that the session is over.
func (f *flow) pass(n int) bool {
	s := f.s
	defer f.free()
	f.bytes.Add(int64(n))
	if !s.touch(time.Now(), n) || !f.pace(n) {
		return false
	}
	f.to.arm(time.Now(), s.gate.cfg.WriteTimeout)
	if s.ended() {
		return false
	}
	err := f.give(n)
	if err == nil {
		s.last.Store(int64(time.Since(s.start)))
		return true
	}
	switch {
	case s.ended():
	case errors.Is(err, os.ErrDeadlineExceeded):
		limit := s.gate.cfg.WriteTimeout.Seconds()
		s.refuse(haechi.KindFlow, ending{reason: haechi.ReasonBackpressure, rule: RuleUnread, verdict: haechi.Deny, observed: limit, threshold: limit}, &s.gate.counts.unread)
	case f.out:
		s.finish(ending{reason: haechi.ReasonPeerClosed})
	default:
		s.gate.deps.Suspect(s.upstream)
		s.finish(ending{reason: haechi.ReasonUpstreamClosed})
	}
	return false
}

// ended passes the end of one side on to the other. When both have ended, or one
// broke, the session is over.
func (f *flow) ended(err error) {
	s := f.s
	reason := haechi.ReasonPeerClosed
	if f.out {
		reason = haechi.ReasonUpstreamClosed
	}
	if !errors.Is(err, io.EOF) {
		s.finish(ending{reason: reason})
		return
	}
	s.mu.Lock()
	if s.first == "" {
		s.first = reason
	}
	reason = s.first
	s.mu.Unlock()
	f.to.closeWrite(s.gate.cfg.WriteTimeout)
	s.mu.Lock()
	f.finished = true
	both := s.up.finished && s.down.finished
	s.mu.Unlock()
	if both {
		s.finish(ending{reason: reason})
	}
}

// take waits for bytes and takes them.
func (f *flow) take() (int, error) {
	g := f.s.gate
	f.moved = false
	plain := f.from.plain()
	if plain && !g.cfg.Paced && g.deps.Pipes != nil && f.to.ready.Load() {
		if f.mover == nil {
			f.mover = g.deps.Pipes.Mover(f.to.raw, f.from.raw)
		}
		n, err := f.mover.Fill()
		if !errors.Is(err, splice.ErrNoPipe) {
			f.moved = true
			return n, err
		}
	}
	if plain {
		return f.read()
	}
	return f.readThrough()
}

// give writes what was taken.
func (f *flow) give(n int) error {
	if f.moved {
		f.s.gate.counts.spliced.Add(1)
		_, err := f.mover.Drain()
		return err
	}
	f.s.gate.counts.copied.Add(1)
	_, err := f.to.conn.Write(f.taken(n))
	return err
}

func (f *flow) taken(n int) []byte {
	if f.buf != nil {
		return f.buf[:n]
	}
	return f.own[:n]
}

// read reads the socket into a buffer that it takes only when there is something to
// read.
func (f *flow) read() (int, error) {
	if f.try == nil {
		f.try = f.tryRead
	}
	f.n, f.err = 0, nil
	if err := f.from.raw.Read(f.try); err != nil {
		return 0, err
	}
	if f.err != nil {
		return 0, os.NewSyscallError("read", f.err)
	}
	if f.n == 0 {
		return 0, io.EOF
	}
	return f.n, nil
}

func (f *flow) tryRead(fd uintptr) bool {
	f.borrow()
	for {
		f.n, f.err = syscall.Read(int(fd), f.buf[:f.s.gate.cfg.Piece])
		if !errors.Is(f.err, syscall.EINTR) {
			break
		}
	}
	if errors.Is(f.err, syscall.EAGAIN) {
		f.free()
		return false
	}
	f.n = max(f.n, 0)
	return true
}

// readThrough reads what lies above a socket, into a small buffer of its own while
// little comes.
func (f *flow) readThrough() (n int, err error) {
	if f.more {
		f.borrow()
		n, err = f.from.conn.Read(f.buf[:f.s.gate.cfg.Piece])
		f.more = n == f.s.gate.cfg.Piece
		return n, err
	}
	if f.own == nil {
		f.own = make([]byte, min(small, f.s.gate.cfg.Piece))
	}
	n, err = f.from.conn.Read(f.own)
	f.more = n == len(f.own)
	return n, err
}

func (f *flow) borrow() {
	if f.buf == nil {
		f.buf = f.s.gate.buffers.Get().(*[bufferSize]byte)
	}
}

// free gives back the buffer, and what is left in a pipe.
func (f *flow) free() {
	if f.buf != nil {
		f.s.gate.buffers.Put(f.buf)
		f.buf = nil
	}
	if f.mover != nil {
		f.mover.Drop()
	}
}

// rest gives back what only a flow that runs needs.
func (f *flow) rest() {
	f.free()
	f.mover, f.try = nil, nil
}
