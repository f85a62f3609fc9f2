package tlshello_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"testing"

	"haechi/internal/brick/tlshello"
)

// real is the hello of the standard library's client, as records.
func real(t testing.TB) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer server.Close()
	go func() {
		c := tls.Client(client, &tls.Config{ServerName: "shop.example.com", NextProtos: []string{"h2", "http/1.1"}})
		_ = c.HandshakeContext(context.Background()) // it ends when the pipe closes
		client.Close()
	}()
	head := make([]byte, 5)
	if _, err := io.ReadFull(server, head); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint16(head[3:]))
	if _, err := io.ReadFull(server, body); err != nil {
		t.Fatal(err)
	}
	return append(head, body...)
}

func TestRealHello(t *testing.T) {
	b, scratch := real(t), make([]byte, tlshello.Most)
	msg, out := tlshello.FromRecords(b, scratch)
	var h tlshello.Hello
	if out != tlshello.Whole || !tlshello.Read(msg, &h) {
		t.Fatalf("outcome %v", out)
	}
	if string(h.Name) != "shop.example.com" || string(h.ALPN) != "h2" || h.Version != 0x0303 || !slices.Contains(h.Versions, 0x0304) ||
		!slices.Contains(h.Suites, 0x1301) || !slices.Contains(h.Signatures, 0x0804) || !slices.Contains(h.Extensions, 43) {
		t.Errorf("read %+v", h)
	}
	if n := testing.AllocsPerRun(100, func() {
		msg, _ := tlshello.FromRecords(b, scratch)
		tlshello.Read(msg, &h)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// split puts a handshake message into records of at most n bytes.
func split(msg []byte, n int) (out []byte) {
	for piece := range slices.Chunk(msg, n) {
		out = append(out, 22, 3, 1, byte(len(piece)>>8), byte(len(piece)))
		out = append(out, piece...)
	}
	return out
}

func TestRecords(t *testing.T) {
	b, scratch := real(t), make([]byte, tlshello.Most)
	msg := b[5:]
	for _, size := range []int{1000, 200, 50, 1 + len(msg)/60} {
		records := append(split(msg, size), 20, 3, 3, 0, 1, 1) // something follows
		for n := range len(split(msg, size)) {
			if _, out := tlshello.FromRecords(records[:n], scratch); out != tlshello.More {
				t.Fatalf("%d bytes of records of %d: %v", n, size, out)
			}
		}
		got, out := tlshello.FromRecords(records, scratch)
		if out != tlshello.Whole || !bytes.Equal(got, msg) {
			t.Fatalf("records of %d: %v", size, out)
		}
	}
	for _, other := range [][]byte{[]byte("GET / HTTP/1.1\r\n"), {22, 3, 1, 0, 4, 2, 0, 0, 0}, {22, 3, 1, 0, 0}, {22, 3, 1, 0x7f, 0}, split(msg, 3), {22, 2}, {21, 3, 1}, {22, 3, 1, 0, 4, 1, 0xff, 0, 0}} {
		if _, out := tlshello.FromRecords(other, scratch); out != tlshello.Other {
			t.Errorf("%x: %v", other[:2], out)
		}
	}
}

// FuzzHello: the same hello whatever its records, and no byte of it beyond its message.
func FuzzHello(f *testing.F) {
	f.Add(real(f)[5:], uint8(40))
	f.Add([]byte{1, 0, 0, 45, 3, 3, 32: 0}, uint8(9))
	f.Fuzz(func(t *testing.T, msg []byte, size uint8) {
		scratch := make([]byte, tlshello.Most)
		var h, again tlshello.Hello
		ok := tlshello.Read(msg, &h)
		if !ok {
			return
		}
		if len(h.Versions) == 0 || len(h.Extensions) > len(msg) {
			t.Fatalf("read %+v", h)
		}
		n, _ := tlshello.Size(msg)
		got, out := tlshello.FromRecords(split(msg[:n], max(int(size), 1+n/60)), scratch)
		if out != tlshello.Whole || !tlshello.Read(got, &again) {
			t.Fatalf("split: %v", out)
		}
		if !slices.Equal(h.Extensions, again.Extensions) || !bytes.Equal(h.Name, again.Name) || !slices.Equal(h.Suites, again.Suites) {
			t.Fatalf("split %+v, whole %+v", again, h)
		}
	})
}

// FuzzRecords: any bytes, one after the other, never end in a panic or change their mind.
func FuzzRecords(f *testing.F) {
	f.Add(real(f))
	f.Add(split(real(f)[5:], 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		scratch := make([]byte, tlshello.Most)
		before := tlshello.More
		for n := range len(b) + 1 {
			_, out := tlshello.FromRecords(b[:n], scratch)
			if before != tlshello.More && out != before {
				t.Fatalf("%d bytes: %v after %v", n, out, before)
			}
			before = out
		}
	})
}
