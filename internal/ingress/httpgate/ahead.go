package httpgate

import (
	"io"
	"net/http"
	"sync"
	"time"

	"haechi/internal/brick/strain"
)

const (
	// maxAhead is how much of one answer is read before its client takes it, and
	// minAhead the length from which an answer may need that: less fits into the
	// kernel's buffers.
	maxAhead = 1 << 20
	minAhead = 16 << 10
)

// readAhead is the body of an upstream's answer. While the client keeps up it is
// nothing more. Once the client does not, start reads what the upstream still has to
// say into memory, within bounds, so that a slow client holds the gateway and no
// server behind. Read has one caller at a time.
type readAhead struct {
	inner io.ReadCloser
	g     *Gate

	// The request is under way until inner has ended, whatever the client does.
	load   *load // nil: nobody counts
	ticket strain.Ticket
	work   time.Duration // once the ticket was given back
	left   bool

	mu      sync.Mutex
	more    sync.Cond
	started bool
	reading bool // Read is in inner
	filling bool // fill is
	settled bool // fill has ended, and will touch nothing more
	closed  bool
	pieces  [][]byte // of bufferSize each, but for what was taken
	whole   [][]byte // the buffers of pieces
	err     error    // that ended inner
}

// ahead puts a readAhead between the client and the upstream's answer.
func (x *exchange) ahead(res *http.Response) {
	if res.StatusCode == http.StatusSwitchingProtocols || res.Body == http.NoBody || res.ContentLength >= 0 && res.ContentLength < minAhead {
		return
	}
	res.Body = x.readAhead(res.Body)
}

func (x *exchange) readAhead(inner io.ReadCloser) *readAhead {
	a := &readAhead{inner: inner, g: x.g, load: x.load, ticket: x.ticket}
	x.answerBody = a
	a.more.L = &a.mu
	if x.flow != nil {
		x.flow.ahead = a
	} else if x.c != nil {
		x.c.ahead.Store(a)
	}
	return a
}

// release gives the ticket back, once, and says for how long the server was at work.
func (a *readAhead) release(now time.Duration) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.leave(now)
}

// leave is release with the lock held.
func (a *readAhead) leave(now time.Duration) time.Duration {
	if !a.left && a.load != nil {
		a.left, a.work = true, a.load.gauge.Leave(a.ticket, int64(now))
	}
	return a.work
}

// ended gives the ticket back where the server has said everything. The lock is held.
func (a *readAhead) ended(err error) {
	if err != nil && a.load != nil {
		a.leave(a.load.since())
	}
}

// start begins to read ahead. It never blocks.
func (a *readAhead) start() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.started || a.reading || a.closed {
		return
	}
	a.started, a.filling = true, true
	go a.fill()
}

// fill reads until the upstream has said everything, or the client is gone.
func (a *readAhead) fill() {
	for a.room() {
		buf := a.g.buffers.Get()
		n, err := a.inner.Read(buf)
		a.mu.Lock()
		a.pieces, a.whole, a.err = append(a.pieces, buf[:n]), append(a.whole, buf), err
		a.ended(err)
		a.more.Broadcast()
		a.mu.Unlock()
		if err != nil {
			break
		}
	}
	a.mu.Lock()
	a.filling = false
	closed := a.closed
	a.mu.Unlock()
	if closed {
		a.drain()
		_ = a.inner.Close() // nobody is left to be told
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settled = true
	a.more.Broadcast()
}

// room waits until another piece may be read.
func (a *readAhead) room() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for !a.closed {
		if len(a.whole) < maxAhead/bufferSize && (a.g.hold(bufferSize) || len(a.whole) == 0 && a.g.holdAnyway(bufferSize)) {
			return true
		}
		a.more.Wait()
	}
	return false
}

// Read implements io.Reader.
func (a *readAhead) Read(p []byte) (int, error) {
	a.mu.Lock()
	if !a.started {
		a.reading = true
		a.mu.Unlock()
		n, err := a.inner.Read(p)
		a.mu.Lock()
		a.reading = false
		a.ended(err)
		a.mu.Unlock()
		return n, err
	}
	defer a.mu.Unlock()
	for len(a.pieces) == 0 && a.err == nil && !a.closed {
		a.more.Wait()
	}
	if len(a.pieces) == 0 {
		if a.err != nil {
			return 0, a.err
		}
		return 0, http.ErrBodyReadAfterClose
	}
	n := copy(p, a.pieces[0])
	if a.pieces[0] = a.pieces[0][n:]; len(a.pieces[0]) == 0 {
		a.drop()
	}
	return n, nil
}

// dry reports whether nothing more can be read without waiting; buffered is what inner
// has at hand, and is asked only while nobody else reads it.
func (a *readAhead) dry(buffered func() int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.started {
		return len(a.pieces) == 0
	}
	return buffered() == 0
}

// dry reports whether nothing more of the answer under way is here to be passed on.
func (x *exchange) dry(buffered func() int) bool {
	if x.early != nil {
		if has, reads := x.early.has(); has || reads { // while it is being read, more may be long in coming
			return !has
		}
	}
	if x.answerBody != nil {
		return x.answerBody.dry(buffered)
	}
	return buffered() == 0
}

// settle waits until nobody reads the inner body.
func (a *readAhead) settle() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.started && !a.settled {
		a.more.Wait()
	}
}

// drop gives the first piece's memory back. The lock is held.
func (a *readAhead) drop() {
	a.g.buffers.Put(a.whole[0])
	a.g.letGo(bufferSize)
	a.pieces, a.whole = a.pieces[1:], a.whole[1:]
	a.more.Broadcast()
}

func (a *readAhead) drain() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.whole) > 0 {
		a.drop()
	}
}

// Close implements io.Closer. While fill is reading, that closes the inner body once
// the end of the request has woken it.
func (a *readAhead) Close() error {
	a.mu.Lock()
	a.closed = true
	filling := a.filling
	a.more.Broadcast()
	a.mu.Unlock()
	if filling {
		return nil
	}
	a.drain()
	return a.inner.Close()
}

// hold takes memory for what waits for slow clients, if there is some left.
func (g *Gate) hold(n int64) bool {
	if g.held.Add(n) <= g.cfg.MaxHeld {
		return true
	}
	g.held.Add(-n)
	g.counts.notHeld.Add(1)
	return false
}

// holdAnyway takes memory beyond the bound: one buffer for each answer under way,
// which copying it needs all the same.
func (g *Gate) holdAnyway(n int64) bool {
	g.held.Add(n)
	return true
}

func (g *Gate) letGo(n int64) { g.held.Add(-n) }

// letGo gives back what the exchange holds for a slow client.
func (x *exchange) letGo() {
	x.g.letGo(x.heldBytes)
	if x.flow != nil {
		x.flow.end()
	} else if x.c != nil {
		x.c.ahead.Store(nil)
	}
}
