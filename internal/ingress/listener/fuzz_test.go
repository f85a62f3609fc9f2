package listener

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/pires/go-proxyproto"
)

// FuzzHeader: what is accepted names a usable address, begins with a signature,
// says the same when it is written again, and leaves every byte behind it alone.
func FuzzHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\nGET /"))
	f.Add([]byte("PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n"))
	f.Add([]byte("PROXY UNKNOWN\r\nrest"))
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x07\xc0\x00\x02\x01\x12\x67\x01\xbbrest"))
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"))
	f.Add([]byte("PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2\r\n"))
	peer := netip.MustParseAddrPort("192.0.2.200:1")
	f.Fuzz(func(t *testing.T, raw []byte) {
		br := bufio.NewReader(bytes.NewReader(raw))
		client, err := parseHeader(br, peer)
		if err != nil {
			return
		}
		if !isHeader(raw) {
			t.Fatal("accepted without a signature")
		}
		a := client.Addr()
		if !a.IsValid() || a.Is4In6() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
			t.Fatalf("accepted %v", a)
		}
		rest, _ := io.ReadAll(br)
		if !bytes.HasSuffix(raw, rest) || len(rest) == len(raw) {
			t.Fatal("bytes behind the header changed")
		}
		if client == peer {
			return
		}
		again := proxyproto.HeaderProxyFromAddrs(2, net.TCPAddrFromAddrPort(client), net.TCPAddrFromAddrPort(peer))
		text, err := again.Format()
		if err != nil {
			t.Fatal(err)
		}
		second, err := parseHeader(bufio.NewReader(bytes.NewReader(text)), peer)
		if err != nil || second != client {
			t.Fatalf("%v became %v, %v", client, second, err)
		}
	})
}

// FuzzStranger: whatever a stranger sends and however it is cut, either all of it
// is read unchanged or nothing of it, and nothing only if it is a header.
func FuzzStranger(f *testing.F) {
	f.Add([]byte("PROXY TCP4 a b 1 2\r\n"), 3)
	f.Add([]byte("PROPFIND"), 1)
	f.Add([]byte("\r\n\r\n\x00\r\nQUIT\n"), 5)
	f.Fuzz(func(t *testing.T, raw []byte, cut int) {
		c := &conn{Conn: &pieces{raw: raw, cut: cut}, sniff: true,
			l: &Listener{cfg: Config{Allowed: func(netip.Addr) bool { return false }}}}
		got, err := io.ReadAll(c)
		if err != nil {
			if len(got) != 0 || !isHeader(raw) {
				t.Fatalf("%q refused after %q: %v", raw, got, err)
			}
			return
		}
		if isHeader(raw) || !bytes.Equal(got, raw) {
			t.Fatalf("%q was read as %q", raw, got)
		}
	})
}

// pieces is a connection whose bytes arrive cut bytes at a time.
type pieces struct {
	net.Conn
	raw []byte
	cut int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.raw) == 0 {
		return 0, io.EOF
	}
	n := min(len(b), len(p.raw), 1+p.cut&15)
	copy(b, p.raw[:n])
	p.raw = p.raw[n:]
	return n, nil
}
