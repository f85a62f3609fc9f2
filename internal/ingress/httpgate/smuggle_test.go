package httpgate_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"haechi/internal/ingress/httpgate"
)

// tape is an upstream that notes every byte it is sent and answers what it reads as
// requests. It reads as strictly as net/http does.
type tape struct {
	net.Listener
	mu    sync.Mutex
	bytes strings.Builder
	paths []string
}

func newTape(t *testing.T) *tape {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &tape{Listener: l}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { u.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return u
}

func (u *tape) serve(c net.Conn) {
	defer c.Close()
	br := bufio.NewReader(io.TeeReader(c, u))
	for {
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		u.mu.Lock()
		u.paths = append(u.paths, r.Method+" "+r.RequestURI)
		u.mu.Unlock()
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}
}

func (u *tape) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.bytes.Write(p)
}

// What two readers could take for different requests is refused, or passed on in a
// form that has one reading; the request hidden in it never reaches the upstream as
// one of its own.
func TestRequestSmuggling(t *testing.T) { everyWay(t, requestSmuggling) }

func requestSmuggling(t *testing.T) {
	const hidden = "GET /hidden HTTP/1.1\r\nHost: shop.test\r\n\r\n"
	const host = "Host: shop.test\r\n"
	post := func(headers, body string) string {
		return "POST /seen HTTP/1.1\r\n" + host + headers + "\r\n" + body
	}
	for name, in := range map[string]string{
		"length and chunks":         post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
		"chunks and a longer body":  post(fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n", 5+len(hidden)), "0\r\n\r\n"+hidden),
		"two lengths":               post("Content-Length: 0\r\nContent-Length: "+fmt.Sprint(len(hidden))+"\r\n", hidden),
		"lengths in a list":         post("Content-Length: 0, "+fmt.Sprint(len(hidden))+"\r\n", hidden),
		"length with a sign":        post("Content-Length: +"+fmt.Sprint(len(hidden))+"\r\n", hidden),
		"length in underscores":     post("Content-Length: "+fmt.Sprint(len(hidden))+"\r\nContent_Length: 0\r\n", hidden),
		"unknown coding":            post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"+hidden),
		"two codings":               post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"+hidden),
		"coding behind a tab":       post("Transfer-Encoding:\tchunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"),
		"blank before the colon":    post("Transfer-Encoding : chunked\r\nContent-Length: "+fmt.Sprint(len(hidden))+"\r\n", hidden),
		"folded header":             post("X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: "+fmt.Sprint(len(hidden))+"\r\n", hidden),
		"bare carriage return":      post("X: a\rTransfer-Encoding: chunked\r\nContent-Length: "+fmt.Sprint(len(hidden))+"\r\n", hidden),
		"bad chunk":                 post("Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\n"),
		"chunk extension":           post("Transfer-Encoding: chunked\r\n", "5;x=\"\r\nhello\r\n0\r\n\r\n"),
		"chunk too short":           post("Transfer-Encoding: chunked\r\n", "1\r\nhello\r\n0\r\n\r\n"+hidden),
		"old version with a coding": "POST /seen HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"two hosts":                 "GET /seen HTTP/1.1\r\nHost: shop.test\r\nHost: other.test\r\n\r\n",
		"host with a path":          "GET /seen HTTP/1.1\r\nHost: shop.test/x\r\n\r\n",
		"line break in the target":  "GET /seen\rX: y HTTP/1.1\r\n" + host + "\r\n",
		"get with a body":           "GET /seen HTTP/1.1\r\n" + host + "Content-Length: " + fmt.Sprint(len(hidden)) + "\r\n\r\n" + hidden,
		"upgrade to cleartext h2":   "GET /seen HTTP/1.1\r\n" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
		"expectation":               post("Expect: 100-continue\r\nContent-Length: "+fmt.Sprint(len(hidden))+"\r\n", hidden),
	} {
		t.Run(name, func(t *testing.T) {
			up := newTape(t)
			r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, Upstream: "http://" + up.Addr().String()}}}, nil)
			c, br := r.raw("127.0.0.2", in)
			_ = c.(*net.TCPConn).CloseWrite() // so that nobody waits for more
			_, _ = io.Copy(io.Discard, br)
			// The connection to the upstream may be kept: another client's request over
			// it gets an answer of its own.
			if a := r.get("shop.test/after"); a.StatusCode != http.StatusOK {
				t.Errorf("the next client gets %d", a.StatusCode)
			}
			up.mu.Lock()
			defer up.mu.Unlock()
			for _, p := range up.paths {
				switch p {
				case "POST /seen", "GET /seen", "GET /after":
				case "GET /hidden":
					if !pipelined(name) {
						t.Errorf("the upstream was asked for %v", up.paths)
					}
				default:
					t.Errorf("the upstream was asked for %q", p)
				}
			}
			for _, never := range []string{"_Length", "xchunked", "h2c", "HTTP2-Settings", "other.test"} {
				if strings.Contains(up.bytes.String(), never) {
					t.Errorf("the upstream read %s:\n%s", never, up.bytes.String())
				}
			}
		})
	}
}

// pipelined says whether the bytes behind the first request are a second one of the
// client's by the only reading that there is (RFC 9112: chunks count, not the length;
// an old version knows no chunks).
func pipelined(name string) bool {
	return name == "chunks and a longer body" || name == "old version with a coding"
}
