package demo_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
)

func named(bot string, s demo.Shape) demo.Identity {
	id := identity(s)
	id.Bot = bot
	return id
}

// signal tells a waiting test that something happened.
type signal chan struct{}

func (s signal) tell() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// until waits for something to become true, looking again at each signal.
func (s signal) until(ctx context.Context, ok func() bool) bool {
	for !ok() {
		select {
		case <-s:
		case <-ctx.Done():
			return ok()
		}
	}
	return true
}

func (s signal) handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		s.tell()
	})
}

func TestFloodIsBounded(t *testing.T) {
	s := shop(t)
	a, err := demo.Flood(web(webServer(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	if text := a.Run(bounded(t)); s.Counts().Requests != 400 || text != "400 answered, 0 refused, 0 cut off" {
		t.Errorf("%s: %+v", text, s.Counts())
	}
}

// Every attack on the bots must do what it is for, within its bounds, so that
// the rule it is meant for sees more than its threshold.
func TestAttacksOnTheBots(t *testing.T) {
	for name, c := range map[string]struct {
		make                               func(demo.PhoneConfig) (demo.Attack, error)
		connections, devices, rooms, least int
		within                             time.Duration
	}{
		"forger": {demo.Forger, 8, 1, 0, 6, 10 * time.Second},
		"hammer": {demo.Hammer, 14, 1, 0, 11, 60 * time.Second},
		"hopper": {demo.Hopper, 1, 1, 22, 1, 60 * time.Second},
		"spam":   {demo.Spam, 12, 12, 0, 12, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dial, far := pipes()
				devices, rooms := map[string]bool{}, map[string]bool{}
				b := demo.NewBotServer(demo.BotConfig{OnFrame: func(device string, line []byte) {
					devices[device] = true
					if _, rest, ok := strings.Cut(string(line), `"room":"`); ok {
						room, _, _ := strings.Cut(rest, `"`)
						rooms[room] = true
					}
				}})
				ctx, stop := context.WithCancel(context.Background())
				var wg sync.WaitGroup
				wg.Go(func() {
					for {
						select {
						case conn := <-far:
							b.ServeConn(ctx, conn)
						case <-ctx.Done():
							return
						}
					}
				})
				a, err := c.make(demo.PhoneConfig{Identity: identity(demo.V333), Servers: []string{"127.0.0.1:1"},
					Source: netip.MustParseAddr("127.9.0.3"), Dial: dial})
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				text := a.Run(ctx)
				took := time.Since(begin)
				stop()
				wg.Wait()
				if n := b.Counts(); int(n.Handshakes) != c.connections || len(devices) != c.devices || len(rooms) < c.rooms || c.rooms == 0 && len(rooms) > 0 {
					t.Errorf("%s: %+v, %d devices, %d rooms", text, n, len(devices), len(rooms))
				}
				if took > c.within || c.connections < c.least {
					t.Errorf("%d connections in %v", c.connections, took)
				}
			})
		})
	}
}

func TestAttacksStopWithTheirContext(t *testing.T) {
	s := shop(t)
	news := make(signal, 1)
	b, bots := botServer(t, demo.BotConfig{OnFrame: func(string, []byte) { news.tell() }})
	address := webServer(t, news.handler(s))
	var acts []demo.Attack
	for _, build := range []func(demo.WebConfig) (demo.Attack, error){demo.Stuffing, demo.Scanner, demo.Flood} {
		a, err := build(web(address))
		if err != nil {
			t.Fatal(err)
		}
		acts = append(acts, a)
	}
	cfg := demo.PhoneConfig{Identity: identity(demo.V333), Servers: []string{bots}, Source: netip.MustParseAddr("127.9.0.3")}
	for _, build := range []func(demo.PhoneConfig) (demo.Attack, error){demo.Forger, demo.Hammer, demo.Hopper, demo.Spam} {
		a, err := build(cfg)
		if err != nil {
			t.Fatal(err)
		}
		acts = append(acts, a)
	}
	// Each is stopped once its first effect reached a server.
	for _, a := range acts {
		ctx, stop := context.WithCancel(bounded(t))
		requests, frames := s.Counts().Requests, b.Counts().Frames
		var wg sync.WaitGroup
		wg.Go(func() { a.Run(ctx) })
		if !news.until(ctx, func() bool { return s.Counts().Requests != requests || b.Counts().Frames != frames }) {
			t.Errorf("%s did nothing", a.Name)
		}
		stop()
		wg.Wait()
	}
	if n := s.Counts(); n.FailedLogins == 0 || n.Missing == 0 {
		t.Errorf("%+v", n)
	}
}

func TestCastPlaysAndLeavesTheStage(t *testing.T) {
	s := shop(t)
	news := make(signal, 1)
	b, bots := botServer(t, demo.BotConfig{Ping: 20 * time.Millisecond, OnFrame: func(string, []byte) { news.tell() }})
	var mu sync.Mutex
	from := map[string]bool{}
	address := webServer(t, news.handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		mu.Lock()
		from[host] = true
		mu.Unlock()
		s.ServeHTTP(w, r)
	})))
	c, err := demo.NewCast(demo.CastConfig{Bots: []string{bots}, Shop: address, Host: "shop.example.test", Visitors: 3,
		Friends: []demo.Identity{named("하나", demo.V333), named("두나", demo.V32)},
		Hammer:  named("hammer", demo.V333), Hopper: named("hopper", demo.V333), Victim: named("하나", demo.V333),
		Pause: time.Millisecond, For: enough})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }()
	seen := func() bool {
		phones := c.Phones()
		mu.Lock()
		defer mu.Unlock()
		return len(phones) == 2 && phones[0].Replies > 0 && phones[1].Replies > 0 && b.Counts().Pongs > 0 &&
			s.Counts().FailedLogins > 0 && from["127.20.0.1"] && from["127.20.0.3"] && from["127.77.0.1"]
	}
	if !news.until(bounded(t), seen) {
		t.Errorf("phones %+v, bots %+v, shop %+v, from %v", c.Phones(), b.Counts(), s.Counts(), from)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if from["127.0.0.1"] {
		t.Error("a client came from the console's address")
	}
}

func TestCastStaysOnLoopback(t *testing.T) {
	for _, cfg := range []demo.CastConfig{
		{Bots: []string{"192.0.2.1:1491"}, Friends: []demo.Identity{identity(demo.V333)}},
		{Bots: []string{"192.0.2.1:1491"}},
		{Shop: "192.0.2.1:443"},
		{Shop: "192.0.2.1:443", Visitors: -1},
		{Shop: "shop.example.com:443"},
	} {
		if _, err := demo.NewCast(cfg); haechi.KindOf(err) != haechi.Denied {
			t.Errorf("%v %q: %v", cfg.Bots, cfg.Shop, err)
		}
	}
}
