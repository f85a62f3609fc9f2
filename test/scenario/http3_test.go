package scenario_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"haechi"
	"haechi/test/gateway"
)

var nonces = regexp.MustCompile(`nonce-[^']+`)

// like is a header without what is another one each time.
func like(h http.Header) http.Header {
	out := maps.Clone(h)
	for _, name := range []string{"Date", "X-Haechi-Ref"} {
		out.Del(name)
	}
	for name, values := range out {
		out[name] = []string{nonces.ReplaceAllString(strings.Join(values, "|"), "nonce")}
	}
	return out
}

// TestHTTP3IsLikeHTTP2: the same answers, headers and events; over TCP the header says
// where HTTP/3 is spoken.
func TestHTTP3IsLikeHTTP2(t *testing.T) {
	t.Parallel()
	q := runQUIC(t, "headers: { csp: { policy: \"default-src 'self' 'nonce-{nonce}'\", mode: enforce } }\nlimits: { body: 100KiB }")
	fast := q.guest(t, 20)
	for _, path := range []string{"/page", "/", "/%00"} {
		h1, h2, h3 := q.overTCP(t, 20, false).get(path), q.overTCP(t, 20, true).get(path), fast.get(path)
		if h2.ProtoMajor != 2 || h3.ProtoMajor != 3 || h2.StatusCode != h3.StatusCode || !reflect.DeepEqual(like(h2.Header), like(h3.Header)) {
			t.Errorf("%s: HTTP/2 %d %v\nHTTP/3 %d %v", path, h2.StatusCode, h2.Header, h3.StatusCode, h3.Header)
		}
		if want := fmt.Sprintf(`h3=":%d"; ma=86400`, portQUIC); h1.Header.Get("Alt-Svc") != want || h2.Header.Get("Alt-Svc") != want || len(h3.Header["Alt-Svc"]) != 1 {
			t.Errorf("%s: Alt-Svc %q, %q", path, h1.Header["Alt-Svc"], h2.Header["Alt-Svc"])
		}
		if path != "/%00" && (h3.Header.Get("X-Client") != q.addr(20).String() || h3.Header.Get("X-Saw") != "GET 0 0") {
			t.Errorf("the server behind saw %q of %q", h3.Header.Get("X-Saw"), h3.Header.Get("X-Client"))
		}
	}
	for name, v := range map[string]struct {
		method, body string
		headers      []string
		status       int
	}{
		"a body":           {"POST", "hello", nil, 200},
		"too much":         {"POST", strings.Repeat("x", 200_000), nil, 413},
		"an unknown host":  {"GET", "", []string{"Host", "other.test"}, 421},
		"another method":   {"TRACE", "", nil, 405},
		"a forged address": {"GET", "", []string{"X-Forwarded-For", "203.0.113.9"}, 200},
	} {
		fast.leave() // some of these end the connection
		p, err := fast.ask(v.method, "/x", v.body, v.headers...)
		if err != nil && v.status != 413 || err == nil && p.StatusCode != v.status {
			t.Errorf("%s: %v, %v", name, p.Response, err)
			continue
		}
		if v.status == 200 && (p.body != v.body || p.Header.Get("X-Client") != q.addr(20).String()) {
			t.Errorf("%s: %q from %q", name, p.body, p.Header.Get("X-Client"))
		}
	}
	eventually(t, "a request with a fingerprint of QUIC", 5*time.Second, func() bool {
		es, err := q.api.Events(t.Context(), haechi.EventFilter{Service: "fast", Limit: 1000})
		must(t, err)
		return slices.ContainsFunc(es, func(e haechi.Event) bool {
			return e.Kind == haechi.KindRequest && strings.HasPrefix(e.Fingerprint, "q13d") && e.TLS && e.Addr == q.addr(20) && e.Status == 200
		})
	})
	if q.counter("http_unresolved_connections") != 0 {
		t.Error("a connection was not taken")
	}
}

