package h3_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"haechi"
	"haechi/internal/ingress/h3"
)

// move lets the client's connection go on from another socket.
func (c *client) move(to string) {
	c.t.Helper()
	s := socket(c.t, to)
	tr := &quic.Transport{Conn: s}
	c.t.Cleanup(func() {
		_ = tr.Close()
		_ = s.Close()
	})
	path, err := c.conn.AddPath(tr)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := path.Probe(ctx); err != nil {
		c.t.Fatal(err)
	}
	if err := path.Switch(); err != nil {
		c.t.Fatal(err)
	}
}

// TestMigration: a connection stays with the address that was judged.
func TestMigration(t *testing.T) {
	t.Parallel()
	r := start(t, h3.Config{}, hello)
	c := r.connect("127.0.0.7")
	c.get("/")
	c.move("127.0.0.7") // another port, as a router may give it
	for range 3 {
		if status, _ := c.get("/"); status != 200 {
			t.Errorf("after a new port: %d", status)
		}
	}
	if n := r.counter("quic_moved"); n != 0 {
		t.Errorf("%d moved", n)
	}
	c.move("127.0.0.8")
	for range 100 { // the first packets may still be judged by the old address
		res, err := c.request("GET", "/", nil)
		if err != nil {
			break
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	if err := c.over(); !closedBy(err, http3.ErrCodeNoError) || r.counter("quic_moved") != 1 {
		t.Errorf("ended by %v, %d moved", err, r.counter("quic_moved"))
	}
}

// TestADownloadDoesNotMove: what is under way ends too.
func TestADownloadDoesNotMove(t *testing.T) {
	t.Parallel()
	r := start(t, h3.Config{}, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1000)); err != nil {
				return
			}
			if http.NewResponseController(w).Flush() != nil {
				return
			}
		}
	})
	c := r.connect("127.0.0.7")
	res, err := c.request("GET", "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	go func() { _, _ = io.Copy(io.Discard, res.Body) }()
	c.move("127.0.0.8")
	if err := c.over(); !closedBy(err, http3.ErrCodeNoError) {
		t.Errorf("ended by %v", err)
	}
}

// TestTheSocketOutlivesItsListeners: a reload takes over new connections, the old ones go
// on, and the socket closes with the last of them.
func TestTheSocketOutlivesItsListeners(t *testing.T) {
	t.Parallel()
	r := start(t, h3.Config{}, hello)
	old := r.connect("127.0.0.7")
	old.get("/")
	conf := h3.Config{Addr: r.addr, Door: &door{}, TLS: &tls.Config{Certificates: []tls.Certificate{certificate(t)}}}
	next := r.listen(conf, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "next") })
	if err := r.ln.Close(); err != nil {
		t.Fatal(err)
	}
	if _, text := old.get("/"); text != "hello" {
		t.Errorf("the old connection got %q", text)
	}
	if _, text := r.connect("127.0.0.7").get("/"); text != "next" {
		t.Errorf("a new connection got %q", text)
	}
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.dial("127.0.0.7"); !refusedByServer(err) {
		t.Errorf("nobody listens, and a dial got %v", err)
	}
	if err := old.over(); !closedBy(err, http3.ErrCodeNoError) {
		t.Errorf("nobody listens, and the old connection ended by %v", err)
	}
	// Another one at once: the socket is the same, or a new one behind it.
	again := r.listen(conf, hello)
	if _, text := r.connect("127.0.0.7").get("/"); text != "hello" {
		t.Errorf("got %q", text)
	}
	_ = again.Close()
	until(t, func() bool { return r.door.releasedAll() })
	if err := r.pool.Close(); err != nil {
		t.Error(err)
	}
	if s, err := net.ListenPacket("udp", r.addr); err != nil {
		t.Errorf("the socket was left open: %v", err)
	} else {
		_ = s.Close()
	}
}

func (d *door) releasedAll() bool {
	asked, released := d.state()
	return asked == released
}

func TestTheSocketClosesByItself(t *testing.T) {
	t.Parallel()
	r := start(t, h3.Config{}, hello)
	c := r.connect("127.0.0.7")
	c.get("/")
	_ = r.ln.Close()
	if _, err := r.ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v", err)
	}
	_ = c.over()
	until(t, func() bool { return len(r.pool.Addrs()) == 0 })
	until(t, func() bool {
		s, err := net.ListenPacket("udp", r.addr)
		if err == nil {
			_ = s.Close()
		}
		return err == nil
	})
}

// TestDrain: what is under way is answered, what comes meanwhile is refused unseen, and
// the end waits for both.
func TestDrain(t *testing.T) {
	t.Parallel()
	began, release := make(chan struct{}), make(chan struct{})
	r := start(t, h3.Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/slow" {
			return
		}
		close(began)
		<-release
		_, _ = w.Write(make([]byte, 300_000))
	})
	c := r.connect("127.0.0.7")
	in := wait(t, r.conns)
	answered := make(chan int, 1)
	go func() {
		res, err := c.request("GET", "/slow", nil)
		if err != nil {
			answered <- -1
			return
		}
		n, _ := io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		answered <- int(n)
	}()
	<-began
	in.Conn.(*h3.Conn).Drain()
	var e *http3.Error
	if _, err := c.request("GET", "/", nil); !errors.As(err, &e) || e.ErrorCode != http3.ErrCodeRequestRejected {
		t.Errorf("a request while draining got %v", err)
	}
	close(release)
	if n := wait(t, answered); n != 300_000 {
		t.Errorf("%d bytes arrived", n)
	}
	if err := c.over(); !closedBy(err, http3.ErrCodeNoError) {
		t.Errorf("ended by %v", err)
	}
}

// TestNothingEarly: no 0-RTT, no datagrams.
func TestNothingEarly(t *testing.T) {
	t.Parallel()
	r := start(t, h3.Config{}, hello)
	conf := clientTLS()
	conf.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	for i := range 2 {
		tr := &quic.Transport{Conn: socket(t, "127.0.0.7")}
		q, err := tr.DialEarly(t.Context(), r.ln.Addr(), conf, &quic.Config{EnableDatagrams: true})
		if err != nil {
			t.Fatal(err)
		}
		c := &client{t: t, conn: q, http: (&http3.Transport{}).NewClientConn(q)}
		c.get("/")
		s := q.ConnectionState()
		if s.Used0RTT || s.SupportsDatagrams.Remote || s.TLS.DidResume != (i == 1) {
			t.Errorf("%d: %+v", i, s)
		}
		_ = q.CloseWithError(0x100, "")
		_ = tr.Close()
		_ = tr.Conn.Close()
	}
}

func TestListenErrors(t *testing.T) {
	t.Parallel()
	r := start(t, h3.Config{}, hello)
	other := h3.NewPool(nil)
	_, err := other.Listen(h3.Config{Addr: r.addr, Door: r.door, TLS: &tls.Config{}})
	var e *haechi.Error
	if !errors.As(err, &e) || e.Kind != haechi.Conflict || e.Hint == "" {
		t.Errorf("a taken address: %v", err)
	}
	if _, err := other.Listen(h3.Config{Addr: r.addr}); !errors.As(err, &e) || e.Kind != haechi.Invalid {
		t.Errorf("without a door: %v", err)
	}
	_, _ = other.Listen(h3.Config{Addr: "192.0.2.1:0", Door: r.door, TLS: &tls.Config{}})
	if err := other.Close(); err != nil {
		t.Error(err)
	}
}
