package httpgate_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

func small() httpgate.Config {
	return httpgate.Config{MaxHeaderBytes: 4096, HeaderTimeout: 200 * time.Millisecond, IdleTimeout: 300 * time.Millisecond,
		BodyTimeout: 200 * time.Millisecond, Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, MaxBody: 1000}}}
}

func TestBodySize(t *testing.T) {
	r := start(t, small(), echo())
	for _, n := range []int{0, 999, 1000} {
		for _, body := range []io.Reader{strings.NewReader(strings.Repeat("b", n)), io.MultiReader(strings.NewReader(strings.Repeat("b", n)))} {
			if a := r.do("127.0.0.2", "POST", "shop.test/", body); a.StatusCode != 200 || strings.Count(a.text, "b") < n {
				t.Errorf("%d bytes: status %d", n, a.StatusCode)
			}
			if e := r.next(t); e.BytesIn != int64(n) {
				t.Errorf("%d bytes were counted as %d", n, e.BytesIn)
			}
		}
	}
	e := r.refused(r.do("127.0.0.2", "POST", "shop.test/", strings.NewReader(strings.Repeat("b", 1001))), 413, haechi.ReasonOversize)
	if e.Observed != 1001 || e.Threshold != 1000 {
		t.Errorf("event %+v", e)
	}
	// The same without a length that gives it away.
	r.refused(r.do("127.0.0.2", "POST", "shop.test/", io.MultiReader(strings.NewReader(strings.Repeat("b", 1001)))), 413, haechi.ReasonOversize)
}

func TestUnboundedBody(t *testing.T) {
	cfg := small()
	cfg.Sites[0].MaxBody = -1
	r := start(t, cfg, echo())
	if a := r.do("127.0.0.2", "POST", "shop.test/", strings.NewReader(strings.Repeat("b", 1<<20))); a.StatusCode != 200 {
		t.Errorf("status %d", a.StatusCode)
	}
}

func TestHeaderSize(t *testing.T) {
	r := start(t, small(), echo())
	if a := r.get("shop.test/", "X-Big", strings.Repeat("h", 3000)); a.StatusCode != 200 {
		t.Errorf("status %d", a.StatusCode)
	}
	if a := r.get("shop.test/", "X-Big", strings.Repeat("h", 10_000)); a.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", a.StatusCode)
	}
}

func TestSlowHeader(t *testing.T) {
	r := start(t, small(), echo())
	_, br := r.raw("127.0.0.3", "GET / HTTP/1.1\r\nHost: sh")
	ended(t, br)
	e := r.next(t)
	if e.Kind != haechi.KindClose || e.Reason != haechi.ReasonTimeout || e.Outcome != haechi.Failure || e.Addr.String() != "127.0.0.3" || e.BytesIn == 0 {
		t.Errorf("event %+v", e)
	}
}

func TestIdleConnectionEnds(t *testing.T) {
	r := start(t, small(), echo())
	_, br := r.raw("127.0.0.3", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	ended(t, br)
	if e := r.next(t); e.Kind != haechi.KindRequest || e.Outcome != haechi.Success {
		t.Errorf("event %+v", e)
	}
}

func TestSlowBody(t *testing.T) {
	r := start(t, small(), echo())
	_, br := r.raw("127.0.0.3", "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 100\r\n\r\nslow")
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(res.Body)
	r.refused(answer{res, string(text)}, http.StatusRequestTimeout, haechi.ReasonTimeout)
	ended(t, br)
}

// A refused request whose body never comes does not hold its connection.
func TestRefusedWithoutItsBody(t *testing.T) {
	r := start(t, small(), echo())
	r.judge(constant(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonRateLimit, Rule: "r"}))
	_, br := r.raw("127.0.0.3", "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 100\r\n\r\nslow")
	res, err := http.ReadResponse(br, nil)
	if err != nil || res.StatusCode != 429 {
		t.Fatal(res, err)
	}
	ended(t, br)
}

// A slow upstream is not the client's fault: the body's deadline ends with the body.
func TestSlowAnswerAfterABody(t *testing.T) {
	r := start(t, small(), http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		io.Copy(io.Discard, q.Body)
		select {
		case <-time.After(500 * time.Millisecond):
		case <-q.Context().Done():
			t.Error("the request was aborted")
		}
	}))
	if a := r.do("127.0.0.2", "POST", "shop.test/", strings.NewReader("body")); a.StatusCode != 200 {
		t.Errorf("status %d", a.StatusCode)
	}
}

func TestClientThatDoesNotRead(t *testing.T) {
	cfg := small()
	cfg.WriteTimeout = 200 * time.Millisecond
	r := start(t, cfg, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 1000 {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
		t.Error("64 MB went to a client that reads nothing")
	}))
	r.raw("127.0.0.3", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	if e := r.next(t); e.Kind != haechi.KindRequest || e.BytesOut == 0 {
		t.Errorf("event %+v", e)
	}
}

func TestUpstreamDown(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := ln.Addr().String()
	ln.Close()
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Upstream: "http://" + dead}}}, echo())
	a := r.get("h/?secret=1")
	e := r.refused(a, http.StatusBadGateway, haechi.ReasonUpstreamDown)
	if e.Outcome != haechi.Unknown {
		t.Errorf("the client is held responsible: %+v", e)
	}
	if strings.Contains(a.text, dead) {
		t.Errorf("the refusal tells the upstream: %q", a.text)
	}
}

func TestUpstreamTooSlow(t *testing.T) {
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", AnswerTimeout: 100 * time.Millisecond}}},
		http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() }))
	r.refused(r.get("h/"), http.StatusGatewayTimeout, haechi.ReasonUpstreamDown)
}

func TestUpstreamThatTalksNonsense(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done, n := make(chan struct{}), 0
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			n++
			io.WriteString(c, []string{"SSH-2.0-x\r\n", "HTTP/1.1 000 x\r\n\r\n"}[n%2])
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	defer func() { ln.Close(); <-done }()
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Upstream: "http://" + ln.Addr().String()}}}, echo())
	for range 2 {
		r.refused(r.get("h/"), http.StatusBadGateway, haechi.ReasonUpstreamDown)
		r.refused(r.do("127.0.0.2", "POST", "h/", strings.NewReader("x")), http.StatusBadGateway, haechi.ReasonUpstreamDown)
		r.refused(r.get("h/"), http.StatusBadGateway, haechi.ReasonUpstreamDown)
	}
}

func TestClientLeaves(t *testing.T) {
	arrived := make(chan struct{})
	r := start(t, httpgate.Config{}, http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		close(arrived)
		<-q.Context().Done()
	}))
	c, _ := r.raw("127.0.0.3", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	<-arrived
	c.Close()
	if e := r.next(t); e.Outcome != haechi.Unknown || e.Reason != haechi.ReasonPeerClosed || e.Status != 499 {
		t.Errorf("event %+v", e)
	}
}

func TestUpstreamBreaksOff(t *testing.T) {
	r := start(t, httpgate.Config{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100000")
		w.Write(make([]byte, 50_000))
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	_, br := r.raw("127.0.0.3", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half an answer looks whole: %v", err)
	}
	if e := r.next(t); e.Status != 200 || e.BytesOut != 50_000 || e.Outcome != haechi.Unknown || e.Reason != haechi.ReasonUpstreamClosed || e.Ref == "" {
		t.Errorf("event %+v", e)
	}
}
