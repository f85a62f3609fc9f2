package httpgate

import (
	"bytes"
	"io"
)

// swapper replaces every occurrence of old in a stream by new. It passes on what it
// has as soon as that cannot be the beginning of old, so a page that comes in pieces
// is not held up.
type swapper struct {
	src      io.ReadCloser
	old, new []byte

	buf  []byte // read and not passed on
	from int    // what of it is passed on
	out  []byte // the rest of a replacement under way
	err  error  // of src
}

const swapSize = 16 << 10

func newSwapper(src io.ReadCloser, old, new []byte) *swapper {
	return &swapper{src: src, old: old, new: new, buf: make([]byte, 0, swapSize)}
}

// Close closes the stream behind.
func (s *swapper) Close() error { return s.src.Close() }

// Read implements io.Reader.
func (s *swapper) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if len(s.out) > 0 {
			n := copy(p, s.out)
			s.out = s.out[n:]
			return n, nil
		}
		if n := s.safe(); n > 0 {
			n = copy(p, s.buf[s.from:s.from+n])
			s.from += n
			return n, nil
		}
		if bytes.HasPrefix(s.buf[s.from:], s.old) {
			s.from += len(s.old)
			s.out = s.new
			continue
		}
		if s.err != nil {
			return 0, s.err
		}
		s.fill()
	}
}

// safe is how many bytes can be passed on as they are: up to the next occurrence, or
// up to what may become one.
func (s *swapper) safe() int {
	rest := s.buf[s.from:]
	if i := bytes.Index(rest, s.old); i >= 0 {
		return i
	}
	if s.err != nil {
		return len(rest)
	}
	for n := min(len(s.old)-1, len(rest)); n > 0; n-- {
		if bytes.HasPrefix(s.old, rest[len(rest)-n:]) {
			return len(rest) - n
		}
	}
	return len(rest)
}

// fill reads once. What is left over is shorter than old, which is shorter than the
// buffer.
func (s *swapper) fill() {
	s.buf = append(s.buf[:0], s.buf[s.from:]...)
	s.from = 0
	n, err := s.src.Read(s.buf[len(s.buf):cap(s.buf)])
	s.buf = s.buf[:len(s.buf)+n]
	s.err = err
}
