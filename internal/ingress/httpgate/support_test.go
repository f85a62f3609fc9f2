package httpgate_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/brick/parking"
	"haechi/internal/ingress"
	"haechi/internal/ingress/httpgate"
)

// resolved is a listener whose connections have a known client.
type resolved struct {
	net.Listener
	open *atomic.Int64 // connections
}

func (l resolved) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	ap := c.RemoteAddr().(*net.TCPAddr).AddrPort()
	a := haechi.Actor{Addr: clientkey.Addr(ap.Addr()), Client: clientkey.Of(ap.Addr(), 0), Assurance: haechi.Handshaken}
	l.open.Add(1)
	return ingress.NewConn(&accepted{TCPConn: c.(*net.TCPConn), open: l.open}, a, ap.Port(), uint16(l.Addr().(*net.TCPAddr).Port), nil), nil
}

// accepted is a connection whose end is counted once, as the real listener's is.
type accepted struct {
	*net.TCPConn
	open   *atomic.Int64
	closed atomic.Bool
}

func (c *accepted) Bare() net.Conn   { return c.TCPConn }
func (c *accepted) Socket() net.Conn { return c.TCPConn }

func (c *accepted) Detach() (ingress.Bare, bool) {
	fd, err := parking.Detach(c.TCPConn)
	if err != nil || c.closed.Swap(true) {
		return ingress.Bare{}, false
	}
	return ingress.Bare{FD: fd, From: c}, true
}

func (c *accepted) Gone() { c.open.Add(-1) }

func (c *accepted) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	c.open.Add(-1)
	return c.TCPConn.Close()
}

// house plays the rest of the house.
type house struct {
	events chan haechi.Event

	mu       sync.Mutex
	verdict  func(r *haechi.Request) haechi.Verdict
	asked    int
	spent    time.Duration
	sessions map[uint64]session
	last     uint64
	proxies  []string // trusted ones beside 127.0.0.8
	bodies   bodies
	answers  answerJudge
	pacer    pacer
}

type session struct {
	service string
	actor   haechi.Actor
	cut     func(haechi.Verdict)
}

func newHouse() *house {
	return &house{events: make(chan haechi.Event, 4096), sessions: make(map[uint64]session)}
}

func (h *house) Emit(e *haechi.Event) { h.events <- *e }

func (h *house) Inspect(r *haechi.Request, _ time.Time) haechi.Verdict {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	if h.verdict == nil {
		return haechi.Verdict{}
	}
	return h.verdict(r)
}

func (h *house) Open(service string, a haechi.Actor, cut func(haechi.Verdict)) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	h.sessions[h.last] = session{service, a, cut}
	return h.last
}

func (h *house) Identify(uint64, haechi.Actor) {}

func (h *house) Close(id uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sessions, id)
}

// cut cuts every session of the address and returns how many there were.
func (h *house) cut(addr string, v haechi.Verdict) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, s := range h.sessions {
		if s.actor.Addr.String() == addr {
			s.cut(v) // under the lock, as an enforcer may
			n++
		}
	}
	return n
}

func (h *house) live() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sessions)
}

// Trusted and Client believe 127.0.0.8, and of it the last entry.
func (h *house) Trusted(a netip.Addr) bool {
	return a.String() == "127.0.0.8" || slices.Contains(h.proxies, a.String())
}

func (h *house) Client(peer netip.Addr, xff []string) netip.Addr {
	if len(xff) == 0 {
		return peer
	}
	entries := strings.Split(xff[len(xff)-1], ",")
	addr, err := netip.ParseAddr(strings.TrimSpace(entries[len(entries)-1]))
	if err != nil {
		return peer
	}
	return addr
}

func (h *house) next(t *testing.T) haechi.Event {
	t.Helper()
	select {
	case e := <-h.events:
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("no event")
		return haechi.Event{}
	}
}

func (h *house) judge(f func(*haechi.Request) haechi.Verdict) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.verdict = f
}

// rig is a running gate.
type rig struct {
	*house
	t    *testing.T
	gate *httpgate.Gate
	addr string
	open atomic.Int64 // connections, by the listener's count
}

func start(t *testing.T, cfg httpgate.Config, upstream http.Handler) *rig {
	t.Helper()
	return startAt(t, cfg, upstream, time.Now)
}

