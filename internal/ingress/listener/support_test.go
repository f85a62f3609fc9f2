package listener_test

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress"
	"haechi/internal/ingress/listener"
)

// sink keeps events and lets a test wait for the next one.
type sink struct{ events chan haechi.Event }

func newSink() *sink { return &sink{events: make(chan haechi.Event, 1024)} }

func (s *sink) Emit(e *haechi.Event) { s.events <- *e }

func (s *sink) next(t *testing.T) haechi.Event {
	t.Helper()
	select {
	case e := <-s.events:
		return e
	case <-time.After(5 * time.Second):
		t.Fatal("no event")
		return haechi.Event{}
	}
}

func (s *sink) none(t *testing.T) {
	t.Helper()
	select {
	case e := <-s.events:
		t.Fatalf("unexpected event %+v", e)
	default:
	}
}

// judge answers with what a test sets.
type judge struct {
	mu      sync.Mutex
	verdict haechi.Verdict
	asked   []haechi.Request
}

func (j *judge) Inspect(r *haechi.Request, _ time.Time) haechi.Verdict {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked = append(j.asked, *r)
	return j.verdict
}

func (j *judge) count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.asked)
}

func only(prefixes ...string) func(netip.Addr) bool {
	return func(a netip.Addr) bool {
		for _, p := range prefixes {
			if netip.MustParsePrefix(p).Contains(a) {
				return true
			}
		}
		return false
	}
}

func open(t *testing.T, p *listener.Pool, cfg listener.Config) *listener.Listener {
	t.Helper()
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if cfg.Service == "" {
		cfg.Service = "svc"
	}
	l, err := p.Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func newPool(t *testing.T) *listener.Pool {
	t.Helper()
	p := listener.NewPool(nil)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// dial connects from the given loopback address.
func dial(t *testing.T, from, to string) net.Conn {
	t.Helper()
	c, err := dialErr(from, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func dialErr(from, to string) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	return d.Dial("tcp", to)
}

func accept(t *testing.T, l net.Listener) *ingress.Conn {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*ingress.Conn)
}

func write(t *testing.T, c net.Conn, b string) {
	t.Helper()
	if _, err := c.Write([]byte(b)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, c net.Conn, n int) string {
	t.Helper()
	b := make([]byte, n)
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// closed asserts that the peer ended the connection.
func closed(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Fatal("the connection is open and talks")
	} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Fatal("the connection is still open")
	}
}
