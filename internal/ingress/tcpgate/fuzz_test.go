package tcpgate_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"testing"

	"haechi/internal/ingress/tcpgate"
)

// script is a connection that says the bytes in pieces and then ends.
type script struct {
	wire
	left  []byte
	piece int
	read  int
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.piece)], s.left)
	s.left = s.left[n:]
	s.read += n
	return n, nil
}

var errSeen = errors.New("seen")

// served is the name that a server of crypto/tls sees in the bytes.
func served(b []byte) (name string, ok bool) {
	_ = tls.Server(&script{wire: wire{new(bytes.Buffer)}, left: b, piece: len(b) + 1}, &tls.Config{
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			name, ok = h.ServerName, true
			return nil, errSeen
		}}).Handshake()
	return name, ok
}

// FuzzHello: whatever comes, in whatever pieces, no more than the bound is read, what
// was read is kept as it came, and the name is the one that a server would see.
func FuzzHello(f *testing.F) {
	for _, name := range []string{"one.test", "", "XN--9d0bm53a.kr", strings.Repeat("a.", 120) + "test"} {
		b := hello(name)
		f.Add(b, uint16(1), uint16(4096))
		f.Add(b, uint16(100), uint16(len(b)))
		f.Add(b[:len(b)/2], uint16(7), uint16(4096))
		f.Add(append(b, "early data"...), uint16(5000), uint16(8192))
		split := append([]byte{22, 3, 1, 0, 10}, b[5:15]...) // one hello in two records
		split = append(append(split, 22, 3, 1, byte((len(b)-15)>>8), byte(len(b)-15)), b[15:]...)
		f.Add(split, uint16(3), uint16(4096))
	}
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint16(1), uint16(64))
	f.Add([]byte{0x80, 46, 1, 3, 1}, uint16(1), uint16(64))
	f.Fuzz(func(t *testing.T, b []byte, piece, bound uint16) {
		most := int(bound)
		answered := new(bytes.Buffer)
		c := &script{wire: wire{answered}, left: b, piece: int(piece) + 1}
		held := 0
		name, read, err := tcpgate.PeekHello(c, most, func(n int) bool { held += n; return true })
		if len(read) > most || c.read != len(read) || held != len(read) || !bytes.HasPrefix(b, read) {
			t.Fatalf("read %d of at most %d, kept %d, counted %d", c.read, most, len(read), held)
		}
		if answered.Len() > 0 {
			t.Fatalf("the client was told %q", answered)
		}
		want, ok := served(b)
		if err == nil && (!ok || name != strings.ToLower(want)) {
			t.Fatalf("%q is taken for %q", want, name)
		}
		if err != nil && ok && len(b) <= most {
			t.Fatalf("refused: %v; a server sees %q", err, want)
		}
	})
}
