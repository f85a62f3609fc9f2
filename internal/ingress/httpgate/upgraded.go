package httpgate

import (
	"net"
	"sync/atomic"
	"time"

	"haechi"
)

// upgraded is a client's connection once its protocol was changed, to WebSocket. Bytes
// pass unread; what is bounded is silence in both directions at once, since either side
// may lawfully listen for hours. Peers that want to stay send pings (RFC 6455, 5.5.2).
type upgraded struct {
	net.Conn
	own     *conn
	client  haechi.Actor
	opened  time.Time
	idle    time.Duration
	last    atomic.Int64 // when a byte passed, in nanoseconds since opened
	overdue *time.Timer
}

// bound keeps the exchange's connection from being silent for ever.
func (x *exchange) bound(c net.Conn) net.Conn {
	u := &upgraded{Conn: c, own: x.c, client: x.actor, opened: time.Now(), idle: x.site.upgraded}
	u.overdue = time.AfterFunc(u.idle, u.look)
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
	u.own.g.counts.silent.Add(1)
	scope := haechi.Scope{Kind: haechi.ScopeAddress, Prefix: u.client.Client}
	u.own.cutOff(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonTimeout, Rule: RuleSilent,
		Ref:      haechi.NewReference(RuleSilent, scope.String(), u.own.g.deps.Now()),
		Observed: silent.Seconds(), Threshold: u.idle.Seconds()})
}

func (u *upgraded) passed(n int) {
	if n > 0 {
		u.last.Store(int64(time.Since(u.opened)))
	}
}

// Read implements net.Conn.
func (u *upgraded) Read(p []byte) (int, error) {
	n, err := u.Conn.Read(p)
	u.passed(n)
	return n, err
}

// Write implements net.Conn.
func (u *upgraded) Write(p []byte) (int, error) {
	n, err := u.Conn.Write(p)
	u.passed(n)
	return n, err
}

// CloseWrite passes the end of one direction on.
func (u *upgraded) CloseWrite() error {
	if w, ok := u.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// Close implements net.Conn.
func (u *upgraded) Close() error {
	u.overdue.Stop()
	return u.Conn.Close()
}
