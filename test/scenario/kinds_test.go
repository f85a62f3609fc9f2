package scenario_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"haechi/internal/operate/demo"
)

// A policy test does to a service of each kind what it does to the others. What a kind
// is, the table knows through these: how somebody gets in, how a connection waits, and
// what the server behind has heard.

// dialer connects to the gateway as somebody.
type dialer func(ctx context.Context, address string) (net.Conn, error)

// line is a connection that was let in and answered.
type line interface {
	// again has one more exchange over it.
	again() error
	close()
}

// kind is one kind of service as a client meets it.
type kind struct {
	name    string // of the kind
	service string
	enter   func(t *testing.T, r *rig, d dialer) (line, error)
	heard   func(r *rig) int // exchanges and conversations that reached the server behind
	address func(r *rig) string
	slowly  string                         // the setting under which loiter is too slow
	loiter  func(c net.Conn, n int) string // the n-th piece of somebody who never gets to the point
	idle    string                         // the setting under which three seconds of silence are too long
}

const portRaw, portRawUpstream = 5001, 5000

func kinds() []kind {
	return []kind{
		{name: "http", service: "shop", enter: enterShop, address: (*rig).shopAddr,
			heard:  func(r *rig) int { return int(r.web.shop.Counts().Requests) },
			slowly: "timeouts: { header: 4s }", loiter: piece("GET / HTTP/1.1\r\nX-Slow: " + strings.Repeat("x", 1000)), idle: "timeouts: { idle: 4s }"},
		{name: "device", service: "bots", enter: enterBots, address: (*rig).botsAddr,
			heard:  func(r *rig) int { return len(r.bots.talks()) },
			slowly: "timeouts: { handshake: 4s }", loiter: piece(`{"event":"handshake","data":{"botName":"` + strings.Repeat("x", 1000)), idle: "timeouts: { idle: 4s }"},
		{name: "tcp", service: "raw", enter: enterRaw, address: (*rig).rawAddr,
			heard:  func(r *rig) int { return int(r.raw.heard.Load()) },
			slowly: "limits: { min_rate: 1KiB }", loiter: piece(strings.Repeat("x", 1000)), idle: "timeouts: { idle: 4s }"},
	}
}

// piece says a text one character at a time.
func piece(text string) func(net.Conn, int) string {
	return func(_ net.Conn, n int) string { return text[n%len(text):][:1] }
}

func (r *rig) rawAddr() string { return r.at(1, portRaw) }

// as dials from the rig's i-th address.
func (r *rig) as(i int) dialer {
	from := r.addr(i)
	return func(ctx context.Context, address string) (net.Conn, error) { return dialFrom(ctx, from, address) }
}

// rawSide is the server behind the opaque service: it says what it is told.
type rawSide struct {
	heard atomic.Int64 // connections that said anything
}

func newRawSide(t *testing.T, addr string) *rawSide {
	t.Helper()
	s := &rawSide{}
	l, err := demo.Listen(t.Context(), addr)
	must(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return s
}

func (s *rawSide) serve(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	first := make([]byte, 64)
	n, err := c.Read(first)
	if err != nil {
		return // a health check
	}
	s.heard.Add(1)
	if _, err := c.Write(first[:n]); err == nil {
		_, _ = io.Copy(c, c)
	}
}

var errNotServed = errors.New("not served")

// bounded keeps a test from waiting for ever.
func bounded(c net.Conn) net.Conn {
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

type shopLine struct {
	c net.Conn
	r *bufio.Reader
}

func enterShop(t *testing.T, r *rig, d dialer) (line, error) {
	c, err := d(t.Context(), r.shopAddr())
	if err != nil {
		return nil, err
	}
	l := shopLine{bounded(c), bufio.NewReader(c)}
	if err := l.again(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l shopLine) close() { _ = l.c.Close() }

func (l shopLine) again() error {
	if _, err := fmt.Fprintf(l.c, "GET /health HTTP/1.1\r\nHost: %s\r\n\r\n", shopHost); err != nil {
		return err
	}
	resp, err := http.ReadResponse(l.r, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %d", errNotServed, resp.StatusCode)
	}
	return nil
}

type rawLine struct{ c net.Conn }

func enterRaw(t *testing.T, r *rig, d dialer) (line, error) {
	c, err := d(t.Context(), r.rawAddr())
	if err != nil {
		return nil, err
	}
	l := rawLine{bounded(c)}
	if err := l.again(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l rawLine) close() { _ = l.c.Close() }

func (l rawLine) again() error {
	const text = "are you there?"
	if _, err := io.WriteString(l.c, text); err != nil {
		return err
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(l.c, got); err != nil {
		return err
	}
	if string(got) != text {
		return fmt.Errorf("%w: %q", errNotServed, got)
	}
	return nil
}

type botLine struct{ s *demo.Session }

var serials atomic.Int64

// enterBots enters with a device of its own, which an operator has approved.
func enterBots(t *testing.T, r *rig, d dialer) (line, error) {
	id := r.enrol("표봇", fmt.Sprintf("%016x", serials.Add(1)), demo.V333)
	p, err := demo.NewPhone(demo.PhoneConfig{Identity: id, Servers: []string{r.botsAddr()}, Source: r.addr(199),
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			c, err := d(ctx, address)
			if err != nil {
				return nil, err
			}
			return bounded(c), nil
		}})
	must(t, err)
	s, err := p.Connect(t.Context())
	if err != nil {
		return nil, err
	}
	if err := s.Open(); err != nil {
		s.Close()
		return nil, err
	}
	l := botLine{s}
	if err := l.again(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l botLine) close()       { l.s.Close() }
func (l botLine) again() error { return talk(l.s, "안녕") }

// claiming dials as the balancer 127.0.0.1 on behalf of the client.
func claiming(t *testing.T, client netip.Addr) dialer {
	return func(_ context.Context, address string) (net.Conn, error) {
		c := claim(t, address, client)
		if c == nil {
			return nil, errNotServed
		}
		return c, nil
	}
}
