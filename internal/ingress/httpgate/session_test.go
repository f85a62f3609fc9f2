package httpgate_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

func blocked() haechi.Verdict {
	return haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonDecision, Rule: "r", Ref: "AAAAA-BBBBB"}
}

func TestCutIdleConnection(t *testing.T) {
	r := start(t, httpgate.Config{}, echo())
	_, br := r.raw("127.0.0.3", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	if res, err := http.ReadResponse(br, nil); err != nil || res.StatusCode != 200 {
		t.Fatal(err)
	} else if _, err := io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	_, other := r.raw("127.0.0.4", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	r.next(t)
	r.next(t)
	start := time.Now()
	if n := r.cut("127.0.0.3", blocked()); n != 1 {
		t.Fatalf("%d sessions", n)
	}
	ended(t, br)
	if d := time.Since(start); d > 10*time.Second { // of 75 that it may be idle
		t.Errorf("the cut took %v", d)
	}
	if res, err := http.ReadResponse(other, nil); err != nil || res.StatusCode != 200 {
		t.Errorf("another client was cut too: %v", err)
	}
}

func TestCutRequestUnderWay(t *testing.T) {
	arrived := make(chan struct{})
	r := start(t, httpgate.Config{}, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		close(arrived)
		<-q.Context().Done() // the upstream sees it too
	}))
	_, br := r.raw("127.0.0.3", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	<-arrived
	r.cut("127.0.0.3", blocked())
	ended(t, br)
	if e := r.next(t); e.Outcome != haechi.Failure || e.Reason != haechi.ReasonDecision || e.Ref != "AAAAA-BBBBB" || e.Rule != "r" {
		t.Errorf("event %+v", e)
	}
}

// Behind a proxy the one request is cut, and the connection goes on for others.
func TestCutBehindProxy(t *testing.T) {
	arrived := make(chan struct{}, 1)
	r := start(t, httpgate.Config{}, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/quick" {
			return
		}
		arrived <- struct{}{}
		<-q.Context().Done()
	}))
	c, br := r.raw("127.0.0.8", "GET /slow HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n")
	<-arrived
	if n := r.cut("203.0.113.7", blocked()); n != 1 {
		t.Fatalf("%d sessions", n)
	}
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(res.Body)
	if e := r.refused(answer{res, string(text)}, 403, haechi.ReasonDecision); e.Addr.String() != "203.0.113.7" {
		t.Errorf("event %+v", e)
	}
	io.WriteString(c, "GET /quick HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: 203.0.113.8\r\n\r\n")
	if res, err := http.ReadResponse(br, nil); err != nil || res.StatusCode != 200 {
		t.Errorf("the proxy's connection did not go on: %v", err)
	}
	if e := r.next(t); e.Addr.String() != "203.0.113.8" {
		t.Errorf("event %+v", e)
	}
	if r.live() != 1 {
		t.Errorf("%d sessions, want that of the connection", r.live())
	}
}

// ws plays a WebSocket server that echoes bytes.
func ws() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if !strings.EqualFold(q.Header.Get("Upgrade"), "websocket") {
			io.WriteString(w, "plain")
			return
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		rw.Flush()
		io.Copy(c, rw)
	})
}

const upgrade = "GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"

func openSocket(t *testing.T, r *rig, from, more string) (io.Writer, *bufio.Reader) {
	t.Helper()
	c, br := r.raw(from, upgrade+more+"\r\n")
	res, err := http.ReadResponse(br, nil)
	if err != nil || res.StatusCode != 101 {
		t.Fatal(res, err)
	}
	io.WriteString(c, "ping")
	b := make([]byte, 4)
	if _, err := io.ReadFull(br, b); err != nil || string(b) != "ping" {
		t.Fatal(string(b), err)
	}
	return c, br
}

func TestWebSocket(t *testing.T) {
	r := start(t, httpgate.Config{}, ws())
	_, br := openSocket(t, r, "127.0.0.3", "")
	if e := r.next(t); e.Kind != haechi.KindRequest || e.Status != 101 || e.Outcome != haechi.Success {
		t.Errorf("event %+v", e)
	}
	if r.cut("127.0.0.3", blocked()) != 1 {
		t.Error("an upgraded connection is no session")
	}
	ended(t, br)
	if e := r.next(t); e.Kind != haechi.KindClose || e.Reason != haechi.ReasonDecision || e.Ref == "" || e.BytesIn == 0 || e.BytesOut == 0 {
		t.Errorf("event %+v", e)
	}
}

// A WebSocket that talks stays, however long; one on which nobody speaks ends.
func TestSilentWebSocketEnds(t *testing.T) {
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, UpgradedIdle: 300 * time.Millisecond}}}, ws())
	c, br := openSocket(t, r, "127.0.0.3", "")
	r.next(t)
	b := make([]byte, 4)
	for began := time.Now(); time.Since(began) < 600*time.Millisecond; {
		if _, err := io.WriteString(c, "ping"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(br, b); err != nil {
			t.Fatal("it ended although it talks: ", err)
		}
	}
	ended(t, br)
	if e := r.next(t); e.Kind != haechi.KindClose || e.Rule != httpgate.RuleSilent || e.Reason != haechi.ReasonTimeout || e.Ref == "" || e.Threshold != 0.3 {
		t.Errorf("event %+v", e)
	}
}

