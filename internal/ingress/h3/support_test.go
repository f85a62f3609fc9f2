package h3_test

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/ingress"
	"haechi/internal/ingress/h3"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"shop.test"}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// door lets in whom it is told to, and remembers who was asked about.
type door struct {
	mu             sync.Mutex
	doubts, denies bool
	asked          []netip.AddrPort
	released       int
	allowed        bool
}

func (d *door) Doubtful(netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.doubts
}

func (d *door) Admit(peer netip.AddrPort, _ uint16) (haechi.Actor, func(), bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, peer)
	a := haechi.Actor{Addr: peer.Addr(), Client: clientkey.Of(peer.Addr(), 0), Assurance: haechi.Handshaken, Allowed: d.allowed}
	return a, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.released++
	}, !d.denies
}

func (d *door) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *door) state() (asked, released int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.asked), d.released
}

// trouble is what a connection told of.
type trouble struct {
	reason haechi.Reason
	text   string
}

// rig is a listener whose connections are served.
type rig struct {
	t       *testing.T
	door    *door
	pool    *h3.Pool
	ln      *h3.Listener
	addr    string
	conns   chan *ingress.Conn
	ended   chan struct{} // a value for each connection that has
	trouble chan trouble
	last    string // what trouble answers
	hellos  chan haechi.Assurance
	onHello atomic.Pointer[func()]
}

func start(t *testing.T, cfg h3.Config, h http.HandlerFunc) *rig {
	t.Helper()
	r := &rig{t: t, door: &door{}, pool: h3.NewPool(nil), conns: make(chan *ingress.Conn, 64), ended: make(chan struct{}, 64), trouble: make(chan trouble, 4096), hellos: make(chan haechi.Assurance, 64)}
	cfg.Addr, cfg.Door = cmp.Or(cfg.Addr, "127.0.0.1:0"), r.door
	cert := certificate(t)
	cfg.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}, GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		of := ingress.HelloOf(hello.Context())
		of.Fingerprint = "a fingerprint"
		r.hellos <- of.Actor.Assurance
		if f := r.onHello.Load(); f != nil {
			(*f)()
		}
		return nil, nil
	}}
	r.ln = r.listen(cfg, h)
	r.addr = r.ln.Addr().String()
	t.Cleanup(func() {
		if err := r.pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// listen serves one more listener.
func (r *rig) listen(cfg h3.Config, h http.HandlerFunc) *h3.Listener {
	r.t.Helper()
	ln, err := r.pool.Listen(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			in := c.(*ingress.Conn)
			r.conns <- in
			go func() {
				in.Conn.(*h3.Conn).Serve(h, func(ctx context.Context) context.Context { return ctx }, func(reason haechi.Reason, text string) string {
					r.trouble <- trouble{reason, text}
					return r.last
				})
				_ = in.Close()
				r.ended <- struct{}{}
			}()
		}
	}()
	return ln
}

// client is one end of QUIC at an address of this machine.
type client struct {
	t         *testing.T
	socket    net.PacketConn
	transport *quic.Transport
	conn      *quic.Conn
	http      *http3.ClientConn
}

// socket opens a UDP socket at the address.
func socket(t *testing.T, from string) *net.UDPConn {
	t.Helper()
	s, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func clientTLS() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, ServerName: "shop.test", NextProtos: []string{"h3"}}
}

// dial connects from an address, or says why not.
func (r *rig) dial(from string) (*client, error) {
	r.t.Helper()
	c := &client{t: r.t, socket: socket(r.t, from)}
	c.transport = &quic.Transport{Conn: c.socket}
	r.t.Cleanup(func() {
		_ = c.transport.Close()
		_ = c.socket.Close()
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	to, err := net.ResolveUDPAddr("udp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	if to.IP.IsUnspecified() {
		to.IP = net.ParseIP(from)
	}
	if c.conn, err = c.transport.Dial(ctx, to, clientTLS(), &quic.Config{EnableDatagrams: true}); err != nil {
		return nil, err
	}
	return c, nil
}

// connect is dial and HTTP/3.
func (r *rig) connect(from string) *client {
	r.t.Helper()
	c, err := r.dial(from)
	if err != nil {
		r.t.Fatal(err)
	}
	c.http = (&http3.Transport{DisableCompression: true}).NewClientConn(c.conn)
	return c
}

func (c *client) request(method, path string, body io.Reader, headers ...string) (*http.Response, error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	c.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, "https://shop.test"+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return c.http.RoundTrip(req)
}

// get asks and reads the answer.
func (c *client) get(path string) (status int, text string) {
	c.t.Helper()
	res, err := c.request("GET", path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// over waits until the connection has ended, and says by what.
func (c *client) over() error {
	c.t.Helper()
	select {
	case <-c.conn.Context().Done():
		return context.Cause(c.conn.Context())
	case <-time.After(patience):
		c.t.Fatal("the connection is still open")
		return nil
	}
}

// wait takes what comes next.
func wait[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func (r *rig) counter(name string) uint64 {
	r.t.Helper()
	for _, c := range r.ln.Counters() {
		if c.Name == name {
			return c.Value
		}
	}
	r.t.Fatalf("no counter %s", name)
	return 0
}

// closedBy reports whether an error is the end of a connection with that code.
func closedBy(err error, code http3.ErrCode) bool {
	var app *quic.ApplicationError
	return errors.As(err, &app) && app.Remote && http3.ErrCode(app.ErrorCode) == code
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }
