package listener

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"

	"github.com/pires/go-proxyproto"

	"haechi/internal/brick/parking"
	"haechi/internal/ingress"
)

// errStranger is what a gate reads from a peer that sent a PROXY header without
// being entitled to.
var errStranger = errors.New("PROXY header from an untrusted network")

// conn is the raw connection below an *ingress.Conn: it keeps count of open
// connections, gives back what was read behind a PROXY header, and refuses such
// a header from a stranger. Read has one caller at a time.
type conn struct {
	net.Conn
	l      *Listener
	closed atomic.Bool
	rest   []byte // read already, to be read first
	// sniff is set until the first bytes were seen not to be a PROXY header.
	sniff bool
	peer  netip.AddrPort
	local uint16
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	if c.sniff {
		if err := c.first(); err != nil {
			return 0, err
		}
	}
	if len(c.rest) > 0 {
		n := copy(p, c.rest)
		if c.rest = c.rest[n:]; len(c.rest) == 0 {
			c.rest = nil
		}
		return n, nil
	}
	return c.Conn.Read(p)
}

// Bare is the connection below once nothing is between it and the reader, nil as
// long as something is. A gate that waits without a buffer needs it. It must not
// be closed in place of this one.
func (c *conn) Bare() net.Conn {
	if c.sniff || len(c.rest) > 0 {
		return nil
	}
	return c.Conn
}

// Socket is the connection below, for its options only: it is neither read, written
// nor closed in place of this one.
func (c *conn) Socket() net.Conn { return c.Conn }

// First waits for the first byte behind any PROXY header and leaves it to be read.
func (c *conn) First() (byte, error) {
	if c.sniff {
		if err := c.first(); err != nil {
			return 0, err
		}
	}
	if len(c.rest) > 0 {
		return c.rest[0], nil
	}
	t, ok := c.Conn.(*net.TCPConn)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	return ingress.Peek(t)
}

// Detach takes the descriptor out of package net's hands, once nothing is between it
// and the reader. Whoever closes it then says so to the listener.
func (c *conn) Detach() (ingress.Bare, bool) {
	t, ok := c.Conn.(*net.TCPConn)
	if !ok || c.sniff || len(c.rest) > 0 {
		return ingress.Bare{}, false
	}
	fd, err := parking.Detach(t)
	if err != nil {
		return ingress.Bare{}, false
	}
	if !c.closed.CompareAndSwap(false, true) {
		_ = syscall.Close(fd) // somebody closed it meanwhile
		return ingress.Bare{}, false
	}
	return ingress.Bare{FD: fd, From: c.l}, true
}

// From is who counts it once it is bare.
func (c *conn) From() ingress.Counter { return c.l }

// first reads as long as what came may still become a PROXY header. An error
// behind some bytes is left for the next Read to meet again.
func (c *conn) first() error {
	buf := make([]byte, len(proxyproto.SIGV2))
	n := 0
	for couldBeHeader(buf[:n]) {
		m, err := c.Conn.Read(buf[n:])
		n += m
		if isHeader(buf[:n]) {
			c.l.refuseStranger(c)
			return errStranger
		}
		if err != nil && n == 0 {
			return err
		}
		if err != nil {
			break
		}
	}
	c.sniff, c.rest = false, buf[:n]
	return nil
}

// signatureV1 has the space, so that a word beginning with PROXY is no header.
const signatureV1 = "PROXY "

func isHeader(b []byte) bool {
	return bytes.HasPrefix(b, []byte(signatureV1)) || bytes.HasPrefix(b, proxyproto.SIGV2)
}

func couldBeHeader(b []byte) bool {
	v1, v2 := []byte(signatureV1), proxyproto.SIGV2
	return len(b) < len(v1) && bytes.HasPrefix(v1, b) || len(b) < len(v2) && bytes.HasPrefix(v2, b)
}

// CloseWrite ends the sending half, where the transport can.
func (c *conn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close implements net.Conn. Only the first call does anything.
func (c *conn) Close() error {
	if !c.closed.CompareAndSwap(false, true) {
		return nil
	}
	c.l.live.Add(-1)
	return c.Conn.Close()
}

// addrPort is the address with IPv4-mapped IPv6 as IPv4 and without a zone; it
// is invalid where the transport has no addresses.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
