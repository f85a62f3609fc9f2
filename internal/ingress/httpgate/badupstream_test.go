package httpgate_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

// liar is an upstream that answers each request with the same bytes, whatever they are.
type liar struct {
	net.Listener
	all sync.WaitGroup
}

// newLiar answers with text; then it does what after does, or the same again.
func newLiar(t *testing.T, text string, after func(c *net.TCPConn)) *liar {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &liar{Listener: ln}
	l.all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			l.all.Go(func() {
				defer c.Close()
				br := bufio.NewReader(c)
				for r, err := http.ReadRequest(br); err == nil; r, err = http.ReadRequest(br) {
					_, _ = io.Copy(io.Discard, r.Body)
					if _, err := io.WriteString(c, text); err != nil {
						return
					}
					if after != nil {
						after(c.(*net.TCPConn))
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { ln.Close(); l.all.Wait() })
	return l
}

func hangUp(*net.TCPConn) {}

func halfClose(c *net.TCPConn) { _ = c.CloseWrite(); wait(c) }

// wait is until the gateway closes.
func wait(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }

// badAnswer is what an upstream may do. Status is what the client gets; 200 with broken
// says that its answer is broken off, since the header was good.
type badAnswer struct {
	text   string
	after  func(*net.TCPConn)
	status int
	broken bool
}

func badAnswers() map[string]badAnswer {
	const ok = "HTTP/1.1 200 OK\r\n"
	length := func(n, body string) string { return ok + "Content-Length: " + n + "\r\n\r\n" + body }
	chunked := ok + "Transfer-Encoding: chunked\r\n\r\n"
	bad := func(text string) badAnswer { return badAnswer{text, halfClose, 502, false} }
	breaks := func(text string) badAnswer { return badAnswer{text, halfClose, 200, true} }
	return map[string]badAnswer{
		"closes at once":                   {"", hangUp, 502, false},
		"half-closes at once":              bad(""),
		"says nothing":                     {"", wait, 504, false},
		"half a header":                    {ok + "X: y", wait, 504, false},
		"half a header and an end":         bad(ok + "X: y"),
		"another protocol":                 bad("SSH-2.0-OpenSSH_9\r\n"),
		"no status":                        bad("HTTP/1.1 OK\r\n\r\n"),
		"status 0":                         bad("HTTP/1.1 000 x\r\n\r\n"),
		"version of tomorrow":              bad("HTTP/3 200 OK\r\n\r\n"),
		"header of 300 KiB":                bad(ok + "X: " + strings.Repeat("y", 300<<10) + "\r\n\r\n"),
		"20,000 headers":                   bad(ok + strings.Repeat("X: yyyyyyyyyy\r\n", 20_000) + "\r\n"),
		"name with a blank, not passed on": {ok + "X Y: z\r\nContent-Length: 5\r\n\r\nhello", nil, 200, false},
		"two lengths":                      bad(ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
		"negative length":                  bad(length("-1", "")),
		"length that is none":              bad(length("2x", "ab")),
		"unknown coding":                   bad(ok + "Transfer-Encoding: gzip\r\n\r\nabc"),
		"switches uninvited":               bad("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
		"interim answers, no final":        bad(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 20_000)),
		"continues for ever":               bad(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 20_000)),
		"shorter than its length":          breaks(length("100", "short")),
		"resets":                           {length("100000", "short"), func(c *net.TCPConn) { _ = c.SetLinger(0) }, 200, true},
		"chunk size that is none":          breaks(chunked + "zz\r\nhello\r\n0\r\n\r\n"),
		"chunk too short":                  breaks(chunked + "9\r\nhello\r\n"),
		"no last chunk":                    breaks(chunked + "5\r\nhello\r\n"),
		"longer than its length":           {length("5", "hello, and more"), nil, 200, false},
		"length beside chunks":             {ok + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n", nil, 200, false},
		"no length, until the end":         {ok + "\r\nhello", hangUp, 200, false},
		"a body where none may be":         {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", nil, 204, false},
	}
}

// TestLyingUpstreams: each gets its declared answer with a reference that tells nothing
// of the inside, or is broken off; what it says too much is nobody's answer; and no
// goroutine or descriptor is left.
func TestLyingUpstreams(t *testing.T) {
	before := descriptors(t)
	t.Run("each", func(t *testing.T) {
		for name, in := range badAnswers() {
			for _, method := range []string{"GET", "POST"} { // the two ways to an upstream
				t.Run(name+"/"+method, func(t *testing.T) { tryUpstream(t, in, method) })
			}
		}
	})
	for range 200 { // what is being closed goes in a moment
		if runtime.GC(); descriptors(t) <= before {
			return
		}
		runtime.Gosched()
		<-time.After(10 * time.Millisecond)
	}
	t.Errorf("%d descriptors are open, %d were before", descriptors(t), before)
}

func tryUpstream(t *testing.T, in badAnswer, method string) {
	up := newLiar(t, in.text, in.after)
	patience := 20 * time.Second
	if in.status == http.StatusGatewayTimeout {
		patience = 150 * time.Millisecond
	}
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Upstream: "http://" + up.Addr().String(), AnswerTimeout: patience}}}, nil)
	for range 2 { // the second must not read what the first left
		body := ""
		if method == "POST" {
			body = "x"
		}
		_, br := r.raw("127.0.0.3", method+" /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: "+map[string]string{"": "0", "x": "1"}[body]+"\r\nConnection: close\r\n\r\n"+body)
		res, text, err := final(br)
		if res == nil && !in.broken {
			t.Fatal(err)
		}
		if in.status >= 500 {
			if in.status == 502 && res.StatusCode == 504 && strings.Contains(in.text, "HTTP/1.1 10") {
				in.status = 504 // http.Transport waits for a final answer as long as any
			}
			e := r.refused(answer{res, text}, in.status, haechi.ReasonUpstreamDown)
			if e.Outcome != haechi.Unknown || e.Rule != httpgate.RuleUpstream {
				t.Errorf("event %+v", e)
			}
			port := up.Addr().String()
			if strings.Contains(text, port) || len(text) > 100 || strings.Contains(strings.ToLower(text), "transport") {
				t.Errorf("it learns %q", text)
			}
			continue
		}
		e := r.next(t)
		if in.broken && res == nil { // nothing of it had been sent
			res = &http.Response{StatusCode: in.status}
		}
		if res.StatusCode != in.status || (err != nil) != in.broken || in.broken != (e.Reason == haechi.ReasonUpstreamClosed) || in.broken != (e.Ref != "") {
			t.Errorf("answered %d %q, %v, event %+v", res.StatusCode, text, err, e)
		}
		if res.Header["X Y"] != nil || !in.broken && in.status == 200 && text != "hello" {
			t.Errorf("answered %q", text)
		}
	}
}

// final is the answer behind the interim ones.
func final(br *bufio.Reader) (*http.Response, string, error) {
	for {
		res, err := http.ReadResponse(br, nil)
		if err != nil {
			return nil, "", err
		}
		if res.StatusCode < 200 && res.StatusCode != 101 {
			continue
		}
		text, err := io.ReadAll(res.Body)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, "", err
		}
		return res, string(text), err
	}
}

// descriptors is how many files the process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
