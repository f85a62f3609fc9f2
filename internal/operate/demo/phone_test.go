package demo_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"haechi/internal/operate/demo"
)

func TestConversationInBothShapes(t *testing.T) {
	for name, c := range map[string]struct {
		shape demo.Shape
		event string
	}{"v3.3.3": {demo.V333, "message"}, "v3.2": {demo.V32, "analyze"}} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var lines []string
			b, address := botServer(t, demo.BotConfig{Ping: 5 * time.Millisecond, OnFrame: func(device string, line []byte) {
				mu.Lock()
				defer mu.Unlock()
				lines = append(lines, device+" "+string(line))
			}})
			p := phone(t, demo.PhoneConfig{Identity: identity(c.shape), Servers: []string{address}})
			s, err := p.Connect(bounded(t))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Open(); err != nil {
				t.Fatal(err)
			}
			if err := s.Say("방 1", "!echo 안녕 {}"); err != nil {
				t.Fatal(err)
			}
			f, err := s.Until("messageResponse")
			if err != nil {
				t.Fatal(err)
			}
			// A 3.3 reply carries its text behind the JSON, a 3.2 one inside.
			if got := string(f.Line); c.shape == demo.V333 && !strings.HasSuffix(got, "}7JWI64WVIHt9") ||
				c.shape == demo.V32 && !strings.Contains(got, `"text":"안녕 {}"`) {
				t.Errorf("reply %s", got)
			}
			if _, err := s.Until("ping"); err != nil {
				t.Fatal(err)
			}
			if n := b.Counts(); n.Handshakes != 1 || n.Messages != 1 || n.Replies != 1 || n.Live != 1 || n.Bytes == 0 {
				t.Errorf("the server counts %+v", n)
			}
			mu.Lock()
			defer mu.Unlock()
			if !strings.Contains(lines[0], "LOA.i/0123456789abcdef") || !strings.Contains(strings.Join(lines, "\n"), `{"event":"`+c.event+`"`) {
				t.Errorf("received %q", lines)
			}
		})
	}
}

// A phone that nobody accepts backs off 4, 8, 16, 32, 60, 60 s; one that is
// accepted and closed comes back every 4 s, as the client script does.
func TestReconnect(t *testing.T) {
	for name, c := range map[string]struct {
		accept bool
		want   []time.Duration
	}{
		"refused":             {false, []time.Duration{0, 4, 12, 28, 60, 120, 180}},
		"accepted and closed": {true, []time.Duration{0, 4, 8, 12, 16, 20, 24}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				var at []time.Duration
				dial := func(context.Context, string) (net.Conn, error) {
					at = append(at, time.Since(begin)/time.Second)
					if !c.accept {
						return nil, errors.New("refused")
					}
					a, b := net.Pipe()
					b.Close()
					return a, nil
				}
				p := phone(t, demo.PhoneConfig{Identity: identity(demo.V333), Servers: []string{"127.0.0.1:1"}, Dial: dial, Connects: len(c.want)})
				if err := p.Run(context.Background()); err != nil {
					t.Fatal(err)
				}
				for i := range c.want {
					if i >= len(at) || at[i] != c.want[i] {
						t.Fatalf("connected after %v s, want %v", at, c.want)
					}
				}
				if len(at) != len(c.want) {
					t.Errorf("%d attempts, bound %d", len(at), len(c.want))
				}
			})
		})
	}
}

func TestRunTalksReconnectsAndStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, far := pipes()
		ctx, stop := context.WithCancel(context.Background())
		b := demo.NewBotServer(demo.BotConfig{})
		var wg sync.WaitGroup
		cut := make(chan struct{})
		wg.Go(func() {
			first, second := context.WithCancel(ctx)
			c := <-far
			go func() { <-cut; second() }()
			b.ServeConn(first, c)
			second()
			b.ServeConn(ctx, <-far)
		})
		p := phone(t, demo.PhoneConfig{Identity: identity(demo.V333), Servers: []string{"127.0.0.1:1"}, Dial: dial,
			Rooms: []string{"a", "b"}, Every: time.Second})
		wg.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		<-time.After(30500 * time.Millisecond)
		if n := p.Counts(); n.Sent != 30 || n.Replies != 30 || n.Opened != 1 || n.Pings != 6 {
			t.Errorf("after 30 s: %+v", n)
		}
		close(cut)
		<-time.After(30 * time.Second)
		if n := p.Counts(); n.Opened != 2 || n.Sent < 50 || n.Connects != 2 {
			t.Errorf("after a cut: %+v", n)
		}
		if n := b.Counts(); n.Pongs < 10 || n.Live != 1 {
			t.Errorf("the server counts %+v", n)
		}
		stop()
		wg.Wait()
	})
}

func TestMessagesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, far := pipes()
		b := demo.NewBotServer(demo.BotConfig{})
		var wg sync.WaitGroup
		wg.Go(func() { b.ServeConn(context.Background(), <-far) })
		p := phone(t, demo.PhoneConfig{Identity: identity(demo.V32), Servers: []string{"127.0.0.1:1"}, Dial: dial,
			Rooms: []string{"a"}, Every: time.Second, Messages: 5})
		if err := p.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if n := b.Counts(); n.Messages != 5 {
			t.Errorf("%d messages, want 5", n.Messages)
		}
	})
}

func TestOnlyLoopback(t *testing.T) {
	ok := netip.MustParseAddr("127.9.0.1")
	for _, c := range []struct {
		server string
		source netip.Addr
	}{
		{"192.0.2.1:1491", ok}, {"example.com:1491", ok}, {"localhost:1491", ok}, {"127.0.0.1", ok}, {"127.0.0.1:0", ok},
		{"0.0.0.0:1491", ok}, {"[::]:1491", ok}, {"", ok},
		{"127.0.0.1:1491", netip.MustParseAddr("127.0.0.1")}, {"127.0.0.1:1491", netip.MustParseAddr("192.0.2.1")},
		{"127.0.0.1:1491", netip.Addr{}}, {"127.0.0.1:1491", netip.MustParseAddr("::1")},
	} {
		if _, err := demo.NewPhone(demo.PhoneConfig{Identity: identity(demo.V333), Servers: []string{c.server}, Source: c.source}); err == nil {
			t.Errorf("a phone dials %q from %v", c.server, c.source)
		}
	}
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "localhost:0"} {
		if l, err := demo.Listen(context.Background(), address); err == nil {
			l.Close()
			t.Errorf("listens on %q", address)
		}
	}
}

func TestPhoneDialsFromItsOwnAddress(t *testing.T) {
	l, err := demo.Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := phone(t, demo.PhoneConfig{Identity: identity(demo.V333), Servers: []string{l.Addr().String()}, Source: netip.MustParseAddr("127.9.8.7")})
	s, err := p.Connect(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if from := c.RemoteAddr().(*net.TCPAddr).IP.String(); from != "127.9.8.7" {
		t.Errorf("dialled from %s", from)
	}
}