// TestHTTP3Decision: a decision cuts at once, and keeps out before a handshake is paid for.
func TestHTTP3Decision(t *testing.T) {
	t.Parallel()
	q := runQUIC(t, "")
	g, other := q.guest(t, 20), q.guest(t, 21)
	g.get("/")
	other.get("/")
	resp, err := g.begin("GET", "/large", "")
	must(t, err)
	q.ok("decisions", "add", "ip:"+q.addr(20).String(), "--reason", "test", "--for", "1h")
	_ = g.over(2 * time.Second)
	_ = resp.Body.Close()
	if err := g.enter(); !refusedQUIC(err) {
		t.Errorf("a new connection: %v", err)
	}
	other.get("/")
	d, _ := q.about("ip:" + q.addr(20).String())
	x := asked[haechi.Explanation](q.rig, "why", q.addr(20).String())
	if len(x.Decisions) != 1 || len(x.Refusals) == 0 || x.Refusals[0].Ref != d.ID {
		t.Errorf("why says %+v", x)
	}
	if q.counter("quic_retries") == 0 {
		t.Error("the denied client did not have to prove its address")
	}
	q.ok("decisions", "lift", string(d.ID), "--reason", "over")
	g.http = nil
	g.get("/")
}

// TestHTTP3Caps: connections count with those over TCP, requests with all others.
func TestHTTP3Caps(t *testing.T) {
	t.Parallel()
	q := newQUIC(t, "limits: { connections: 3, address: 40/s }")
	q.set.bots, q.set.shop = "limits: { connections: 3 }", "limits: { connections: 3 }" // the largest counts
	q.configure(q.set)
	q.start()
	held := []*guest{q.guest(t, 20), q.guest(t, 20)}
	for _, g := range held {
		g.get("/")
	}
	q.overTCP(t, 20, true).get("/") // its connection is kept
	more := q.guest(t, 20)
	if _, err := more.ask("GET", "/", ""); !refusedQUIC(err) {
		t.Errorf("the fourth connection: %v", err)
	}
	q.guest(t, 21).get("/")
	eventually(t, "the refusal to be recorded", 5*time.Second, func() bool {
		es, err := q.api.Events(t.Context(), haechi.EventFilter{Service: "fast", Failures: true, Limit: 100})
		must(t, err)
		for _, e := range es {
			if e.Kind == haechi.KindConnect && e.Reason == haechi.ReasonConnectionLimit && e.Rule == "limit/connections" {
				return true
			}
		}
		return false
	})
	held[0].leave()
	eventually(t, "the place to be given back", 5*time.Second, func() bool { return more.enter() == nil })
	var p page
	for range 5000 {
		if p = held[1].get("/"); p.StatusCode != 200 {
			break
		}
	}
	if e := q.refusedWith(t, p, http.StatusTooManyRequests, haechi.ReasonRateLimit); e.Rule != "limit/address" || !strings.HasPrefix(e.Fingerprint, "q13") {
		t.Errorf("refused with %+v", e)
	}
}

// TestHTTP3NewConnections: so many a second, as over TCP.
func TestHTTP3NewConnections(t *testing.T) {
	t.Parallel()
	q := runQUIC(t, "limits: { new_connections: 6/min }")
	in := 0
	for ; in < 40; in++ {
		g := q.guest(t, 20+in)
		if _, err := g.ask("GET", "/", ""); err != nil {
			break
		}
		g.leave()
	}
	if in < 5 || in > 9 {
		t.Errorf("%d got in", in)
	}
}

