package httpgate

import (
	"io"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/brick/wsframe"
)

const (
	// goodbye is how long a client may take to hear why its WebSocket ends, and maxUnheard
	// what it may send meanwhile, in bytes.
	goodbye    = time.Second
	maxUnheard = 1 << 20
)

// upgraded is a client's connection once its protocol was changed, to WebSocket. What is
// sent passes unread but for the headers of frames (RFC 6455), which are held to the
// protocol and to the site's bounds. Silence is bounded in both directions at once, since
// either side may lawfully listen for hours. Peers that want to stay send pings (5.5.2).
type upgraded struct {
	net.Conn
	g       *Gate
	own     *conn
	client  haechi.Actor
	service string
	bounds  Upgraded
	paced   bool
	opened  time.Time
	idle    time.Duration
	last    atomic.Int64 // when a byte passed, in nanoseconds since opened
	overdue *time.Timer
	old     *time.Timer // nil: it may last
	done    chan struct{}
	once    sync.Once

	framed   bool           // frames are followed
	up       wsframe.Stream // of one reader
	meter    meter
	owed     [2]int         // bytes of each direction that were not charged yet
	unheard  int            // bytes since it ends
	writing  chan struct{}  // holds one while somebody writes
	down     wsframe.Stream // under writing
	ending   atomic.Bool
	shadowed atomic.Pointer[haechi.Verdict] // what would have ended it
}

// bound keeps the exchange's connection within the site's bounds.
func (x *exchange) bound(c net.Conn) net.Conn {
	u := &upgraded{Conn: c, g: x.g, own: x.c, client: x.actor, service: x.site.service, bounds: x.site.upgrades, opened: time.Now(),
		idle: x.site.upgraded, done: make(chan struct{}), writing: make(chan struct{}, 1)}
	if u.bounds.Mode != haechi.Off && !x.actor.Allowed {
		u.framed = x.framing.known || u.bounds.framed()
		u.up.Config = wsframe.Config{Client: true, Message: uint64(u.bounds.Message), Compressed: x.framing.compressed, Any: x.framing.any}
		u.down.Config = wsframe.Config{Compressed: x.framing.compressed, Any: x.framing.any}
		u.meter = newMeter(u.bounds.Messages)
		u.paced = u.bounds.Piece > 0 && u.g.deps.Pacer != nil && !x.isProxy()
		if u.bounds.Lifetime > 0 {
			u.old = time.AfterFunc(u.bounds.Lifetime, u.expire)
		}
	}
	u.overdue = time.AfterFunc(u.idle, u.look)
	x.socket = u
	return u
}

// look ends the connection if it was silent for too long. The timer is not moved by
// every byte, but set again here for when it may be due.
func (u *upgraded) look() {
	silent := time.Since(u.opened) - time.Duration(u.last.Load())
	if left := u.idle - silent; left > 0 {
		u.overdue.Reset(left)
		return
	}
	u.g.counts.silent.Add(1)
	v := u.verdict(RuleSilent, haechi.ReasonTimeout)
	v.Observed, v.Threshold = silent.Seconds(), u.idle.Seconds()
	u.own.cutOff(v)
}

func (u *upgraded) passed(n int) {
	if n > 0 {
		u.last.Store(int64(time.Since(u.opened)))
	}
}

// Read implements net.Conn. Once the connection ends nothing is read any more but to let
// the client hear why.
func (u *upgraded) Read(p []byte) (int, error) {
	for {
		n, err := u.Conn.Read(p)
		if u.ending.Load() {
			if u.unheard += n; err != nil || u.unheard > maxUnheard {
				return 0, io.ErrUnexpectedEOF // no EOF, which would wait for the server
			}
			continue
		}
		u.passed(n)
		if n = u.hear(p[:n]); n > 0 || err != nil {
			return n, err
		}
	}
}

// hear holds what the client sent to the bounds, and says how much of it passes.
func (u *upgraded) hear(p []byte) int {
	n := len(p)
	if u.framed {
		before := u.up.Units
		var f wsframe.Fault
		if n, f = u.up.Take(p); f != wsframe.None && !u.broken(f) {
			return n
		} else if f != wsframe.None {
			n = len(p) // in shadow
		}
		if !u.often(u.up.Units - before) {
			return 0
		}
	}
	if !u.charge(n, false) {
		return 0
	}
	return n
}

// Write implements net.Conn.
func (u *upgraded) Write(p []byte) (int, error) {
	if !u.charge(len(p), true) {
		return len(p), nil // it ends: the client is told why, and nothing else
	}
	u.writing <- struct{}{}
	defer u.written()
	if u.ending.Load() {
		return len(p), nil
	}
	n, err := u.Conn.Write(p)
	if u.framed {
		u.down.Take(p[:n]) // a fault of the server only means that no frame can be put between its own
	}
	u.passed(n)
	return n, err
}

func (u *upgraded) written() { <-u.writing }

// CloseWrite passes the end of one direction on.
func (u *upgraded) CloseWrite() error {
	if w, ok := u.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// Close implements net.Conn.
func (u *upgraded) Close() error {
	u.once.Do(func() { close(u.done) })
	u.overdue.Stop()
	if u.old != nil {
		u.old.Stop()
	}
	return u.Conn.Close()
}

// meter is a rate of one connection (GCRA).
type meter struct {
	each, burst time.Duration // each 0: no rate
	due         time.Duration // when all that came would have come, evenly
}

// wait charges n at now and says how long they are to wait.
func (m *meter) wait(n uint64, now time.Duration) time.Duration {
	if m.each == 0 || n == 0 {
		return 0
	}
	cost := min(float64(n)*float64(m.each), math.MaxInt64/4)
	m.due = min(max(m.due, now)+time.Duration(cost), math.MaxInt64/2)
	return max(0, m.due-now-m.burst)
}
