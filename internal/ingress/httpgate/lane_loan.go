package httpgate

import (
	"io"
	"time"
)

// loan is a wire that a lane has for one request. It goes back as soon as the server
// has said everything: a client that is slow to take what was read ahead would
// otherwise keep the server waiting for another request that cannot come.
type loan struct {
	l *lane
	u *upstream
	w *wire
	// back is set by whoever reads the answer, and looked at behind its end.
	back bool
}

// giveBack returns the wire, behind an answer that left it in order. It reports whether
// it is gone: the wire of a request that is being ended is not given back.
func (t *loan) giveBack(now time.Duration) bool {
	if t.back || t.l.ended() {
		return t.back
	}
	t.back = true
	t.l.hold(nil)
	t.w.release()
	t.u.put(t.w, now)
	return true
}

// lastOf is the body of an answer that gives the wire back at its end.
type lastOf struct {
	io.ReadCloser
	t     *loan
	again func() bool // the wire may be used again
}

// Read implements io.Reader.
func (b *lastOf) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF && !b.t.back && b.again() {
		b.t.giveBack(b.t.w.age())
	}
	return n, err
}