// startAt is start by another clock.
func startAt(t *testing.T, cfg httpgate.Config, upstream http.Handler, now func() time.Time) *rig {
	t.Helper()
	up := httptest.NewServer(upstream)
	t.Cleanup(up.Close)
	if len(cfg.Sites) == 0 {
		cfg.Sites = []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}}}
	}
	for i := range cfg.Sites {
		if cfg.Sites[i].Upstream == "" {
			cfg.Sites[i].Upstream = up.URL
		}
	}
	h := newHouse()
	g, err := httpgate.New(cfg, httpgate.Deps{Inspector: h, Bodies: &h.bodies, Answers: &h.answers, Sink: h, Sessions: h, Clients: h, Costs: h, Pacer: &h.pacer, Now: now, Loops: loops(t),
		Allowed: func(a netip.Addr) bool { return a.String() == "203.0.113.200" }})
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv(wayVariable) == "net/http" {
		g.OnlyNetHTTP()
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{house: h, t: t, gate: g, addr: ln.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx, resolved{ln, &r.open}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		stop, done := context.WithTimeout(context.Background(), 5*time.Second)
		defer done()
		if err := g.Shutdown(stop); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		// What was asked on a connection of the gate before this one ends with that gate.
		for until := time.Now().Add(10 * time.Second); h.live() != 0 && time.Now().Before(until); {
			<-time.After(time.Millisecond)
		}
		if n := r.open.Load(); n != 0 {
			t.Errorf("%d connections are counted as open", n)
		}
		if n := h.live(); n != 0 {
			t.Errorf("%d sessions were left open", n)
		}
	})
	return r
}

// client makes requests from the given address of this machine.
func (r *rig) client(from string) *http.Client {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	tr := &http.Transport{DialContext: d.DialContext, DisableCompression: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}, ForceAttemptHTTP2: true}
	r.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

type answer struct {
	*http.Response
	text string
}

// do sends a request with the headers given as name, value pairs.
func (r *rig) do(from, method, url string, body io.Reader, headers ...string) answer {
	r.t.Helper()
	return r.doBy(r.client(from), method, url, body, headers...)
}

// doBy is do by a client that keeps its connections.
func (r *rig) doBy(c *http.Client, method, url string, body io.Reader, headers ...string) answer {
	r.t.Helper()
	scheme := "http://"
	if strings.HasPrefix(url, "https:") {
		scheme, url = "https://", strings.TrimPrefix(url, "https:")
	}
	host, path, _ := strings.Cut(url, "/")
	req, err := http.NewRequest(method, scheme+r.addr+"/"+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Host = host
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header[headers[i]] = append(req.Header[headers[i]], headers[i+1])
	}
	res, err := c.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{res, string(text)}
}

func (r *rig) get(url string, headers ...string) answer {
	r.t.Helper()
	return r.do("127.0.0.2", "GET", url, nil, headers...)
}

// raw opens a connection of its own.
func (r *rig) raw(from, text string) (net.Conn, *bufio.Reader) {
	r.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	c, err := d.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		r.t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

// ended asserts that the connection ends, and not by our own deadline.
func ended(t *testing.T, br *bufio.Reader) {
	t.Helper()
	_, err := io.Copy(io.Discard, br)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Fatal("the connection is still open")
	}
}

// refused asserts that an answer is a refusal whose event has its reference.
func (r *rig) refused(a answer, status int, reason haechi.Reason) haechi.Event {
	r.t.Helper()
	e := r.next(r.t)
	ref := a.Header.Get(httpgate.RefHeader)
	if a.StatusCode != status || ref == "" || !strings.Contains(a.text, ref) || !strings.Contains(a.text, "거절됨") {
		r.t.Errorf("answer %d, %v, %q", a.StatusCode, a.Header, a.text)
	}
	if string(e.Ref) != ref || e.Reason != reason || e.Status != status || e.Rule == "" || e.Outcome == haechi.Success {
		r.t.Errorf("reference %q, event %+v", ref, e)
	}
	if _, err := haechi.ParseReference(ref); err != nil {
		r.t.Error(err)
	}
	return e
}

// echo answers with the request it got.
func echo() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Haechi-Ref", "FORGE-DBYUP")
		w.Header().Set("X-Saw-Host", r.Host)
		for name, values := range r.Header {
			for _, v := range values {
				io.WriteString(w, name+": "+v+"\n")
			}
		}
		w.Write(body)
	})
}

// ask sends a request of a client that keeps its connection.
func (r *rig) ask(t *testing.T, c *http.Client, name, value string) {
	t.Helper()
	req, err := http.NewRequest("GET", "http://"+r.addr+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "shop.test"
	req.Header.Set(name, value)
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	r.next(t)
}
