package httpgate

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"haechi"
)

const (
	protoH1, protoH2 = "http/1.1", "h2"
	plainLetters     = "DGHOPCTL" // with which a plain request begins
)

// front ends TLS in front of net/http, so that what HTTP is spoken on is seen in the
// clear: net/http answers some requests by itself, and says nothing of them.
type front struct {
	door
	conf *tls.Config
	stop context.CancelFunc
	over <-chan struct{} // closed by stop

	ready   chan net.Conn
	pending sync.WaitGroup
	err     error // of the listener; read once ready is closed
}

// newFront accepts from the door until that fails, or the front is closed.
func newFront(d door, conf *tls.Config) *front {
	f := &front{door: d, conf: conf, ready: make(chan net.Conn)}
	ctx, stop := context.WithCancel(context.Background())
	f.stop, f.over = stop, ctx.Done()
	go f.run(ctx)
	return f
}

// run hands over what was accepted before the listener closed, too.
func (f *front) run(ctx context.Context) {
	defer close(f.ready)
	for {
		c, err := f.door.Accept()
		if err != nil {
			f.err = err
			f.pending.Wait()
			return
		}
		f.pending.Go(func() { f.greet(ctx, c.(*conn)) })
	}
}

// Accept implements net.Listener.
func (f *front) Accept() (net.Conn, error) {
	select {
	case c, ok := <-f.ready:
		if ok {
			return c, nil
		}
		return nil, f.err
	case <-f.over:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It ends handshakes under way.
func (f *front) Close() error {
	f.stop()
	return f.door.Close()
}

// greet speaks TLS with one client and hands the connection on.
func (f *front) greet(ctx context.Context, c *conn) {
	spoken := f.secure(ctx, c)
	if spoken == nil {
		c.Close()
		return
	}
	select {
	case f.ready <- spoken:
	case <-f.over:
		spoken.Close()
	}
}

// secure is the connection in the clear; nil if it comes to nothing.
func (f *front) secure(ctx context.Context, c *conn) net.Conn {
	t := tls.Server(c, f.conf)
	// An error means a connection that is gone, which the handshake meets too.
	_ = c.SetDeadline(time.Now().Add(f.g.cfg.HeaderTimeout))
	if err := t.HandshakeContext(ctx); err != nil {
		f.g.handshakeFailed(c, err)
		return nil
	}
	_ = c.SetDeadline(time.Time{})
	state := t.ConnectionState()
	c.secured, c.Conn.TLS = &state, true
	switch state.NegotiatedProtocol {
	case protoH2:
		return newH2(t, c)
	case "", protoH1:
		return &h1tls{h1{Conn: t, c: c}}
	}
	return nil // a protocol that answers with the handshake itself
}

// handshakeFailed tells of a peer that does not speak TLS. One that speaks HTTP is
// answered; one that breaks off, or does not like the certificate, is counted only.
func (g *Gate) handshakeFailed(c *conn, err error) {
	g.counts.handshakes.Add(1)
	var record tls.RecordHeaderError
	if !errors.As(err, &record) || record.Conn == nil {
		return
	}
	v := haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonMalformed, Rule: RuleNoTLS}
	e := c.refusal(haechi.KindHandshake, v)
	if slices.Contains([]byte(plainLetters), record.RecordHeader[0]) {
		e.Status = 400
		_, _ = c.Write(g.bare(e)) // the peer may be gone; there is nobody to tell
	}
	g.deps.Sink.Emit(e)
}

// protocols are those that clients may choose among, after what the configuration
// serves by itself.
func protocols(conf *tls.Config) []string {
	out := slices.Clone(conf.NextProtos)
	for _, p := range []string{protoH2, protoH1} {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}
