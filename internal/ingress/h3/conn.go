package h3

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"haechi"
)

const (
	errorNone      = quic.ApplicationErrorCode(http3.ErrCodeNoError)
	errorExcessive = quic.ApplicationErrorCode(http3.ErrCodeExcessiveLoad)
	streamRejected = quic.StreamErrorCode(http3.ErrCodeRequestRejected)
)

// Conn is a connection of HTTP/3 whose handshake is complete. As a net.Conn it has
// addresses and an end, and is neither read nor written: requests come as streams, to
// [Conn.Serve].
type Conn struct {
	quic    *quic.Conn
	l       *Listener
	at      *attempt
	closing atomic.Bool

	mu       sync.Mutex
	asked    map[quic.StreamID]struct{} // streams that became requests
	requests int                        // so far
	active   int                        // streams under way
	draining bool
	leaving  bool // once drained
}

func newConn(q *quic.Conn, at *attempt) *Conn {
	return &Conn{quic: q, l: at.l, at: at, asked: make(map[quic.StreamID]struct{})}
}

// Read implements net.Conn.
func (c *Conn) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Write implements net.Conn.
func (c *Conn) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.quic.LocalAddr() }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.quic.RemoteAddr() }

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(time.Time) error { return errors.ErrUnsupported }

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(time.Time) error { return errors.ErrUnsupported }

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

// Close ends the connection and everything on it at once. It never blocks.
func (c *Conn) Close() error {
	c.end(errorNone, "")
	return nil
}

func (c *Conn) end(code quic.ApplicationErrorCode, text string) {
	if c.closing.CompareAndSwap(false, true) {
		go endQUIC(c.quic, code, text)
	}
}

// endQUIC waits until the connection's own goroutine has ended.
func endQUIC(q *quic.Conn, code quic.ApplicationErrorCode, text string) {
	_ = q.CloseWithError(code, text) // it is always nil
}

// ConnectionState is that of TLS.
func (c *Conn) ConnectionState() tls.ConnectionState { return c.quic.ConnectionState().TLS }

// Moved is how many bytes came and went so far, with everything below HTTP.
func (c *Conn) Moved() (in, out int64) {
	s := c.quic.ConnectionStats()
	return int64(s.BytesReceived), int64(s.BytesSent)
}

// stays reports whether the client is still where it was admitted, and ends the
// connection of one that moved.
func (c *Conn) stays() bool {
	if c.closing.Load() || addrPort(c.quic.RemoteAddr()).Addr() == c.at.peer.Addr() {
		return true
	}
	c.l.counts.moved.Add(1)
	c.end(errorNone, "")
	return false
}

// Serve answers requests with h until the connection has ended; base completes their
// context. trouble is told why a stream, or at the end the connection, came to no answer:
// ReasonMalformed with the error's name, ReasonOversize for a header that was answered
// with 431, ReasonTimeout for one that was not there in time, ReasonPeerClosed for a
// request that the client took back. A text that it returns ends the connection and is
// told to the client. It is called from several goroutines.
func (c *Conn) Serve(h http.Handler, base func(context.Context) context.Context, trouble func(haechi.Reason, string) string) {
	srv := &http3.Server{Handler: &asking{c, h}, MaxHeaderBytes: c.l.cfg.MaxHeaderBytes + perFieldOverhead, IdleTimeout: c.l.cfg.IdleTimeout,
		Logger: c.l.cfg.Log, ConnContext: func(ctx context.Context, _ *quic.Conn) context.Context { return base(ctx) }}
	raw, err := srv.NewRawServerConn(c.quic)
	if err != nil {
		_ = c.Close() // it is gone already
		return
	}
	first := time.AfterFunc(c.l.cfg.HeaderTimeout, c.silent)
	defer first.Stop()
	var all sync.WaitGroup
	all.Go(func() { c.unidirectional(raw, &all) })
	c.bidirectional(raw, &all, trouble)
	all.Wait()
	_ = raw.CloseWithError(errorNone, "") // it has ended; this stops a timer
	if text := c.violation(); text != "" {
		trouble(haechi.ReasonMalformed, text)
	}
}

// silent ends a connection on which nothing was asked for in time.
func (c *Conn) silent() {
	c.mu.Lock()
	quiet := c.requests == 0
	c.mu.Unlock()
	if quiet {
		_ = c.Close() // it never fails
	}
}

// unidirectional reads the client's control streams.
func (c *Conn) unidirectional(raw *http3.RawServerConn, all *sync.WaitGroup) {
	for {
		str, err := c.quic.AcceptUniStream(context.Background())
		if err != nil {
			return // the connection has ended
		}
		all.Go(func() { raw.HandleUnidirectionalStream(str) })
	}
}

// bidirectional answers each stream in a goroutine of its own, of which there is a
// bounded number also where the client takes back what it asked for.
func (c *Conn) bidirectional(raw *http3.RawServerConn, all *sync.WaitGroup, trouble func(haechi.Reason, string) string) {
	places := make(chan struct{}, c.l.cfg.MaxStreams)
	for {
		str, err := c.quic.AcceptStream(context.Background())
		if err != nil {
			return // the connection has ended
		}
		if !c.stays() || !c.enter() {
			str.CancelRead(streamRejected)
			str.CancelWrite(streamRejected)
			continue
		}
		select {
		case places <- struct{}{}:
		case <-c.quic.Context().Done():
			return
		}
		all.Go(func() {
			defer func() { <-places }()
			defer c.leave()
			c.answer(raw, str, trouble)
		})
	}
}

// enter counts a stream; it reports false once the connection is being ended.
func (c *Conn) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining {
		return false
	}
	c.active++
	return true
}

func (c *Conn) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active--
	c.maybeFarewell()
}

// Drain ends the connection once what is under way was answered. What comes meanwhile is
// refused with H3_REQUEST_REJECTED: it was not looked at, and may be asked again.
func (c *Conn) Drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	c.maybeFarewell()
}

// maybeFarewell ends a drained connection. The lock is held.
func (c *Conn) maybeFarewell() {
	if c.draining && c.active == 0 && !c.leaving {
		c.leaving = true
		go c.farewell()
	}
}

const (
	leastQuiet  = 50 * time.Millisecond
	maxFarewell = 2 * time.Second
)

// farewell closes the connection once its last answers have arrived: who closes before
// takes back what was not acknowledged. Until they have, packets are sent again.
func (c *Conn) farewell() {
	for end := time.Now().Add(maxFarewell); time.Now().Before(end); {
		before := c.quic.ConnectionStats()
		select {
		case <-c.quic.Context().Done():
			return
		case <-time.After(max(leastQuiet, 2*before.SmoothedRTT+4*before.MeanDeviation)):
		}
		if c.quic.ConnectionStats().PacketsSent == before.PacketsSent {
			break
		}
	}
	_ = c.Close() // it never fails
}
