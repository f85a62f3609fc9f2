package devicegate_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/parking"
	"haechi/internal/ingress"
	"haechi/internal/ingress/devicegate"
)

// upstream is a server that counts what it receives.
type upstream struct {
	net.Listener
	bytes atomic.Int64
	conns atomic.Int64
	lines chan string
	reply func(line string) string
	wg    sync.WaitGroup
	mu    sync.Mutex
	live  []net.Conn
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func newUpstream(t *testing.T) *upstream {
	u := &upstream{Listener: listen(t), lines: make(chan string, 1024), reply: func(l string) string {
		if strings.Contains(l, "handshake") || strings.HasPrefix(l, `{"botName"`) {
			return `{"event":"handshakeComplete","data":{"success":true,"approved":true}}` + "\n"
		}
		return "echo " + l
	}}
	u.wg.Go(func() {
		for {
			c, err := u.Accept()
			if err != nil {
				return
			}
			u.conns.Add(1)
			u.mu.Lock()
			u.live = append(u.live, c)
			u.mu.Unlock()
			u.wg.Go(func() { u.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = u.Close()
		u.hangUp()
		u.wg.Wait()
	})
	return u
}

func (u *upstream) hangUp() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range u.live {
		_ = c.Close()
	}
}

func (u *upstream) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		l, err := r.ReadString('\n')
		u.bytes.Add(int64(len(l)))
		if err != nil {
			return
		}
		u.lines <- l
		if _, err := c.Write([]byte(u.reply(l))); err != nil {
			return
		}
	}
}

// rig is a gate on loopback with everything around it.
type rig struct {
	t           *testing.T
	w           *world
	up          *upstream
	gate        *devicegate.Gate
	l           net.Listener
	wg          sync.WaitGroup
	live        sync.Map // session id → cut
	idle        *parking.Lot
	blocked     *parking.Lot
	last, dials atomic.Uint64
}

func (r *rig) Enter(_ string, _ haechi.Actor, s interface{ Cut(haechi.Verdict) }) uint64 {
	id := r.last.Add(1)
	r.live.Store(id, s.Cut)
	return id
}

func (r *rig) Identify(uint64, haechi.Actor) {}
func (r *rig) Close(id uint64)               { r.live.Delete(id) }

func newLot(t testing.TB) *parking.Lot {
	t.Helper()
	l, err := parking.New(parking.Config{Tick: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func newRig(t *testing.T, cfg devicegate.Config) *rig {
	r := &rig{t: t, w: newWorld(), up: newUpstream(t), l: listen(t)}
	r.idle, r.blocked = newLot(t), newLot(t)
	r.gate = r.w.gate(t, cfg, devicegate.Deps{Sessions: r, Idle: r.idle, Blocked: r.blocked, Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", r.up.Addr().String())
	}})
	r.wg.Go(func() {
		for {
			c, err := r.l.Accept()
			if err != nil {
				return
			}
			r.wg.Go(func() { r.gate.Serve(ingress.NewConn(&wrapped{Conn: c}, actor("127.0.0.1"), 1, 2, func() {})) })
		}
	})
	t.Cleanup(func() {
		r.gate.Shutdown()
		_ = r.l.Close()
		r.wg.Wait()
		r.gate.Wait()
		if i, b := r.idle.Stats(), r.blocked.Stats(); i.Taken != 0 || b.Taken != 0 {
			t.Errorf("places left: %+v %+v", i, b)
		}
		if n := r.gate.Live(); n != 0 {
			t.Errorf("%d connections left", n)
		}
	})
	return r
}

// wrapped is a connection whose first bytes must be read through it.
type wrapped struct {
	net.Conn
	begun bool
}

func (w *wrapped) Read(p []byte) (int, error) {
	w.begun = true
	return w.Conn.Read(p[:min(len(p), 10)])
}

func (w *wrapped) Detach() (ingress.Bare, bool) {
	if !w.begun {
		return ingress.Bare{}, false
	}
	return ingress.NewConn(w.Conn, haechi.Actor{}, 0, 0, nil).Detach()
}

// client is a phone's socket.
type client struct {
	*phone
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func (r *rig) dial() *client {
	r.t.Helper()
	c, err := net.Dial("tcp", r.l.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	p := newPhone()
	// Each connection lives at a time of its own, as phones do.
	p.at = time.Now().Add(time.Duration(r.dials.Add(1)) * time.Second)
	return &client{p, r.t, c, bufio.NewReader(c)}
}

func (c *client) say(s string) *client {
	_, _ = c.Write([]byte(s)) // a refused one may be closed already
	return c
}

func (c *client) hear(want string) string {
	c.t.Helper()
	l, err := c.r.ReadString('\n')
	if err != nil || !strings.Contains(l, want) {
		c.t.Fatalf("heard %q (%v), want %q", l, err, want)
	}
	return l
}

// prove shakes hands up to the server's answer.
func (c *client) prove() *client {
	c.t.Helper()
	c.say(c.hello33()).hear(`"event":"ping"`)
	c.say(c.pong()).hear("handshakeComplete")
	return c
}

func (c *client) closed() {
	c.t.Helper()
	if l, err := c.r.ReadString('\n'); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("heard %q (%v), want the end", l, err)
	}
}
