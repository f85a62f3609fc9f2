package ingress

import (
	"crypto/x509"
	"net"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/brick/parking"
)

// Sink takes events. Emit copies *e, never blocks and never fails: a full queue
// coalesces.
type Sink interface {
	Emit(e *haechi.Event)
}

// Inspector judges one connection, request or message. It must not block beyond
// its stated budget and must not write state outside itself.
type Inspector interface {
	Inspect(r *haechi.Request, now time.Time) haechi.Verdict
}

// Sessions knows every live session, so that one actor's sessions can be cut at
// once.
type Sessions interface {
	// Open registers a session. cut is called at most once, from any goroutine,
	// and must not block; the verdict says why. It may be called before Open returns.
	Open(service string, a haechi.Actor, cut func(haechi.Verdict)) (id uint64)
	// Identify replaces the session's actor once more is known of it.
	Identify(id uint64, a haechi.Actor)
	// Close forgets the session.
	Close(id uint64)
}

// Certificates knows whose certificates let clients in.
type Certificates interface {
	// Hold says who showed these certificates, its own first, and whether it may come in.
	// cut is called once what counts then refuses it, at most once, from any goroutine,
	// and must not block. release, never nil, forgets the connection.
	Hold(shown []*x509.Certificate, now time.Time, cut func(haechi.Verdict)) (name string, v haechi.Verdict, release func())
}

// Uncertified is the error of a TLS handshake in which the client's certificate, or that
// there was none, was refused.
type Uncertified struct{ Verdict haechi.Verdict }

// Error implements error.
func (u *Uncertified) Error() string { return string(u.Verdict.Reason) }

// Conn is an accepted connection whose client is known.
type Conn struct {
	net.Conn
	// Actor has Addr, Client, Allowed and the assurance Handshaken.
	Actor           haechi.Actor
	Port, LocalPort uint16
	// TLS says that the connection is encrypted; who ends TLS sets it.
	TLS bool

	release  func()
	released atomic.Bool
}

// NewConn wraps an accepted connection. release gives back its place in the
// per-client connection cap and is called once.
func NewConn(c net.Conn, a haechi.Actor, port, localPort uint16, release func()) *Conn {
	return &Conn{Conn: c, Actor: a, Port: port, LocalPort: localPort, release: release}
}

// Proved takes the connection out of the per-client cap: a device that has proved
// itself has limits of its own, and so have those that were refused and are kept
// waiting.
func (c *Conn) Proved() {
	if c.release != nil && c.released.CompareAndSwap(false, true) {
		c.release()
	}
}

// Bare is a plain TCP connection without package net and what it keeps for each: a
// descriptor in non-blocking mode. Its owner closes it, then tells whom it came from, one
// for many, if there is one.
type Bare struct {
	FD   int
	From Counter
}

// Counter counts connections until they are gone.
type Counter interface{ Gone() }

// From is who counts the connection once it is bare; nil: nobody.
func (c *Conn) From() Counter {
	if in, ok := c.Conn.(interface{ From() Counter }); ok {
		return in.From()
	}
	return nil
}

// Detach takes the descriptor out of a plain TCP connection, if nothing stands between
// it and the reader. False leaves everything as it is. After true the Conn is good for
// its fields and Proved only.
func (c *Conn) Detach() (Bare, bool) {
	switch in := c.Conn.(type) {
	case interface{ Detach() (Bare, bool) }:
		return in.Detach()
	case *net.TCPConn:
		fd, err := parking.Detach(in)
		return Bare{FD: fd}, err == nil
	}
	return Bare{}, false
}

// Socket is the connection below, for its options only.
func (c *Conn) Socket() net.Conn { return c.Conn }

// Close closes the connection and gives back its place in the cap.
func (c *Conn) Close() error {
	c.Proved()
	return c.Conn.Close()
}