func TestWebSocketBehindProxyIsCut(t *testing.T) {
	r := start(t, httpgate.Config{}, ws())
	_, br := openSocket(t, r, "127.0.0.8", "X-Forwarded-For: 203.0.113.7\r\n")
	if n := r.cut("203.0.113.7", blocked()); n != 1 {
		t.Fatalf("%d sessions", n)
	}
	ended(t, br)
	r.next(t)
	if e := r.next(t); e.Kind != haechi.KindClose || e.Reason != haechi.ReasonDecision || e.Addr.String() != "203.0.113.7" {
		t.Errorf("event %+v", e)
	}
}

// h2c and other upgrades would carry requests past every check.
func TestOtherUpgradesAreNotPassedOn(t *testing.T) {
	r := start(t, httpgate.Config{}, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Upgrade") != "" || q.Header.Get("Http2-Settings") != "" && q.Header.Get("Connection") != "" {
			t.Errorf("the upstream saw %v", q.Header)
		}
		io.WriteString(w, "plain")
	}))
	if a := r.get("shop.test/", "Connection", "Upgrade, HTTP2-Settings", "Upgrade", "h2c", "Http2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"); a.text != "plain" {
		t.Errorf("%d %q", a.StatusCode, a.text)
	}
}

func TestUpstreamUpgradesUnasked(t *testing.T) {
	r := start(t, httpgate.Config{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		rw.Flush()
	}))
	r.refused(r.get("shop.test/"), http.StatusBadGateway, haechi.ReasonUpstreamDown)
}

// Events of a stream arrive one by one, not at its end.
func TestServerSentEvents(t *testing.T) {
	next := make(chan struct{})
	r := start(t, httpgate.Config{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 3 {
			io.WriteString(w, "data: x\n\n")
			http.NewResponseController(w).Flush()
			<-next
		}
	}))
	_, br := r.raw("127.0.0.3", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	body := bufio.NewReader(res.Body)
	for range 3 {
		if line, err := body.ReadString('\n'); err != nil || line != "data: x\n" {
			t.Fatal(line, err)
		}
		body.ReadString('\n')
		next <- struct{}{}
	}
}

func TestShutdown(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	r := start(t, httpgate.Config{}, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/slow" {
			close(arrived)
			<-release
		}
		io.WriteString(w, "whole")
	}))
	_, idle := r.raw("127.0.0.3", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	r.next(t)
	_, active := r.raw("127.0.0.3", "GET /slow HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	<-arrived
	done := make(chan error, 1)
	go func() { done <- r.gate.Shutdown(context.Background()) }()
	ended(t, idle)
	close(release)
	res, err := http.ReadResponse(active, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(res.Body); string(text) != "whole" || err != nil {
		t.Errorf("the active request was broken off: %q %v", text, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestShutdownWithoutPatience(t *testing.T) {
	r := start(t, httpgate.Config{}, ws())
	_, br := openSocket(t, r, "127.0.0.3", "")
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := r.gate.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	ended(t, br)
}

// Several services may share an address. What is decided about one of them has to
// find the requests and upgraded connections to it, whichever the connection counts
// as.
func TestCutAtOneOfSeveralServices(t *testing.T) {
	hold := make(chan struct{})
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}}, {Service: "api", Hosts: []string{"api.test"}}}},
		http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			select {
			case <-hold:
			case <-q.Context().Done():
			}
		}))
	defer close(hold)
	_, br := r.raw("127.0.0.2", "GET / HTTP/1.1\r\nHost: api.test\r\n\r\n")
	deadline := time.Now().Add(10 * time.Second)
	for cut := 0; cut == 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("no session of the service api")
		}
		r.mu.Lock()
		for _, s := range r.sessions {
			if s.service == "api" && s.actor.Addr.String() == "127.0.0.2" {
				s.cut(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonDecision, Rule: "decision"})
				cut++
			}
		}
		r.mu.Unlock()
	}
	if res, err := http.ReadResponse(br, nil); err != nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("%+v, %v", res, err)
	}
	// The connection itself is of none of them: what is decided about one must not
	// cut it off from the others.
	_, _ = r.raw("127.0.0.3", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	for len(r.servicesOf("127.0.0.3")) < 2 {
		if time.Now().After(deadline) {
			t.Fatalf("sessions %q", r.servicesOf("127.0.0.3"))
		}
		runtime.Gosched()
	}
	if got := r.servicesOf("127.0.0.3"); !slices.Equal(got, []string{"", "shop"}) {
		t.Errorf("sessions of services %q", got)
	}
}

func (h *house) servicesOf(addr string) (out []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sessions {
		if s.actor.Addr.String() == addr {
			out = append(out, s.service)
		}
	}
	slices.Sort(out)
	return out
}
