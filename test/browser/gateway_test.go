package browser

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/operate/demo"
)

// The operator of all tests.
const (
	operator = "kim"
	password = "correct horse battery"
)

// gateway is the whole program in front of a sample bot server and a sample shop.
type gateway struct {
	t          *testing.T
	app        *app.App
	started    app.Started
	dir        string
	bots, shop string // guarded addresses
	server     *demo.BotServer
}

// configuration is what a newcomer's file looks like; the numbers are the defaults.
const configuration = `state: %q
zone: Asia/Seoul
console: { listen: "127.0.0.1:0" }
services:
  bots:
    kind: device
    profile: messengerbot
    listen: [%q]
    upstream: %s
    device: { hold: 1s }
  shop:
    kind: http
    hosts: [localhost, 127.0.0.1]
    listen: [%q]
    upstream: http://%s
    routes:
      - { path: /login, class: login }
    limits:
      classes: { login: 5/s burst 10 }
rules:
  device/rapid-reconnect: { mode: enforce }
  device/room-hopping: { mode: enforce }
  device/failed-auth: { mode: enforce }
  auth/brute-force: { mode: enforce, for: 5m }
`

// start runs everything until the test ends, with further rules as in the file.
func start(t *testing.T, rules ...string) *gateway {
	t.Helper()
	return startBy(t, nil, rules...)
}

// startBy starts everything with a clock of the test's own; nil: the real one.
func startBy(t *testing.T, now func() time.Time, rules ...string) *gateway {
	t.Helper()
	chromium.open(t) // skips first of all
	g := &gateway{t: t, dir: t.TempDir()}
	config := filepath.Join(g.dir, "haechi.yaml")
	state := filepath.Join(g.dir, "state")
	g.bots, g.shop = free(t), free(t)
	text := fmt.Appendf(nil, configuration, state, g.bots, g.serveBots(), g.shop, g.serveShop())
	for _, r := range rules {
		text = fmt.Appendf(text, "  %s\n", r)
	}
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	up := make(chan app.Started, 1)
	a, err := app.New(t.Context(), app.Options{ConfigPath: config, Version: "0.1.0", Now: now, Started: func(s app.Started) { up <- s },
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		t.Fatal(err)
	}
	g.app = a
	g.during(func(ctx context.Context) {
		if err := a.Run(ctx); err != nil {
			t.Errorf("the gateway did not stop cleanly: %v", err)
		}
	})
	g.started = <-up
	g.eventually("every service is open", func() bool { // a socket opens once the server behind has answered
		s, err := a.Control().Status(t.Context())
		return err == nil && !slices.ContainsFunc(s.Services, func(s haechi.ServiceStatus) bool { return !s.Open })
	})
	return g
}

// free is an address that nobody listens on, below the ports that the kernel gives to
// whoever connects meanwhile.
func free(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("of a hundred ports none is free")
	return ""
}

// during runs a part until the test ends, and waits for it.
func (g *gateway) during(run func(ctx context.Context)) {
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { run(ctx) })
	g.t.Cleanup(func() { stop(); wg.Wait() })
}

func (g *gateway) serveBots() string {
	l, err := demo.Listen(g.t.Context(), "127.0.0.1:0")
	if err != nil {
		g.t.Fatal(err)
	}
	g.server = demo.NewBotServer(demo.BotConfig{Ping: 300 * time.Millisecond})
	g.during(func(ctx context.Context) {
		if err := g.server.Serve(ctx, l); err != nil {
			g.t.Error(err)
		}
	})
	return l.Addr().String()
}

func (g *gateway) serveShop() string {
	shop, err := demo.NewShop()
	if err != nil {
		g.t.Fatal(err)
	}
	l, err := demo.Listen(g.t.Context(), "127.0.0.1:0")
	if err != nil {
		g.t.Fatal(err)
	}
	s := &http.Server{Handler: shop, ReadHeaderTimeout: 5 * time.Second}
	g.during(func(ctx context.Context) {
		defer context.AfterFunc(ctx, func() { _ = s.Close() })()
		_ = s.Serve(l) // ErrServerClosed, once the test ends
	})
	return l.Addr().String()
}

// clerk is who sets the scene; what a test is about is done in the browser.
func clerk() haechi.Operator { return haechi.Operator{Name: "clerk", Via: "test"} }

// enrol registers a device with a key; approved or still pending.
func (g *gateway) enrol(id demo.Identity, approved bool) demo.Identity {
	g.t.Helper()
	c := g.app.Control()
	if _, err := c.AddDevice(g.t.Context(), clerk(), "bots", id.Key()); err != nil {
		g.t.Fatal(err)
	}
	k, err := c.NewDeviceKey(g.t.Context(), clerk(), id.Key())
	if err != nil {
		g.t.Fatal(err)
	}
	id.Secret, id.Salt = haechi.Secret(k.Secret), haechi.Secret(k.Salt)
	if approved {
		if _, err := c.SetDeviceStatus(g.t.Context(), clerk(), id.Key(), haechi.Approved, ""); err != nil {
			g.t.Fatal(err)
		}
	}
	return id
}

// device is the n-th sample device.
func device(n int) demo.Identity {
	return demo.Identity{Bot: "LOA.i", Serial: fmt.Sprintf("%016x", 0xa11ce+n)}
}

func (g *gateway) phone(id demo.Identity, n int, rooms ...string) *demo.Phone {
	g.t.Helper()
	p, err := demo.NewPhone(demo.PhoneConfig{Identity: id, Servers: []string{g.bots}, Source: netip.AddrFrom4([4]byte{127, 30, 0, byte(n)}),
		Rooms: rooms, Every: 100 * time.Millisecond, Backoff: 100 * time.Millisecond})
	if err != nil {
		g.t.Fatal(err)
	}
	return p
}

// talk lets a phone converse in a room until the test ends.
func (g *gateway) talk(id demo.Identity, n int, room string) *demo.Phone {
	p := g.phone(id, n, room)
	g.during(func(ctx context.Context) {
		if err := p.Run(ctx); err != nil {
			g.t.Error(err)
		}
	})
	return p
}

// visitor is somebody with a browser of their own at the shop.
func (g *gateway) visitor(n int, agent string) *demo.Browser {
	g.t.Helper()
	b, err := demo.NewBrowser(demo.WebConfig{Target: g.shop, Host: "localhost", Source: netip.AddrFrom4([4]byte{127, 40, 0, byte(n)}), Agent: agent})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(b.Close)
	return b
}

// enter opens a window and makes the first login by the one-time link.
func (g *gateway) enter() *tab {
	g.t.Helper()
	b := g.open()
	b.see(g.started.LoginLink)
	b.fill("[name=name]", operator)
	b.fill("[name=password]", password)
	b.fill("[name=again]", password)
	if status := b.press("#first-form button.primary"); status != http.StatusOK || b.url() != "/" {
		g.t.Fatalf("the first login led to %s with status %d:\n%s", b.url(), status, b.text("main"))
	}
	return b
}

// eventually polls a condition outside the browser.
func (g *gateway) eventually(what string, ok func() bool) {
	g.t.Helper()
	deadline := time.NewTimer(enough)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			g.t.Fatalf("%s: not within %s", what, enough)
		case <-tick.C:
		}
	}
}