// TestHTTP3BadRequests: what the library refuses by itself is recorded, and what comes to
// nothing again and again ends the connection.
func TestHTTP3BadRequests(t *testing.T) {
	t.Parallel()
	q := runQUIC(t, "limits: { header: 4KiB, address: 100000/s }")
	g := q.guest(t, 20)
	g.get("/")
	if p, err := g.ask("GET", "/", "", "X-Large", strings.Repeat("x", 9000)); err != nil || p.StatusCode != 431 {
		t.Errorf("a large header: %v, %v", p.Response, err)
	}
	var e *http3.Error
	if _, err := g.ask("GET", "/", "", "Te", "gzip"); !errors.As(err, &e) || e.ErrorCode != http3.ErrCodeMessageError {
		t.Errorf("a header of HTTP/1: %v", err)
	}
	eventually(t, "both to be counted", 5*time.Second, func() bool { return q.counter("http_unreadable") == 1 && q.counter("http3_errors") == 1 })
	var app *quic.ApplicationError
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for g.conn.Context().Err() == nil {
				_, _ = g.ask("GET", "/", "", "Te", "gzip")
			}
		})
	}
	all.Wait()
	if err := g.over(5 * time.Second); !errors.As(err, &app) || http3.ErrCode(app.ErrorCode) != http3.ErrCodeExcessiveLoad {
		t.Fatalf("ended by %v", err)
	}
	x := asked[haechi.Explanation](q.rig, "why", app.ErrorMessage)
	if len(x.Refusals) == 0 || x.Refusals[0].Rule != "http3/streams" {
		t.Errorf("why %s says %+v", app.ErrorMessage, x)
	}
	if q.counter("http3_cut") != 1 {
		t.Errorf("%d were cut", q.counter("http3_cut"))
	}
}

// TestHTTP3Slow: who does not read and who does not write is cut; who is quick is not.
func TestHTTP3Slow(t *testing.T) {
	t.Parallel()
	q := runQUIC(t, "timeouts: { send: 2s, body: 2s, header: 3s }\nlimits: { min_rate: 64KiB }")
	reader, writer, good := q.guest(t, 20), q.guest(t, 21), q.guest(t, 22)
	resp, err := reader.begin("GET", "/large", "")
	must(t, err)
	defer resp.Body.Close()
	must(t, writer.enter())
	never, end := io.Pipe()
	defer end.Close()
	req, err := http.NewRequest("POST", "https://"+shopHost+"/", never)
	must(t, err)
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		if resp, err := writer.http.RoundTrip(req); err == nil {
			_ = resp.Body.Close()
		}
	})
	eventually(t, "both to be cut", 90*time.Second, func() bool {
		good.get("/")
		es, err := q.api.Events(t.Context(), haechi.EventFilter{Service: "fast", Failures: true, Limit: 1000})
		must(t, err)
		rules := map[string]bool{}
		for _, e := range es {
			rules[e.Rule] = true
		}
		return rules["http/read-rate"] && rules["http/body-rate"]
	})
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("the slow reader got all %d bytes", n)
	}
}

// TestHTTP3BrokenUpstream: an answer that breaks off does not look like a whole one.
func TestHTTP3BrokenUpstream(t *testing.T) {
	t.Parallel()
	q := runQUIC(t, "")
	g := q.guest(t, 20)
	if p, err := g.ask("GET", "/broken", ""); err == nil {
		t.Errorf("answered %d with %d bytes", p.StatusCode, len(p.body))
	}
	g.get("/")
}

