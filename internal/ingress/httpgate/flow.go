package httpgate

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
)

// flow bounds how long a client of HTTP/2 or HTTP/3 may keep one answer waiting by a
// window that it does not open (RFC 9113, 5.2; RFC 9000, 4). Writes of a TCP connection
// itself have their own bound, in pace; while one of those waits, no stream is blamed.
// QUIC has no such writes: see keepsUp.
type flow struct {
	control *http.ResponseController
	c       *conn
	m       *multi // nil over TCP
	actor   haechi.Actor
	ahead   *readAhead
	cut     atomic.Pointer[haechi.Verdict]

	mu    sync.Mutex
	timer *time.Timer
	armed bool
	ended bool
	left  time.Duration // how long it may still be
	bytes int           // of the write under way
}

// watchFlow makes the exchange's flow where its protocol has one.
func (x *exchange) watchFlow() {
	if x.r.ProtoMajor >= 2 && x.c != nil {
		m, _ := x.r.Context().Value(multiKey{}).(*multi)
		x.flow = &flow{control: http.NewResponseController(x.w), c: x.c, m: m, actor: x.actor, left: x.g.cfg.WriteTimeout}
	}
}

// begin is called before a write of n bytes.
func (f *flow) begin(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed, f.bytes = true, n
	if f.m != nil {
		f.m.waiting.Add(1)
	}
	f.left += f.due(n)
	if f.timer == nil {
		f.timer = time.AfterFunc(f.c.step(), f.look)
		return
	}
	f.timer.Reset(f.c.step())
}

// due is how long so many bytes may take.
func (f *flow) due(n int) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(f.c.g.cfg.MinRate)
}

// done is called behind it.
func (f *flow) done() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = false
	if f.m != nil {
		f.m.waiting.Add(-1)
	}
	f.timer.Stop()
	f.left = min(f.left, f.c.g.cfg.WriteTimeout)
}

// look is called once a step while a write waits.
func (f *flow) look() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.armed || f.ended {
		return
	}
	if f.ahead != nil {
		f.ahead.start()
	}
	if !f.c.blocked() && (f.m == nil || !f.m.keepsUp()) {
		f.left -= f.c.step()
	}
	if f.left > 0 {
		f.timer.Reset(f.c.step())
		return
	}
	v := f.c.g.slowRead(f.actor, float64(f.bytes)/(f.c.g.cfg.WriteTimeout+f.due(f.bytes)).Seconds())
	f.cut.Store(&v)
	f.ended = true
	_ = f.control.SetWriteDeadline(time.Unix(1, 0)) // resets the stream; an error means that it is gone
}

// end bounds what net/http still has to send after the handler.
func (f *flow) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.timer != nil {
		f.timer.Stop()
	}
	if !f.ended {
		f.ended = true
		_ = f.control.SetWriteDeadline(time.Now().Add(f.c.g.cfg.WriteTimeout))
	}
}
