package listener_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"haechi/internal/ingress"
	"haechi/internal/ingress/listener"
)

// TestFirst: the first byte is seen and stays, whether it came with a PROXY header,
// behind it, from a stranger to that protocol, or without any of it.
func TestFirst(t *testing.T) {
	p := newPool(t)
	proxied := open(t, p, listener.Config{ProxyProtocol: only("127.0.0.1/32")})
	bare := open(t, p, listener.Config{})
	const header = "PROXY TCP4 203.0.113.7 192.0.2.1 40000 443\r\n"
	for name, c := range map[string]struct {
		l       *listener.Listener
		from    string
		at, now string // what is said before the question, and after it
	}{
		"with the header":   {proxied, "127.0.0.1", header + "\x16\x03", "\x01"},
		"behind the header": {proxied, "127.0.0.1", header, "\x16\x03\x01"},
		"a stranger":        {proxied, "127.0.0.2", "\x16", "\x03\x01"},
		"without":           {bare, "127.0.0.1", "\x16", "\x03\x01"},
		"later":             {bare, "127.0.0.1", "", "\x16\x03\x01"},
	} {
		t.Run(name, func(t *testing.T) {
			client := dial(t, c.from, c.l.Addr().String())
			write(t, client, c.at)
			in := accept(t, c.l)
			seen := make(chan error, 1)
			go func() {
				b, err := in.First()
				if err == nil && b != 0x16 {
					err = fmt.Errorf("another byte: %#x", b)
				}
				seen <- err
			}()
			write(t, client, c.now)
			if err := <-seen; err != nil {
				t.Fatal(err)
			}
			if got := read(t, in, 3); got != "\x16\x03\x01" {
				t.Errorf("then came %q", got)
			}
		})
	}
}

func TestFirstEnds(t *testing.T) {
	l := open(t, newPool(t), listener.Config{})
	client := dial(t, "127.0.0.1", l.Addr().String())
	in := accept(t, l)
	_ = in.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := in.First(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("silence: %v", err)
	}
	_ = in.SetReadDeadline(time.Time{})
	_ = client.Close()
	if _, err := in.First(); err != io.EOF {
		t.Errorf("the end: %v", err)
	}
	a, b := net.Pipe()
	defer b.Close()
	if _, err := ingress.NewConn(a, in.Actor, 1, 2, nil).First(); err == nil {
		t.Error("a pipe has no first byte to look at")
	}
	_ = a.Close()
}
