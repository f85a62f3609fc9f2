package tlsterm

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
)

// Config makes the TLS configuration that serves the sets by the name a client
// asks for: an exact name before a wildcard, an earlier set before a later one.
// A client that names no host, as one that connects by address, gets the
// certificate that holds the address it reached. Everybody else is refused with
// the alert unrecognized_name.
func Config(sets ...*Set) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		// Without a certificate and without an error crypto/tls sends
		// unrecognized_name; an error would send internal_error.
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return choose(sets, hello), nil
		},
	}
}

func choose(sets []*Set, hello *tls.ClientHelloInfo) *tls.Certificate {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	// RFC 6066 forbids addresses as names; some clients send them all the same, and
	// mean what those mean that send nothing.
	if _, err := netip.ParseAddr(name); name == "" || err == nil {
		return byAddress(sets, localAddr(hello.Conn))
	}
	var wildcard *tls.Certificate
	for _, s := range sets {
		e := s.current.Load()
		exact, wild := e.serves(name)
		if exact {
			return e.cert
		}
		if wild && wildcard == nil {
			wildcard = e.cert
		}
	}
	return wildcard
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
	if t, ok := c.LocalAddr().(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}
