package tcpgate_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/brick/parking"
	"haechi/internal/brick/splice"
	"haechi/internal/ingress"
	"haechi/internal/ingress/tcpgate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink keeps events.
type sink chan haechi.Event

func (s sink) Emit(e *haechi.Event) { s <- *e }

// want waits for the next event of the kind.
func (s sink) want(t *testing.T, k haechi.Kind) haechi.Event {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case e := <-s:
			if e.Kind == k {
				return e
			}
		case <-late:
			t.Fatalf("no event of kind %s", k)
		}
	}
}

// sessions keeps how to cut the sessions.
type sessions struct {
	mu   sync.Mutex
	next uint64
	live map[uint64]func(haechi.Verdict)
}

func (s *sessions) Open(_ string, _ haechi.Actor, cut func(haechi.Verdict)) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	s.live[s.next] = cut
	return s.next
}
func (s *sessions) Identify(uint64, haechi.Actor) {}
func (s *sessions) Close(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, id)
}

func (s *sessions) cut(v haechi.Verdict) int {
	s.mu.Lock()
	all := s.live
	s.live = map[uint64]func(haechi.Verdict){}
	s.mu.Unlock()
	for _, cut := range all {
		cut(v)
	}
	return len(all)
}

// judge is an inspector that a test sets.
type judge struct {
	mu    sync.Mutex
	v     haechi.Verdict
	asked []haechi.Request
}

func (j *judge) Inspect(r *haechi.Request, _ time.Time) haechi.Verdict {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked = append(j.asked, *r)
	return j.v
}

func (j *judge) set(v haechi.Verdict) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.v = v
}

func (j *judge) questions() []haechi.Request {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.asked
}

// pacer answers with what a test sets, and counts.
type pacer struct {
	mu      sync.Mutex
	v       haechi.Verdict
	in, out int
}

func (p *pacer) Pace(_ string, _ *haechi.Actor, out bool, size int, _ time.Time) haechi.Verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	if out {
		p.out += size
	} else {
		p.in += size
	}
	return p.v
}

func (p *pacer) set(v haechi.Verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.v = v
}

// server is a server behind that says what it is told; first is what came on each
// connection until the first answer.
type server struct {
	net.Listener
	conns chan net.Conn
	wg    sync.WaitGroup
}

func newServer(t *testing.T, serve func(net.Conn)) *server {
	t.Helper()
	s := &server{Listener: listen(t), conns: make(chan net.Conn, 1000)}
	s.wg.Go(func() {
		for {
			c, err := s.Accept()
			if err != nil {
				return
			}
			s.conns <- c
			s.wg.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		s.Close()
		for len(s.conns) > 0 {
			(<-s.conns).Close()
		}
		s.wg.Wait()
	})
	return s
}

func echo(c net.Conn) { _, _ = io.Copy(c, c) }

func (s *server) addr() string { return s.Addr().String() }

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// rig is a gate with its listener.
type rig struct {
	t        *testing.T
	gate     *tcpgate.Gate
	events   sink
	sessions *sessions
	judge    *judge
	pacer    *pacer
	lot      *parking.Lot
	pipes    *splice.Pool
	front    net.Listener
	suspects chan string
}

// setting changes how a rig is built.
type setting func(*tcpgate.Config, *tcpgate.Deps)

func newRig(t *testing.T, cfg tcpgate.Config, more ...setting) *rig {
	t.Helper()
	r := &rig{t: t, events: make(sink, 10_000), sessions: &sessions{live: map[uint64]func(haechi.Verdict){}}, judge: &judge{}, pacer: &pacer{},
		pipes: splice.New(16), front: listen(t), suspects: make(chan string, 100)}
	var err error
	if r.lot, err = parking.New(parking.Config{Tick: 10 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	cfg.Service = "git"
	deps := tcpgate.Deps{Inspector: r.judge, Pacer: r.pacer, Sink: r.events, Sessions: r.sessions, Lot: r.lot, Pipes: r.pipes,
		Suspect: func(a string) { r.suspects <- a },
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}}
	for _, change := range more {
		change(&cfg, &deps)
	}
	if r.gate, err = tcpgate.New(cfg, deps); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { r.accept(&wg) })
	t.Cleanup(func() {
		r.front.Close()
		r.gate.Shutdown()
		wg.Wait()
		r.gate.Wait()
		if err := r.lot.Close(); err != nil {
			t.Error(err)
		}
		if s := r.pipes.Stats(); s.Taken != 0 {
			t.Errorf("pipes are still taken: %+v", s)
		}
		r.pipes.Close()
	})
	return r
}

func (r *rig) accept(wg *sync.WaitGroup) {
	for {
		c, err := r.front.Accept()
		if err != nil {
			return
		}
		peer := c.RemoteAddr().(*net.TCPAddr).AddrPort()
		a := haechi.Actor{Addr: peer.Addr(), Client: netip.PrefixFrom(peer.Addr(), 32), Assurance: haechi.Handshaken}
		wg.Go(func() { r.gate.Serve(ingress.NewConn(c, a, peer.Port(), 5000, nil)) })
	}
}

func (r *rig) dial() *net.TCPConn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.front.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*net.TCPConn)
}

// says sends the text and wants it back.
func says(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		t.Fatalf("%.40q came back as %.40q, %v", text, got, err)
	}
}

// closed wants the connection to be closed without a further byte.
func closed(t *testing.T, c net.Conn, within time.Duration) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(within))
	b, err := io.ReadAll(c)
	if os.IsTimeout(err) || len(b) > 0 {
		t.Fatalf("not closed within %s: %q, %v", within, b, err)
	}
}

func (r *rig) counter(name string) uint64 {
	for _, c := range r.gate.Stats() {
		if c.Name == "tcp/git/"+name {
			return c.Value
		}
	}
	r.t.Fatalf("no counter %s", name)
	return 0
}

// eventually polls until it holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited for %s", what)
		}
	}
}

func selfSigned(t *testing.T, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: names}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// tlsServer is a server behind that speaks TLS and answers with its own name.
func tlsServer(t *testing.T, name string) *server {
	cert := selfSigned(t, name)
	return newServer(t, func(c net.Conn) {
		s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
		if s.Handshake() == nil {
			echo(s)
		}
	})
}

// hello is a client hello that asks for the name.
func hello(name string) []byte {
	var b bytes.Buffer
	c := tls.Client(wire{&b}, &tls.Config{ServerName: name, InsecureSkipVerify: true})
	_ = c.Handshake() // it hears nothing
	return b.Bytes()
}

// wire keeps what is written and has nothing to read.
type wire struct{ b *bytes.Buffer }

func (w wire) Read([]byte) (int, error)         { return 0, io.EOF }
func (w wire) Write(p []byte) (int, error)      { return w.b.Write(p) }
func (w wire) Close() error                     { return nil }
func (w wire) LocalAddr() net.Addr              { return nil }
func (w wire) RemoteAddr() net.Addr             { return nil }
func (w wire) SetDeadline(time.Time) error      { return nil }
func (w wire) SetReadDeadline(time.Time) error  { return nil }
func (w wire) SetWriteDeadline(time.Time) error { return nil }
