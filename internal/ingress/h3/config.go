package h3

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"haechi"
)

// Door is who lets clients in: the same for all that came to one service, over
// whatever they came.
type Door interface {
	// Doubtful reports whether a client of that address would be refused, without
	// counting or telling: the address may be forged.
	Doubtful(addr netip.Addr) bool
	// Admit judges a client whose address is its own. release, not nil if ok, gives its
	// place back.
	Admit(peer netip.AddrPort, local uint16) (a haechi.Actor, release func(), ok bool)
}

// Config says how one service answers HTTP/3 at one address.
type Config struct {
	// Addr is host:port of the UDP socket; port 0 lets the system choose.
	Addr string
	// Service is whose connections these are: those of another one do not come to it.
	Service string
	// TLS holds the certificates, for TLS 1.3.
	TLS *tls.Config
	// Door lets clients in.
	Door Door
	// HeaderTimeout bounds the handshake, the wait for the first request and that for a
	// request's header, 0 means 10 s.
	HeaderTimeout time.Duration
	// IdleTimeout bounds the wait for the next request, 0 means 75 s.
	IdleTimeout time.Duration
	// MaxHeaderBytes bounds a request's header, 0 means 32 KiB, as RFC 9114, 4.2.2 counts.
	MaxHeaderBytes int
	// MaxStreams bounds a connection's requests at once, 0 means 128.
	MaxStreams int
	// MaxHandshakes bounds handshakes under way at the socket, 0 means 1,024.
	MaxHandshakes int
	// RetryFrom is how many handshakes of unproved addresses may be under way before the
	// next ones must prove theirs by a Retry, 0 means 64; below 0: every one must.
	RetryFrom int
	// Log is for the operator, nil means nowhere.
	Log *slog.Logger
}

// Windows and waits of every connection. What a client may send before a request's
// handler reads it is bounded by the windows.
const (
	streamWindow     = 128 << 10 // bytes, of one request
	maxStreamWindow  = 256 << 10
	connWindow       = 256 << 10
	maxConnWindow    = 1 << 20
	maxUniStreams    = 8 // a client needs three (RFC 9114, 6.2); the others are read and forgotten
	deadAfter        = 45 * time.Second
	keepAlive        = 20 * time.Second // so that a peer that is gone is noticed, and a silent answer lives
	connectionID     = 8                // bytes
	lookEvery        = time.Second      // for clients that moved
	perFieldOverhead = 320              // bytes that counting by RFC 9114 adds to a usual header, as net/http allows for HTTP/2
)

func (c Config) withDefaults() (Config, error) {
	if c.Addr == "" || c.TLS == nil || c.Door == nil {
		return c, &haechi.Error{Kind: haechi.Invalid, Op: "listen for HTTP/3", Msg: "address, TLS and door are needed",
			Err: errors.New("empty address, TLS or door")}
	}
	if c.HeaderTimeout <= 0 {
		c.HeaderTimeout = 10 * time.Second
	}
	if c.IdleTimeout <= 0 {
		c.IdleTimeout = 75 * time.Second
	}
	if c.MaxHeaderBytes <= 0 {
		c.MaxHeaderBytes = 32 << 10
	}
	if c.MaxStreams <= 0 {
		c.MaxStreams = 128
	}
	if c.MaxHandshakes <= 0 {
		c.MaxHandshakes = 1024
	}
	if c.RetryFrom == 0 {
		c.RetryFrom = 64
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
