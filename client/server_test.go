package client_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"haechi"
	"haechi/client"
	"haechi/internal/brick/framesign"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret = "example-secret-one-do-not-use"
	salt   = "example-salt"
	nonce  = "00112233445566778899aabbccddeeff"
)

func sensor() client.SignedLines {
	return client.SignedLines{Device: "sensor-1", Key: haechi.Key{ID: "k1", Secret: haechi.Secret(secret)}}
}

func phone(bind bool) client.Messengerbot {
	return client.Messengerbot{Bot: "LOA.i", DeviceID: "0123456789abcdef", Bind: bind,
		Key: haechi.Key{ID: "k1", Secret: haechi.Secret(secret), Salt: haechi.Secret(salt)}}
}

// plug is a network of pipes: every dial is handed to the test.
type plug struct {
	conns chan net.Conn
	dials atomic.Int64
	down  atomic.Bool
	last  atomic.Value // the address dialled last
}

func newPlug() *plug { return &plug{conns: make(chan net.Conn, 1000)} }

func (p *plug) dial(_ context.Context, _, address string) (net.Conn, error) {
	p.dials.Add(1)
	p.last.Store(address)
	if p.down.Load() {
		return nil, errors.New("refused")
	}
	near, far := net.Pipe()
	p.conns <- far
	return near, nil
}

// start runs a client on the plug until the test ends.
func start(t *testing.T, p *plug, cfg client.Config) (c *client.Client, stop func()) {
	t.Helper()
	cfg.Dial = p.dial
	if cfg.Servers == nil {
		cfg.Servers = []string{"gate:1"}
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return c, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// peer is the gateway's side of one connection.
type peer struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	read *framesign.Reader
	mac  *framesign.MAC
	seq  uint64 // of the proof
}

func accept(t *testing.T, p *plug, layout framesign.Layout) *peer {
	t.Helper()
	r, err := framesign.NewReader(layout)
	if err != nil {
		t.Fatal(err)
	}
	c := <-p.conns
	return &peer{t, c, bufio.NewReader(c), r, framesign.NewMAC([]byte(secret)), 0}
}

func (p *peer) line() string {
	p.t.Helper()
	s, err := p.in.ReadString('\n')
	if err != nil {
		p.t.Fatalf("read: %v after %q", err, s)
	}
	return strings.TrimSuffix(s, "\n")
}

// frame reads a line whose signature must be right and whose event this one.
func (p *peer) frame(event string) *framesign.Frame {
	p.t.Helper()
	b := []byte(p.line())
	f, fault := p.read.Read(b)
	if fault == framesign.OK {
		fault = p.mac.Verify(&f.Text, b, f.At)
	}
	if fault != framesign.OK || string(f.Event) != event {
		p.t.Fatalf("%s: %v, want %s", b, fault, event)
	}
	return f
}

func (p *peer) say(line string) {
	p.t.Helper()
	if _, err := p.conn.Write([]byte(line + "\n")); err != nil {
		p.t.Fatal(err)
	}
}

// open shakes hands as the gateway does with signed-lines.
func (p *peer) open() {
	p.t.Helper()
	p.frame("hello")
	p.challenge()
}

func (p *peer) challenge() *framesign.Frame {
	p.t.Helper()
	p.say(`{"v":1,"dir":"down","event":"challenge","nonce":"` + nonce + `"}`)
	f := p.frame("proof")
	p.seq = f.Seq
	if string(f.Body) != `{"nonce":"`+nonce+`"}` {
		p.t.Fatalf("the proof says %s", f.Body)
	}
	return f
}

// signed is a frame of the server's.
func (p *peer) signed(l framesign.Line, secret string) string {
	p.t.Helper()
	b := framesign.AppendLine(nil, &l)
	f, fault := p.read.Read(b)
	if fault == framesign.OK {
		fault = framesign.NewMAC([]byte(secret)).Sign(&f.Text, b, f.At)
	}
	if fault != framesign.OK {
		p.t.Fatal(fault)
	}
	return string(b)
}