// TestHTTP3Reload: the UDP socket stays, and so does who is connected; switched off, the
// socket closes and what is under way is answered.
func TestHTTP3Reload(t *testing.T) {
	t.Parallel()
	q := runQUIC(t, "limits: { address: 5000/s }")
	kept := q.guest(t, 20)
	kept.get("/")
	conn := kept.conn
	var failed, asked atomic.Int64
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i, fresh := range []bool{false, true} {
		g := q.guest(t, 30+i)
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := g.ask("POST", "/", "hello"); err != nil {
					failed.Add(1)
					t.Log(err)
				}
				if asked.Add(1); fresh {
					g.leave()
				}
			}
		})
	}
	for i := range 5 {
		before := asked.Load()
		q.set3("http3: true", fmt.Sprintf("limits: { address: %d/s }", 5001+i))
		q.ok("reload")
		eventually(t, "more requests", 20*time.Second, func() bool { return asked.Load() > before+20 })
		kept.get("/")
	}
	close(stop)
	all.Wait()
	if n := failed.Load(); n != 0 || kept.conn != conn || conn.Context().Err() != nil {
		t.Errorf("%d of %d requests failed", n, asked.Load())
	}
	descriptors := q.descriptors()

	under := make(chan error, 1)
	go func() {
		p, err := kept.ask("GET", "/slow", "")
		if err == nil && len(p.body) != 100_000 {
			err = io.ErrUnexpectedEOF
		}
		under <- err
	}()
	<-q.began
	q.set3("policy: modern", "")
	q.ok("reload")
	if err := q.guest(t, 22).enter(); err == nil {
		t.Error("somebody got in")
	}
	q.finish <- struct{}{}
	if err := <-under; err != nil {
		t.Errorf("what was under way: %v", err)
	}
	_ = kept.over(5 * time.Second)
	eventually(t, "the socket to close", 5*time.Second, func() bool {
		s, err := net.ListenPacket("udp", q.at(1, portQUIC))
		if err == nil {
			_ = s.Close()
		}
		return err == nil
	})
	if alt := q.overTCP(t, 20, true).get("/").Header.Get("Alt-Svc"); alt != `h3=":1"` {
		t.Errorf("Alt-Svc %q", alt)
	}
	q.set3("http3: true", "")
	q.ok("reload")
	q.guest(t, 23).get("/")
	eventually(t, "no more descriptors than before", 10*time.Second, func() bool { return q.descriptors() <= descriptors })
}

// descriptors are those that the gateway has open.
func (r *rig) descriptors() int {
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", r.proc.PID()))
	must(r.t, err)
	return len(list)
}

// TestHTTP3Stop: what is under way is answered.
func TestHTTP3Stop(t *testing.T) {
	t.Parallel()
	q := runQUIC(t, "")
	g := q.guest(t, 20)
	answered := make(chan error, 1)
	go func() {
		p, err := g.ask("GET", "/slow", "")
		if err == nil && len(p.body) != 100_000 {
			err = io.ErrUnexpectedEOF
		}
		answered <- err
	}()
	<-q.began
	q.proc.Signal(syscall.SIGTERM)
	eventually(t, "new connections to be refused", 5*time.Second, func() bool { return q.guest(t, 21).enter() != nil })
	q.finish <- struct{}{}
	if err := <-answered; err != nil {
		t.Errorf("what was under way: %v", err)
	}
	var app *quic.ApplicationError
	if err := g.over(5 * time.Second); !errors.As(err, &app) || http3.ErrCode(app.ErrorCode) != http3.ErrCodeNoError {
		t.Errorf("ended by %v", err)
	}
	q.proc.Wait(gateway.Patient(25 * time.Second))
}

// TestHTTP3ClientCertificates: asked for, judged, told to the server behind, and a
// revocation ends what is open.
func TestHTTP3ClientCertificates(t *testing.T) {
	t.Parallel()
	q, a := newQUIC(t, ""), newOpensslCA(t)
	a.issue("phone")
	q.set3(fmt.Sprintf("http3: true, clients: { ca: %s, crl: %s }", a.path("ca.pem"), a.path("ca.crl")), "")
	q.start()
	bare := q.guest(t, 20)
	p := bare.get("/")
	q.refusedWith(t, p, http.StatusForbidden, haechi.ReasonClientCertMissing)
	if err := bare.over(5 * time.Second); err == nil {
		t.Error("who shows none keeps the connection")
	}
	phone := q.guest(t, 21)
	cert, err := tls.LoadX509KeyPair(a.path("phone.pem"), a.path("phone.key"))
	must(t, err)
	phone.cert = []tls.Certificate{cert}
	if p := phone.get("/"); p.StatusCode != 200 || !strings.HasPrefix(p.Header.Get("X-Shown"), ":MI") {
		t.Errorf("%d, the server behind saw %q", p.StatusCode, p.Header.Get("X-Shown"))
	}
	a.ca("-revoke", a.path("phone.pem"))
	a.list()
	_ = phone.over(30 * time.Second)
	phone.http = nil
	q.refusedWith(t, phone.get("/"), http.StatusForbidden, haechi.ReasonClientCertRevoked)
}
