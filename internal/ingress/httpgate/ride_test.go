package httpgate_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

// held sends a request, with more lines, on each loop, and says when each is answered.
func (r *rig) held(path, more string) (answered chan *http.Response) {
	answered = make(chan *http.Response, 2)
	for range cap(answered) { // connections take turns with the loops
		c, br := r.raw("127.0.0.3", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n") // the first is answered by who accepts
		res, err := http.ReadResponse(br, nil)
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
		}
		if err == nil {
			_, err = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: shop.test\r\n"+more+"\r\n")
		}
		if err != nil {
			r.t.Fatal(err)
		}
		go func() {
			res, err := http.ReadResponse(br, nil)
			if err != nil {
				r.t.Error(err)
			}
			answered <- res
		}()
	}
	return answered
}

// others makes requests on either loop meanwhile.
func (r *rig) others(answered chan *http.Response) {
	r.t.Helper()
	for range 4 {
		if a := r.do("127.0.0.4", "GET", "shop.test/", nil); a.StatusCode != 200 {
			r.t.Errorf("answer %d", a.StatusCode)
		}
	}
	if len(answered) > 0 {
		r.t.Error("it was not held")
	}
}

func until(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come to that")
		}
	}
}

// Who is made to wait, or judged for long, holds up nobody on the same loop.
func TestAWaitHoldsUpNobody(t *testing.T) {
	t.Run("throttle", func(t *testing.T) {
		r := start(t, httpgate.Config{MaxDelay: time.Minute}, echo())
		r.judge(func(q *haechi.Request) haechi.Verdict {
			if q.Path == "/slow" {
				return haechi.Verdict{Action: haechi.Throttle, Delay: 2 * time.Second}
			}
			return haechi.Verdict{}
		})
		answered := r.held("/slow", "")
		until(t, func() bool { return r.counter("http_delayed_now") == 2 })
		r.others(answered)
		<-answered
		<-answered
	})
	t.Run("body", func(t *testing.T) {
		r := start(t, httpgate.Config{}, echo())
		let, in := make(chan struct{}), make(chan struct{}, 2)
		r.bodies.mu.Lock()
		r.bodies.only, r.bodies.wants = "/slow", 100
		r.bodies.verdict = func(*haechi.Request, string) haechi.Verdict { return haechi.Verdict{} }
		r.bodies.wait = func() { in <- struct{}{}; <-let }
		r.bodies.mu.Unlock()
		answered := r.held("/slow", "")
		<-in
		<-in
		r.others(answered)
		close(let)
		<-answered
		<-answered
	})
}

// A request too long for a loop to send waits for its server without it.
func TestALongRequestHoldsUpNobody(t *testing.T) {
	let, in := make(chan struct{}), make(chan struct{}, 2)
	r := start(t, httpgate.Config{}, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/slow" {
			in <- struct{}{}
			<-let
		}
		_, _ = io.WriteString(w, "ok")
	}))
	answered := r.held("/slow", "X-Long: "+strings.Repeat("x", 6<<10)+"\r\n")
	<-in
	<-in
	r.others(answered)
	close(let)
	<-answered
	<-answered
}

// A failure in judging one request ends its connection, and nothing else on the loop.
func TestAFailureEndsOneConnection(t *testing.T) {
	r := start(t, httpgate.Config{}, echo())
	r.judge(func(q *haechi.Request) haechi.Verdict {
		if q.Path == "/bad" {
			panic("a part failed")
		}
		return haechi.Verdict{}
	})
	for range 3 {
		_, br := r.raw("127.0.0.3", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\nGET /bad HTTP/1.1\r\nHost: shop.test\r\n\r\n")
		ended(t, br)
		if a := r.get("shop.test/"); a.StatusCode != 200 {
			t.Errorf("answer %d", a.StatusCode)
		}
	}
}

// chatty is a server that says something behind each answer, a moment later, and tells
// that it has.
func chatty(t *testing.T, said chan<- struct{}) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			for br := bufio.NewReader(c); ; {
				q, err := http.ReadRequest(br)
				if err != nil {
					break
				}
				fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(q.URL.Path), q.URL.Path)
				<-time.After(5 * time.Millisecond)
				if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"); err != nil {
					break
				}
				said <- struct{}{}
			}
		}
	}()
	return "http://" + ln.Addr().String()
}

// What a server says unasked ends its connection, and is never taken for an answer.
func TestAChattyServerAnswersNobodyElse(t *testing.T) {
	everyWay(t, func(t *testing.T) {
		said := make(chan struct{})
		r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Upstream: chatty(t, said)}}}, echo())
		c := r.client("127.0.0.3")
		for i := range 20 {
			path := fmt.Sprintf("/%d", i)
			if a := r.doBy(c, "GET", "shop.test"+path, nil); a.StatusCode != 200 || a.text != path {
				t.Errorf("%d, %q", a.StatusCode, a.text)
			}
			<-said
		}
	})
}

// A server that has room for one connection only is asked on that one, whoever has it:
// a loop, a lane with a goroutine, net/http.
func TestOneConnectionServesEveryWay(t *testing.T) {
	var conns atomic.Int64
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/chunks" {
			w.(http.Flusher).Flush() // without a length: no loop can pass it on
		}
		_, _ = io.WriteString(w, q.URL.Path)
	}))
	up.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	up.Start()
	t.Cleanup(up.Close)
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Upstream: up.URL}}}, echo())
	for range 3 {
		for _, ask := range []string{"GET /plain HTTP/1.1\r\n", "GET /chunks HTTP/1.1\r\n", "GET /plain HTTP/1.0\r\n"} {
			_, br := r.raw("127.0.0.3", ask+"Host: shop.test\r\nConnection: close\r\n\r\n")
			res, err := http.ReadResponse(br, nil)
			if err != nil || res.StatusCode != 200 {
				t.Fatal(ask, res, err)
			}
			if _, err := io.Copy(io.Discard, res.Body); err != nil {
				t.Error(err)
			}
			r.next(t) // then its connection was given back
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections to the server", n)
	}
}
