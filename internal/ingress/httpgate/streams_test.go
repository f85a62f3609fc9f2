package httpgate_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/ingress"
	"haechi/internal/ingress/httpgate"
)

// talking is a connection of HTTP/3 without the protocol: a test asks on it directly.
type talking struct {
	net.Conn
	once  sync.Once
	ready chan struct{}
	over  chan struct{}

	h       http.Handler
	base    func(context.Context) context.Context
	trouble func(haechi.Reason, string) string
	drained bool
	sent    int64
	mu      sync.Mutex
}

func newTalking() *talking { return &talking{ready: make(chan struct{}), over: make(chan struct{})} }

func (s *talking) Close() error {
	s.once.Do(func() { close(s.over) })
	return nil
}

func (s *talking) ConnectionState() tls.ConnectionState {
	return tls.ConnectionState{Version: tls.VersionTLS13, NegotiatedProtocol: "h3"}
}

func (s *talking) Moved() (in, out int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return 7, s.sent
}

func (s *talking) Serve(h http.Handler, base func(context.Context) context.Context, trouble func(haechi.Reason, string) string) {
	s.h, s.base, s.trouble = h, base, trouble
	close(s.ready)
	<-s.over
}

func (s *talking) Drain() {
	s.mu.Lock()
	s.drained = true
	s.mu.Unlock()
	_ = s.Close()
}

// ask asks over it.
func (s *talking) ask(path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "https://shop.test"+path, nil)
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/3.0", 3, 0
	r = r.WithContext(s.base(r.Context()))
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	return w
}

// streamListener gives out what a test puts into it.
type streamListener struct {
	ch   chan net.Conn
	done chan struct{}
	once sync.Once
}

func (l *streamListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ch:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *streamListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *streamListener) Addr() net.Addr { return &net.UDPAddr{} }

// quic lets the gate serve connections of HTTP/3, and returns how to make one.
func (r *rig) quic() func(from string) *talking {
	ln := &streamListener{ch: make(chan net.Conn), done: make(chan struct{})}
	served := make(chan error, 1)
	go func() { served <- r.gate.ServeStreams(r.t.Context(), ln) }()
	r.t.Cleanup(func() {
		_ = ln.Close()
		if err := <-served; err != nil {
			r.t.Errorf("serve: %v", err)
		}
	})
	return func(from string) *talking {
		addr := netip.MustParseAddr(from)
		s := newTalking()
		a := haechi.Actor{Addr: addr, Client: clientkey.Of(addr, 0), Assurance: haechi.Handshaken, Fingerprint: "q13d"}
		ln.ch <- ingress.NewConn(s, a, 4433, 443, nil)
		<-s.ready
		return s
	}
}

func TestRequestsOfHTTP3(t *testing.T) {
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, Protection: &httpgate.Protection{AltSvc: `h3=":443"; ma=86400`}}}}, echo())
	s := r.quic()("192.0.2.7")
	if w := s.ask("/x"); w.Code != 200 || w.Header().Get("Alt-Svc") != `h3=":443"; ma=86400` {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if e := r.next(t); e.Kind != haechi.KindRequest || e.Addr.String() != "192.0.2.7" || e.Fingerprint != "q13d" || !e.TLS || e.Port != 4433 || e.LocalPort != 443 || e.Session == 0 {
		t.Errorf("told %+v", e)
	}
	r.judge(func(*haechi.Request) haechi.Verdict {
		return haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonDecision, Rule: "test", Ref: "AAAAA-BBBBB"}
	})
	if w := s.ask("/"); w.Code != 403 || w.Header().Get(httpgate.RefHeader) != "AAAAA-BBBBB" {
		t.Errorf("a denied client got %d %v", w.Code, w.Header())
	}
	r.next(t)
	if n := r.cut("192.0.2.7", haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonDecision}); n != 1 {
		t.Errorf("%d sessions", n)
	}
	<-s.over
}

// TestTroubleOfHTTP3: each sort is told, and a flood of them ends the connection, but not
// that of a proxy.
func TestTroubleOfHTTP3(t *testing.T) {
	now := time.Unix(1_800_000_000, 0) // and it stays
	r := startAt(t, httpgate.Config{}, echo(), func() time.Time { return now })
	open := r.quic()
	s := open("192.0.2.7")
	for _, v := range []struct {
		reason haechi.Reason
		kind   haechi.Kind
		rule   string
		text   string
	}{
		{haechi.ReasonMalformed, haechi.KindRequest, httpgate.RuleH3, "HTTP/3 error H3_FRAME_ERROR"},
		{haechi.ReasonOversize, haechi.KindRequest, httpgate.RuleHeader, ""},
		{haechi.ReasonTimeout, haechi.KindClose, "", ""},
	} {
		if end := s.trouble(v.reason, "H3_FRAME_ERROR"); end != "" {
			t.Errorf("%s ended the connection", v.reason)
		}
		if e := r.next(t); e.Kind != v.kind || e.Reason != v.reason || e.Rule != v.rule || e.Text != v.text || e.BytesIn != 7 || v.rule != "" && e.Ref == "" {
			t.Errorf("told %+v", e)
		}
	}
	end, n := "", 3
	for ; end == "" && n < 1000; n++ {
		end = s.trouble(haechi.ReasonPeerClosed, "")
	}
	if e := r.next(t); n != 501 || e.Rule != httpgate.RuleStreams || string(e.Ref) != end || e.Reason != haechi.ReasonFlood {
		t.Errorf("ended by %q after %d: %+v", end, n, e)
	}
	proxy := open("127.0.0.8")
	for range 1000 {
		if proxy.trouble(haechi.ReasonPeerClosed, "") != "" {
			t.Fatal("a proxy was cut")
		}
	}
	if r.counter("http3_errors") != 1 || r.counter("http3_cut") != 1 || r.counter("http_unreadable") != 1 {
		t.Error("miscounted")
	}
}

// TestShutdownOfHTTP3 drains, and then cuts.
func TestShutdownOfHTTP3(t *testing.T) {
	r := start(t, httpgate.Config{}, echo())
	s := r.quic()("192.0.2.7")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := r.gate.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	<-s.over
	if s.mu.Lock(); !s.drained {
		t.Error("it was not drained")
	}
	s.mu.Unlock()
}

// TestOnlyStreamsAreTaken: what cannot be spoken on is closed and counted.
func TestOnlyStreamsAreTaken(t *testing.T) {
	r := start(t, httpgate.Config{}, echo())
	ln := &streamListener{ch: make(chan net.Conn), done: make(chan struct{})}
	served := make(chan error, 1)
	go func() { served <- r.gate.ServeStreams(t.Context(), ln) }()
	ours, theirs := net.Pipe()
	ln.ch <- ingress.NewConn(theirs, haechi.Actor{}, 1, 2, nil)
	if _, err := ours.Read(make([]byte, 1)); err == nil {
		t.Error("it was served")
	}
	_ = ln.Close()
	if err := <-served; err != nil || r.counter("http_unresolved_connections") != 1 {
		t.Error(err)
	}
}
