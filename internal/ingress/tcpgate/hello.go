package tcpgate

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
)

var (
	errHello = errors.New("the hello was read")
	errBound = errors.New("the hello is larger than its bound")
	errRoom  = errors.New("the hellos of all connections together are at their bound")
)

// peeker hands crypto/tls what the client says, keeps it, and swallows what crypto/tls
// answers: the client is to hear the server behind and nobody else.
type peeker struct {
	net.Conn
	buf  []byte
	most int
	// room is asked for each further byte; false ends the reading.
	room func(n int) bool
}

// Read implements net.Conn, within the bound.
func (p *peeker) Read(b []byte) (int, error) {
	left := p.most - len(p.buf)
	if left <= 0 {
		return 0, errBound
	}
	n, err := p.Conn.Read(b[:min(len(b), left)])
	if n > 0 && !p.room(n) {
		return 0, errRoom
	}
	p.buf = append(p.buf, b[:n]...)
	return n, err
}

// Write implements net.Conn. It drops everything.
func (p *peeker) Write(b []byte) (int, error) { return len(b), nil }

// Close implements net.Conn. The connection is not its own.
func (p *peeker) Close() error { return nil }

// peekHello reads one TLS client hello from c and returns all bytes that it read, of
// which there are at most so many, and the name in it: lower-case, empty if the client
// names none. The read deadline of c bounds the time.
func peekHello(c net.Conn, most int, room func(n int) bool) (name string, read []byte, err error) {
	p := &peeker{Conn: c, most: most, room: room}
	seen := false
	err = tls.Server(p, &tls.Config{
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			name, seen = strings.ToLower(h.ServerName), true
			return nil, errHello
		},
	}).Handshake()
	if seen {
		return name, p.buf, nil
	}
	return "", p.buf, err
}

// unrecognizedName is the fatal TLS alert for a name that nobody serves (RFC 6066).
func unrecognizedName() []byte { return []byte{21, 3, 3, 0, 2, 2, 112} }
