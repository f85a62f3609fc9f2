package httpgate

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// scripted is an upstream that answers each request of a connection with the
// next text, and then closes.
type scripted struct {
	net.Listener
	conns atomic.Int32
	done  chan struct{}
}

func newScripted(t testing.TB, answers ...string) *scripted {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{Listener: ln, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.conns.Add(1)
			br := bufio.NewReader(c)
			for _, a := range answers {
				if _, err := http.ReadRequest(br); err != nil {
					break
				}
				if _, err := io.WriteString(c, a); err != nil {
					break
				}
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-s.done })
	return s
}

func (s *scripted) upstream(t testing.TB) *upstream {
	t.Helper()
	u := newUpstream(Site{AnswerTimeout: 2 * time.Second, MaxIdleUpstream: 4}, &url.URL{Scheme: "http", Host: s.Addr().String()})
	t.Cleanup(u.close)
	return u
}

func ask(rt http.RoundTripper, addr, method string) (status int, header http.Header, text string, err error) {
	r, err := http.NewRequest(method, "http://"+addr+"/", nil)
	if err != nil {
		return 0, nil, "", err
	}
	res, err := rt.RoundTrip(r)
	if err != nil {
		return 0, nil, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, res.Header, string(b), err
}

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func TestConnectionsAreUsedAgain(t *testing.T) {
	s := newScripted(t, okAnswer, okAnswer, "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", okAnswer)
	u := s.upstream(t)
	for i := range 5 {
		if status, _, _, err := ask(u, s.Addr().String(), "GET"); err != nil || status/100 != 2 {
			t.Fatal(i, status, err)
		}
	}
	if n := s.conns.Load(); n != 1 {
		t.Errorf("%d connections for 5 requests", n)
	}
}

// The upstream closes each connection after one answer; no request fails for it.
func TestStaleConnections(t *testing.T) {
	s := newScripted(t, okAnswer)
	u := s.upstream(t)
	for range 20 {
		if _, _, text, err := ask(u, s.Addr().String(), "GET"); err != nil || text != "ok" {
			t.Fatal(text, err)
		}
	}
}

// What an upstream says unasked is nobody's answer.
func TestUnaskedBytesAreNobodysAnswer(t *testing.T) {
	for name, first := range map[string]string{
		"second answer":    okAnswer + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
		"after HEAD-like":  "HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
		"switch":           "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
		"behind the chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
	} {
		s := newScripted(t, first, okAnswer)
		u := s.upstream(t)
		for range 4 {
			if _, _, text, _ := ask(u, s.Addr().String(), "GET"); strings.Contains(text, "evil") {
				t.Errorf("%s: it was taken for an answer", name)
			}
		}
	}
}

func TestHugeAnswerHeader(t *testing.T) {
	s := newScripted(t, "HTTP/1.1 200 OK\r\nX-Big: "+strings.Repeat("x", maxAnswerHeader)+"\r\n\r\n")
	if _, _, _, err := ask(s.upstream(t), s.Addr().String(), "GET"); !errors.Is(err, errAnswerHeader) {
		t.Errorf("%v", err)
	}
	s = newScripted(t, strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 10)+okAnswer)
	if _, _, _, err := ask(s.upstream(t), s.Addr().String(), "GET"); !errors.Is(err, errInterim) {
		t.Errorf("%v", err)
	}
}

func TestCancelledWhileReading(t *testing.T) {
	s := newScripted(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", okAnswer)
	u := s.upstream(t)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", "http://"+s.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := u.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("half an answer looks whole")
	}
	res.Body.Close()
	if _, err := u.RoundTrip(r); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if u.take() != nil {
		t.Error("a broken connection was kept")
	}
}

func TestIdleConnectionsAreBounded(t *testing.T) {
	s := newScripted(t, okAnswer, okAnswer)
	u := s.upstream(t)
	for range 8 {
		w, err := u.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		u.put(w, w.age())
	}
	if len(u.idle) != 4 {
		t.Errorf("%d idle connections, want 4", len(u.idle))
	}
}

// FuzzAnswer: the fast way and http.Transport read every answer alike.
func FuzzAnswer(f *testing.F) {
	for _, a := range []string{
		okAnswer, "", "HTTP/1.1 200 OK\r\n\r\nuntil the end", "HTTP/1.0 200 OK\r\n\r\nold",
		"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + okAnswer,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "HTTP/1.1 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n", "HTTP/1.1 101 Switching\r\n\r\n", "HTTP/1.1 000 x\r\n\r\n", "HTTP/1.1 099 x\r\n\r\n",
		"HTTP/1.1 000 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n00000", "\r\n\r\n" + okAnswer, "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
	} {
		f.Add(a, false)
		f.Add(a, true)
	}
	f.Fuzz(func(t *testing.T, raw string, head bool) {
		s := newScripted(t, raw)
		u := s.upstream(t)
		method := "GET"
		if head {
			method = "HEAD"
		}
		status, header, text, err := ask(u, s.Addr().String(), method)
		wantStatus, wantHeader, wantText, wantErr := ask(u.general, s.Addr().String(), method)
		if wantStatus == http.StatusSwitchingProtocols || wantStatus < http.StatusContinue { // or none came
			if err == nil { // stricter: neither can be passed on, whatever becomes of a body
				t.Fatalf("status %d was passed on", wantStatus)
			}
			return
		}
		if status != wantStatus || text != wantText || (err == nil) != (wantErr == nil) || len(header) != len(wantHeader) {
			t.Fatalf("fast: %d %v %q %v\ngeneral: %d %v %q %v", status, header, text, err, wantStatus, wantHeader, wantText, wantErr)
		}
	})
}
