package listener

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/pires/go-proxyproto"
)

// Errors of a PROXY header from a network that must send one.
var (
	errBare      = errors.New("the connection ended without a byte")
	errNoHeader  = errors.New("no PROXY header")
	errNoAddress = errors.New("PROXY header without a usable client address")
)

// readHeader reads the PROXY header of a trusted peer and returns the client it
// names: the peer itself for a LOCAL header, as balancers send with their own
// health checks. Bytes behind the header are kept for Read.
func (c *conn) readHeader(timeout time.Duration) (netip.AddrPort, error) {
	if err := c.Conn.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return netip.AddrPort{}, err
	}
	br := bufio.NewReaderSize(c.Conn, 512)
	client, err := parseHeader(br, c.peer)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if n := br.Buffered(); n > 0 {
		c.rest = make([]byte, n)
		if _, err := io.ReadFull(br, c.rest); err != nil {
			return netip.AddrPort{}, err
		}
	}
	return client, c.Conn.SetReadDeadline(time.Time{})
}

func parseHeader(br *bufio.Reader, peer netip.AddrPort) (netip.AddrPort, error) {
	h, err := proxyproto.Read(br)
	switch {
	case errors.Is(err, proxyproto.ErrNoProxyProtocol) && br.Buffered() == 0:
		return netip.AddrPort{}, errBare
	case errors.Is(err, proxyproto.ErrNoProxyProtocol):
		return netip.AddrPort{}, errNoHeader
	case err != nil:
		return netip.AddrPort{}, fmt.Errorf("PROXY header: %w", err)
	case h.Command.IsLocal():
		return peer, nil
	}
	src, ok := h.SourceAddr.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, errNoAddress
	}
	client := addrPort(src)
	if a := client.Addr(); !a.IsValid() || a.IsUnspecified() || a.IsMulticast() {
		return netip.AddrPort{}, errNoAddress
	}
	return client, nil
}
