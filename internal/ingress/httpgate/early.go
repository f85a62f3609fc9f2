package httpgate

import (
	"io"
	"sync"
	"time"
)

// maxEarly is for how long a client waits for the beginning of an answer without a length
// to be there. What comes later than that is passed on as it comes.
const maxEarly = 2 * time.Second

// early is a body of which the beginning is read while somebody waits for it, for a time.
// What was read is kept until it is taken. Read has one caller at a time.
type early struct {
	inner io.ReadCloser

	mu      sync.Mutex
	more    sync.Cond
	came    []byte // read and not taken
	most    int    // of came, while it is filled
	err     error  // that ended inner
	filling bool   // fill reads inner
	stop    bool   // it shall not begin to read once more
	closed  bool
}

// newEarly begins to read so many bytes.
func newEarly(inner io.ReadCloser, most int) *early {
	e := &early{inner: inner, most: most, filling: true}
	e.more.L = &e.mu
	go e.fill()
	return e
}

func (e *early) fill() {
	buf := make([]byte, min(e.most, 8<<10))
	for {
		n, err := e.inner.Read(buf)
		if !e.take(buf[:n], err) {
			return
		}
	}
}

// take notes what was read, and reports whether to go on.
func (e *early) take(p []byte, err error) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.came, e.err = append(e.came, p...), err
	e.filling = err == nil && len(e.came) < e.most && !e.stop
	e.more.Broadcast()
	if !e.filling && e.closed {
		_ = e.inner.Close() // nobody is left to be told
	}
	return e.filling
}

// wait waits until so much is there as was asked for, or the end, or for that long. It
// returns what is there and whether the body goes on.
func (e *early) wait(most time.Duration) (came []byte, cut bool) {
	timer := time.AfterFunc(most, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.stop = true
		e.more.Broadcast()
	})
	defer timer.Stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.filling && !e.stop {
		e.more.Wait()
	}
	e.stop = true
	return e.came[:len(e.came):len(e.came)], e.err == nil
}

// Read implements io.Reader.
func (e *early) Read(p []byte) (int, error) {
	e.mu.Lock()
	for e.filling && len(e.came) == 0 {
		e.more.Wait()
	}
	if n := copy(p, e.came); n > 0 {
		e.came = e.came[n:]
		e.mu.Unlock()
		return n, nil
	}
	err := e.err
	e.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return e.inner.Read(p)
}

// Close implements io.Closer. While inner is being read, it is closed once that has ended.
func (e *early) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stop, e.closed = true, true
	if e.filling {
		return nil
	}
	return e.inner.Close()
}

// has reports whether the next is there, or the end; and whether fill may be reading inner.
func (e *early) has() (has, reads bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.came) > 0 || e.err != nil, e.filling
}

// settle waits until it is not.
func (e *early) settle() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stop = true
	for e.filling {
		e.more.Wait()
	}
}
