package scenario_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"haechi/internal/operate/demo"
)

// botSide is the real bot server behind the gateway, with every byte it got.
type botSide struct {
	t    *testing.T
	addr string
	*demo.BotServer

	mu    sync.Mutex
	conns []*recorded
	stop  func()
}

// recorded is a connection with what was read and written.
type recorded struct {
	net.Conn
	mu        sync.Mutex
	got, sent bytes.Buffer
}

// Read implements net.Conn.
func (c *recorded) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got.Write(p[:n])
	return n, err
}

// Write implements net.Conn. What is on its way is noted first, so that nobody
// sees the answer to a frame before the frame.
func (c *recorded) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.sent.Write(p)
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *recorded) read() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got.String()
}

func (c *recorded) wrote() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent.String()
}

// recorder is a listener whose connections are recorded.
type recorder struct {
	net.Listener
	side *botSide
}

// Accept implements net.Listener.
func (l recorder) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	rec := &recorded{Conn: c}
	l.side.mu.Lock()
	defer l.side.mu.Unlock()
	l.side.conns = append(l.side.conns, rec)
	return rec, nil
}

func newBotSide(t *testing.T, addr string) *botSide {
	b := &botSide{t: t, addr: addr, BotServer: demo.NewBotServer(demo.BotConfig{Ping: time.Second}), stop: func() {}}
	t.Cleanup(func() { b.stop() })
	return b
}

// start listens and serves until stop.
func (b *botSide) start() {
	b.t.Helper()
	l, err := demo.Listen(b.t.Context(), b.addr)
	must(b.t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.t.Context()))
	done := make(chan error, 1)
	go func() { done <- b.Serve(ctx, recorder{l, b}) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Error(err)
		}
	})
}

// talks are the connections that said anything; a health check does not.
func (b *botSide) talks() (out []*recorded) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.conns {
		if c.read() != "" {
			out = append(out, c)
		}
	}
	return out
}

// of are the connections that began with the device's handshake.
func (b *botSide) of(id demo.Identity) (out []*recorded) {
	for _, c := range b.talks() {
		if hello, _, _ := strings.Cut(c.read(), "\n"); strings.Contains(hello, `"`+id.Serial+`"`) {
			out = append(out, c)
		}
	}
	return out
}

// webSide is the demo shop behind the gateway, with a WebSocket at /live and an
// echo of what reached it at /echo.
type webSide struct {
	t    *testing.T
	addr string
	shop *demo.Shop
}

func newWebSide(t *testing.T, addr string) *webSide {
	t.Helper()
	shop, err := demo.NewShop()
	must(t, err)
	return &webSide{t: t, addr: addr, shop: shop}
}

func (s *webSide) start() {
	s.t.Helper()
	l, err := demo.Listen(s.t.Context(), s.addr)
	must(s.t, err)
	mux := http.NewServeMux()
	mux.Handle("/", s.shop)
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "X-Forwarded-Proto", "Client-Cert"} {
			w.Header()["Echo-"+name] = r.Header[name]
		}
		w.Header().Set("Echo-Names", strings.Join(slices.Sorted(maps.Keys(r.Header)), " "))
	})
	mux.HandleFunc("GET /live", talkBack)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	s.t.Cleanup(func() {
		_ = srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			s.t.Error(err)
		}
	})
}

// talkBack is a WebSocket that says what it is told.
func talkBack(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer ws.CloseNow()
	for {
		kind, b, err := ws.Read(r.Context())
		if err != nil || ws.Write(r.Context(), kind, b) != nil {
			return
		}
	}
}
