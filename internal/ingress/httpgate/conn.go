package httpgate

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/ingress"
)

// door makes the gate's own connections of what the listener accepts. What did
// not come through a listener that resolved its client is not served.
type door struct {
	net.Listener
	g *Gate
}

func (d door) Accept() (*conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if in, ok := c.(*ingress.Conn); ok {
			return d.g.open(in), nil
		}
		d.g.counts.unresolved.Add(1)
		c.Close()
	}
}

// conn is one client connection below net/http and TLS. It is registered as a
// session from accept to close, so that a decision cuts it whatever it does.
type conn struct {
	*ingress.Conn
	g       *Gate
	session uint64
	service string // that the session is of; empty where several share the address
	opened  time.Time
	trusted bool                 // the peer is a trusted proxy
	address []string             // the peer's address, as a header value
	secured *tls.ConnectionState // nil without TLS; settled before the first request

	certificate atomic.Pointer[certified] // nil: nobody asked
	certifying  sync.Mutex
	uncertified bool // for good, under certifying

	cut       atomic.Pointer[haechi.Verdict]
	closing   sync.Once
	requests  atomic.Uint32
	answering atomic.Bool  // a request of HTTP/1 is
	in, out   atomic.Int64 // bytes, with TLS
	// lane serves it the fast way, sock reads it then; nil otherwise.
	lane atomic.Pointer[lane]
	sock *sock
	// armed is when the write deadline was last set, in nanoseconds since opened;
	// 0 when it must be set anew.
	armed atomic.Int64
	pace  pace
	wrote atomic.Int64 // when a lane last wrote without waiting, as armed
	// waiting is when a write last had to wait, in nanoseconds since opened.
	waiting atomic.Int64
	ahead   atomic.Pointer[readAhead] // of the answer under way on HTTP/1
}

func (g *Gate) open(in *ingress.Conn) *conn {
	g.conns.Add(1)
	c := &conn{Conn: in, g: g, opened: time.Now()}
	c.trusted = g.deps.Clients.Trusted(in.Actor.Addr)
	c.address = []string{in.Actor.Addr.String()}
	if len(g.sites) == 1 {
		c.service = g.sites[0].service
	}
	c.boundKernel()
	c.session = g.deps.Sessions.Open(c.service, in.Actor, c.cutOff)
	return c
}

// cutOff ends the connection at once. It may come before open returned.
func (c *conn) cutOff(v haechi.Verdict) {
	c.cut.CompareAndSwap(nil, &v)
	if l := c.lane.Load(); l != nil {
		l.shut()
		return
	}
	c.Conn.Close()
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	if c.sock != nil {
		n, err := c.sock.Read(p)
		c.in.Add(int64(n))
		return n, err
	}
	n, err := c.Conn.Read(p)
	if c.in.Add(int64(n)) == int64(n) {
		c.g.hearFirst(c, p[:n])
	}
	return n, err
}

// SetWriteDeadline implements net.Conn. No deadline means that of Write.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		return nil
	}
	c.armed.Store(0)
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// CloseWrite lets net/http end a connection without a reset.
func (c *conn) CloseWrite() error {
	if w, ok := c.Conn.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.closing.Do(func() {
		c.g.deps.Sessions.Close(c.session)
		c.uncertify()
		c.reportSilence()
		c.leftOver()
		c.g.conns.Done()
	})
	return c.Conn.Close()
}

// reportSilence emits an event for a connection that was held until its time was
// up without one complete request header: the mark of a slow-header attack.
func (c *conn) reportSilence() {
	age := time.Since(c.opened)
	if c.requests.Load() > 0 || c.cut.Load() != nil || age < c.g.cfg.HeaderTimeout {
		return
	}
	c.emitClose(&haechi.Verdict{Reason: haechi.ReasonTimeout})
}

// emitClose emits the end of a connection that the gateway ended.
func (c *conn) emitClose(v *haechi.Verdict) {
	c.g.deps.Sink.Emit(&haechi.Event{
		Time: c.g.deps.Now().UTC(), Kind: haechi.KindClose, Outcome: haechi.Failure, Reason: v.Reason,
		Service: c.g.cfg.Name, Actor: c.Actor, Port: c.Port, LocalPort: c.LocalPort, Session: c.session,
		Verdict: v.Action, Rule: v.Rule, Ref: v.Ref, Observed: v.Observed, Threshold: v.Threshold, Window: v.Window,
		BytesIn: c.in.Load(), BytesOut: c.out.Load(), Duration: time.Since(c.opened),
	})
}

type connKey struct{}

// withConn puts the connection where its requests find it.
func withConn(ctx context.Context, c net.Conn) context.Context {
	var own *conn
	switch s := c.(type) {
	case *h1:
		own = s.c
	case *h1tls:
		own = s.c
	case *h2:
		own = s.c
	}
	return context.WithValue(ctx, connKey{}, own)
}
