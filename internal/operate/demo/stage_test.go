package demo_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/operate/demo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// enough bounds what a test waits for; nothing sleeps that long.
const enough = 10 * time.Second

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), enough)
	t.Cleanup(stop)
	return ctx
}

// botServer serves on loopback until the test ends.
func botServer(t *testing.T, cfg demo.BotConfig) (*demo.BotServer, string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l, err := demo.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := demo.NewBotServer(cfg)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.Serve(ctx, l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); wg.Wait() })
	return b, l.Addr().String()
}

// webServer serves a handler on loopback until the test ends.
func webServer(t *testing.T, h http.Handler) string {
	t.Helper()
	l, err := demo.Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	var wg sync.WaitGroup
	wg.Go(func() { s.Serve(l) })
	t.Cleanup(func() { s.Close(); wg.Wait() })
	return l.Addr().String()
}

func identity(s demo.Shape) demo.Identity {
	return demo.Identity{Bot: "LOA.i", Serial: "0123456789abcdef", Shape: s,
		Secret: haechi.Secret("example-shared-key-do-not-use"), Salt: haechi.Secret("example-salt")}
}

func phone(t *testing.T, cfg demo.PhoneConfig) *demo.Phone {
	t.Helper()
	if !cfg.Source.IsValid() {
		cfg.Source = netip.MustParseAddr("127.9.0.1")
	}
	p, err := demo.NewPhone(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// buffered is a pipe end whose writes do not wait for the reader, like those of
// a socket: with a bare pipe, two ends that write at once wait for each other.
type buffered struct {
	net.Conn
	out  chan []byte
	end  chan struct{}
	once *sync.Once
}

func buffer(c net.Conn) net.Conn {
	b := buffered{c, make(chan []byte, 64), make(chan struct{}), new(sync.Once)}
	go func() {
		for {
			select {
			case p := <-b.out:
				if _, err := c.Write(p); err != nil {
					return
				}
			case <-b.end:
				return
			}
		}
	}()
	return b
}

func (b buffered) Write(p []byte) (int, error) {
	select {
	case <-b.end:
		return 0, net.ErrClosed
	case b.out <- append([]byte(nil), p...):
		return len(p), nil
	}
}

func (b buffered) SetWriteDeadline(time.Time) error { return nil }

func (b buffered) Close() error {
	b.once.Do(func() { close(b.end) })
	return b.Conn.Close()
}

// pipes hands the far ends of the connections that a phone makes to a channel.
func pipes() (demo.Dial, <-chan net.Conn) {
	far := make(chan net.Conn)
	return func(ctx context.Context, _ string) (net.Conn, error) {
		a, b := net.Pipe()
		select {
		case far <- b:
			return buffer(a), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}, far
}
