package tlsterm

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Config makes the TLS configuration that serves the sets by the name a client
// asks for: an exact name before a wildcard, an earlier set before a later one.
// A client that names no host, as one that connects by address, gets the
// certificate that holds the address it reached. Everybody else is refused with
// the alert unrecognized_name.
//
// Sessions are resumed only under the certificates that they were opened under, for a
// day at most.
func Config(sets ...*Set) *tls.Config {
	c := &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		// Without a certificate and without an error crypto/tls sends
		// unrecognized_name; an error sends internal_error.
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return choose(sets, hello)
		},
	}
	if slices.ContainsFunc(sets, func(s *Set) bool { return s.prove != nil }) {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) { return challenged(sets, hello), nil }
	}
	resume(c, func() [sha256.Size]byte { return generation(sets) }, time.Now)
	return c
}

// Any makes the TLS configuration that serves the set under whatever name a client
// asks for, and speaks no HTTP: for clients that dial addresses.
func Any(s *Set) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.Certificate(), nil }}
	resume(c, s.fingerprint, time.Now)
	return c
}

// errWaiting is for a name that is served once its certificate has come.
var errWaiting = errors.New("tlsterm: the certificate of this name has not come yet")

// acmeALPN is the one protocol that an authority offers to be shown a proof (RFC 8737).
const acmeALPN = "acme-tls/1"

// challenged is the configuration of a handshake that asks for a proof of a name, and
// after which nothing is said; nil for any other.
func challenged(sets []*Set, hello *tls.ClientHelloInfo) *tls.Config {
	if len(hello.SupportedProtos) != 1 || hello.SupportedProtos[0] != acmeALPN {
		return nil
	}
	for _, s := range sets {
		if exact, _ := s.current.Load().serves(strings.ToLower(hello.ServerName)); exact && s.prove != nil {
			return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{acmeALPN}, GetCertificate: s.prove, SessionTicketsDisabled: true}
		}
	}
	return nil
}

func choose(sets []*Set, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	// RFC 6066 forbids addresses as names; some clients send them all the same, and
	// mean what those mean that send nothing.
	if _, err := netip.ParseAddr(name); name == "" || err == nil {
		return byAddress(sets, localAddr(hello.Conn)), nil
	}
	var wildcard *tls.Certificate
	for _, s := range sets {
		e := s.current.Load()
		exact, wild := e.serves(name)
		switch {
		case exact && e.cert == nil:
			return nil, errWaiting
		case exact:
			return e.cert, nil
		}
		if wild && wildcard == nil {
			wildcard = e.cert
		}
	}
	return wildcard, nil
}

func byAddress(sets []*Set, addr netip.Addr) *tls.Certificate {
	for _, s := range sets {
		e := s.current.Load()
		if _, ok := e.addrs[addr]; ok {
			return e.cert
		}
	}
	return nil
}

func localAddr(c net.Conn) netip.Addr {
	if c == nil {
		return netip.Addr{}
	}
	var at netip.AddrPort
	switch a := c.LocalAddr().(type) {
	case *net.TCPAddr:
		at = a.AddrPort()
	case *net.UDPAddr: // of QUIC
		at = a.AddrPort()
	}
	return at.Addr().Unmap().WithZone("")
}
