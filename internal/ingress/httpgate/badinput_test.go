package httpgate_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

// badHead is one kind of bad input over HTTP/1. Status is what it is refused with; 0
// says that it has one reading, in which it is passed on as pass says.
type badHead struct {
	name, send string
	status     int
	reason     haechi.Reason
	rule       string
	pass       []string // what the upstream is asked for, "METHOD TARGET"
}

const (
	hidden   = "GET /hidden HTTP/1.1\r\nHost: shop.test\r\n\r\n"
	hostLine = "Host: shop.test\r\n"
)

// post is a request with these headers and what follows them.
func post(headers, body string) string {
	return "POST /seen HTTP/1.1\r\n" + hostLine + headers + "\r\n" + body
}

// badHeads are the bad inputs over HTTP/1 that are refused before, or as, a request.
func badHeads() []badHead {
	const malformed, oversize = haechi.ReasonMalformed, haechi.ReasonOversize
	n := fmt.Sprint(len(hidden))
	bad := func(name, send string) badHead {
		return badHead{name: name, send: send, status: 400, reason: malformed, rule: httpgate.RuleUnreadable}
	}
	passes := func(name, send string, asked ...string) badHead { return badHead{name: name, send: send, pass: asked} }
	get := func(target, headers string) string {
		return "GET " + target + " HTTP/1.1\r\n" + hostLine + headers + "\r\n"
	}
	coding := func(name, send string) badHead {
		return badHead{name: name, send: send, status: 501, reason: malformed, rule: httpgate.RuleCoding}
	}
	header := func(name, send string) badHead {
		return badHead{name: name, send: send, status: 431, reason: oversize, rule: httpgate.RuleHeader}
	}
	return []badHead{
		bad("two lengths", post("Content-Length: 0\r\nContent-Length: "+n+"\r\n", hidden)),
		bad("lengths in a list", post("Content-Length: 0, "+n+"\r\n", hidden)),
		bad("length with a sign", post("Content-Length: +"+n+"\r\n", hidden)),
		bad("negative length", post("Content-Length: -1\r\n", hidden)),
		bad("length in hexadecimal", post("Content-Length: 0x10\r\n", hidden)),
		bad("length beyond 64 bits", post("Content-Length: 99999999999999999999\r\n", hidden)),
		coding("unknown coding", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"+hidden)),
		coding("two codings", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"+hidden)),
		coding("codings in a list", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"+hidden)),
		bad("coding with a vertical tab", post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"+hidden)),
		coding("empty coding", post("Transfer-Encoding: \r\nContent-Length: "+n+"\r\n", hidden)),
		bad("blank before the colon", post("Transfer-Encoding : chunked\r\nContent-Length: "+n+"\r\n", hidden)),
		bad("bare carriage return", post("X: a\rTransfer-Encoding: chunked\r\nContent-Length: "+n+"\r\n", hidden)),
		bad("zero byte in a value", get("/seen", "X: a\x00b\r\n")),
		bad("zero byte in a name", get("/seen", "X\x00: a\r\n")),
		bad("name with a blank", get("/seen", "X Y: a\r\n")),
		bad("line without a colon", get("/seen", "nothing\r\n")),
		bad("first line folded", "GET /seen HTTP/1.1\r\n Host: shop.test\r\n\r\n"),
		bad("two hosts", "GET /seen HTTP/1.1\r\nHost: shop.test\r\nHost: other.test\r\n\r\n"),
		bad("two equal hosts", "GET /seen HTTP/1.1\r\n"+hostLine+hostLine+"\r\n"),
		bad("no host", "GET /seen HTTP/1.1\r\n\r\n"),
		bad("host with a blank", "GET /seen HTTP/1.1\r\nHost: shop.test other.test\r\n\r\n"),
		bad("line break in the target", "GET /seen\rX: y HTTP/1.1\r\n"+hostLine+"\r\n"),
		bad("blank in the target", get("/seen /more", "")),
		bad("zero byte in the target", get("/se\x00en", "")),
		bad("method with a slash", "GE/T /seen HTTP/1.1\r\n"+hostLine+"\r\n"),
		bad("no version", "GET /seen\r\n"+hostLine+"\r\n"),
		bad("version in small letters", "GET /seen http/1.1\r\n"+hostLine+"\r\n"),
		bad("version with a sign", "GET /seen HTTP/+1.1\r\n"+hostLine+"\r\n"),
		bad("invalid percent-encoding", get("/%zz", "")),
		bad("half a percent-encoding", get("/a%2", "")),
		bad("TLS on a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
		bad("target of the second kind", "GET shop.test/seen HTTP/1.1\r\n"+hostLine+"\r\n"),
		{name: "zero byte, encoded", send: get("/seen%00.png", ""), status: 400, reason: malformed, rule: httpgate.RulePath},
		{name: "overlong dots", send: get("/%c0%ae%c0%ae/etc/passwd", ""), status: 400, reason: malformed, rule: httpgate.RulePath},
		{name: "overlong slashes", send: get("/..%c0%af..%c0%afetc/passwd", ""), status: 400, reason: malformed, rule: httpgate.RulePath},
		{name: "version of tomorrow", send: "GET /seen HTTP/3.0\r\n" + hostLine + "\r\n", status: 505, reason: malformed, rule: httpgate.RuleVersion},
		{name: "HTTP/2 without its agreement", send: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", status: 421, reason: haechi.ReasonUnknownHost, rule: httpgate.RuleUnknownHost},
		{name: "unknown expectation", send: get("/seen", "Expect: miracles\r\n"), status: 417, reason: malformed, rule: httpgate.RuleExpectation},
		bad("host with a path", "GET /seen HTTP/1.1\r\nHost: shop.test/x\r\n\r\n"),
		{name: "absolute target of another host", send: get("http://other.test/seen", ""), status: 421, reason: haechi.ReasonUnknownHost, rule: httpgate.RuleUnknownHost},
		header("10,000 cookies", get("/seen", "Cookie: "+strings.Repeat("ab=1; ", 10_000)+"\r\n")),
		header("10,000 cookies in lines", get("/seen", strings.Repeat("Cookie: ab=1\r\n", 10_000))),
		header("10,000 headers", get("/seen", strings.Repeat("X: y\r\n", 10_000))),
		header("target of 64 KiB", get("/"+strings.Repeat("a", 64<<10), "")),

		passes("length and chunks", post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "POST /seen"),
		passes("coding behind a tab", post("Transfer-Encoding:\tchunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"), "POST /seen"),
		passes("folded header", post("X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: "+n+"\r\n", hidden), "POST /seen"),
		passes("equal lengths", post("Content-Length: "+n+"\r\nContent-Length: "+n+"\r\n", hidden), "POST /seen"),
		passes("length in underscores", post("Content-Length: "+n+"\r\nContent_Length: 0\r\n", hidden), "POST /seen"),
		passes("get with a body", get("/seen", "Content-Length: "+n+"\r\n")+hidden, "GET /seen"),
		passes("absolute target beside another host", "GET http://shop.test/seen HTTP/1.1\r\nHost: other.test\r\n\r\n", "GET /seen"),
		passes("Korean in EUC-KR", get("/%c0%af%c0%fa", ""), "GET /%c0%af%c0%fa"),
		passes("bare line feeds", "GET /seen HTTP/1.1\nHost: shop.test\n\n", "GET /seen"),
		passes("hop-by-hop names", get("/seen", "Connection: X-Real-Ip, close, X-A\r\nX-A: b\r\nX-Real-Ip: 203.0.113.1\r\n"), "GET /seen"),
		passes("upgrade to cleartext h2", get("/seen", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"), "GET /seen"),
	}
}

// TestBadHeads: each is refused with a reference that its event has, or passed on in
// its one reading; what hides in it is nobody's request, and what the upstream reads is
// canonical to the byte.
func TestBadHeads(t *testing.T) {
	for _, tls := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "TLS"}[tls], func(t *testing.T) {
			for _, in := range badHeads() {
				t.Run(in.name, func(t *testing.T) { tryHead(t, in, tls) })
			}
		})
	}
}

func tryHead(t *testing.T, in badHead, secure bool) {
	up := newTape(t)
	cfg := httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, Upstream: "http://" + up.Addr().String()}}}
	if secure {
		cfg.TLS = selfSigned(t)
	}
	r := start(t, cfg, nil)
	c := r.speak(t, secure)
	go func() { // what is refused early is not read to its end
		_, _ = io.WriteString(c, in.send)
	}()
	br := bufio.NewReader(c)
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(res.Body)
	if in.status != 0 {
		if e := r.refused(answer{res, string(text)}, in.status, in.reason); e.Rule != in.rule {
			t.Errorf("rule %q, want %q", e.Rule, in.rule)
		}
		if res.Close { // the others end the connection
			if rest, _ := io.ReadAll(br); len(rest) > 0 {
				t.Errorf("behind the refusal comes %q", rest)
			}
		}
	} else if res.StatusCode != 200 {
		t.Errorf("answered %d %s", res.StatusCode, text)
	}
	if len(in.pass) > 0 && !res.Close { // nothing of it is left that could become a request
		if _, err := io.WriteString(c, "GET /last HTTP/1.1\r\n"+hostLine+"\r\n"); err != nil {
			t.Fatal(err)
		}
		if res, err = http.ReadResponse(br, nil); err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		in.pass = append(in.pass, "GET /last")
	}
	up.asked(t, in.pass...)
}

// asked wants these requests to have come, and each in the one form there is.
func (u *tape) asked(t *testing.T, want ...string) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if got := strings.Join(u.paths, ", "); got != strings.Join(want, ", ") {
		t.Errorf("the upstream was asked for %q, want %q", got, want)
	}
	canonical(t, u.bytes.String())
}

// canonical wants bytes to be requests whose heads every reader reads alike.
func canonical(t *testing.T, raw string) {
	t.Helper()
	for raw != "" {
		head, rest, ok := strings.Cut(raw, "\r\n\r\n")
		if !ok {
			t.Fatalf("half a request: %q", raw)
		}
		if i := strings.IndexFunc(strings.ReplaceAll(head, "\r\n", ""), func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }); i >= 0 {
			t.Errorf("a control character in %q", head)
		}
		counts := map[string]int{}
		length := 0
		lines := strings.Split(head, "\r\n")
		if len(strings.Fields(lines[0])) != 3 || !strings.HasSuffix(lines[0], " HTTP/1.1") {
			t.Errorf("request line %q", lines[0])
		}
		for _, l := range lines[1:] {
			name, value, ok := strings.Cut(l, ": ")
			if !ok || strings.ContainsAny(name, " \t_") || strings.TrimSpace(value) != value {
				t.Errorf("header %q", l)
			}
			counts[strings.ToLower(name)]++
			if name == "Content-Length" {
				fmt.Sscan(value, &length)
			}
		}
		if counts["host"] != 1 || counts["content-length"]+counts["transfer-encoding"] > 1 {
			t.Errorf("names of %q", head)
		}
		if counts["transfer-encoding"] == 1 {
			end := strings.Index("\r\n"+rest, "\r\n0\r\n\r\n")
			if end < 0 {
				return // it was broken off, as the client's body was
			}
			length = end + len("0\r\n\r\n")
		}
		raw = rest[min(length, len(rest)):]
	}
}

// TestBadBodies: a body that has no reading breaks the request off; the upstream never
// takes what hides in it for a request, nor half a body for a whole one.
func TestBadBodies(t *testing.T) {
	for name, body := range map[string]string{
		"size in C's way":       "0x5\r\nhello\r\n0\r\n\r\n",
		"size with a sign":      "+5\r\nhello\r\n0\r\n\r\n",
		"size beyond 64 bits":   "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
		"size of nothing":       "\r\nhello\r\n0\r\n\r\n",
		"too short":             "1\r\nhello\r\n0\r\n\r\n" + hidden,
		"no end of the chunk":   "5\r\nhello0\r\n\r\n" + hidden,
		"extension of 64 KiB":   "5;" + strings.Repeat("x", 64<<10) + "\r\nhello\r\n0\r\n\r\n",
		"bare carriage return":  "5\rhello\r\n0\r\n\r\n",
		"zero byte in the size": "5\x00\r\nhello\r\n0\r\n\r\n",
		"blank in the size":     "5 5\r\nhello\r\n0\r\n\r\n",
		"broken off":            "5\r\nhel",
	} {
		t.Run(name, func(t *testing.T) {
			up := newTape(t)
			r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, Upstream: "http://" + up.Addr().String()}}}, nil)
			c := r.speak(t, false)
			go func() {
				_, _ = io.WriteString(c, post("Transfer-Encoding: chunked\r\n", body))
				_ = c.CloseWrite()
			}()
			raw, _ := io.ReadAll(c)
			if bytes.HasPrefix(raw, []byte("HTTP/1.1 2")) {
				t.Errorf("answered %q", raw)
			}
			e := r.next(t)
			if e.Outcome == haechi.Success || e.Path != "/seen" {
				t.Errorf("event %+v", e)
			}
			if name != "broken off" && (e.Rule != httpgate.RuleBadBody || e.Reason != haechi.ReasonMalformed || !bytes.Contains(raw, []byte(e.Ref)) || e.Ref == "") {
				t.Errorf("answered %q, event %+v", raw, e)
			}
			up.mu.Lock()
			defer up.mu.Unlock()
			for _, p := range up.paths {
				t.Errorf("the upstream took %q for whole", p)
			}
		})
	}
}

// TestGoodBodies: what is unusual and has one reading arrives whole.
func TestGoodBodies(t *testing.T) {
	for name, in := range map[string]string{
		"one byte a chunk":      post("Transfer-Encoding: chunked\r\n", "1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n1\r\nl\r\n1\r\no\r\n0\r\n\r\n"),
		"capital coding":        post("Transfer-Encoding: Chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
		"small extension":       post("Transfer-Encoding: chunked\r\n", "5;a=b\r\nhello\r\n0\r\n\r\n"),
		"trailer":               post("Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"),
		"empty lines before it": "\r\n\r\n" + post("Content-Length: 5\r\n", "hello"),
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, httpgate.Config{}, echo())
			_, br := r.raw("127.0.0.2", strings.TrimPrefix(in, "\r\n\r\n"))
			res, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			if text, _ := io.ReadAll(res.Body); res.StatusCode != 200 || !strings.HasSuffix(string(text), "hello") {
				t.Errorf("%d %q", res.StatusCode, text)
			}
		})
	}
}

// TestHundredMegabytes: a header that does not end is refused where its bound is, and
// nobody reads the rest.
func TestHundredMegabytes(t *testing.T) {
	r := start(t, httpgate.Config{}, echo())
	c := r.speak(t, false)
	sent := make(chan int64, 1)
	go func() {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\n"+hostLine+"X: ")
		n, _ := io.Copy(c, io.LimitReader(endless{}, 100<<20))
		sent <- n
	}()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(res.Body)
	r.refused(answer{res, string(text)}, 431, haechi.ReasonOversize)
	c.Close()
	if n := <-sent; n > 32<<20 { // what the kernel's buffers take, and no more
		t.Errorf("%d bytes were taken", n)
	}
}

// endless reads as the letter a.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

// TestPackedBodiesPassPacked: the gate expands nothing, whatever a body would become.
func TestPackedBodiesPassPacked(t *testing.T) {
	bomb := gzipped(t, 16<<20)
	var got int64
	cfg := httpgate.Config{Sites: []httpgate.Site{{Service: "shop", MaxBody: 1 << 20}}}
	r := start(t, cfg, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		got, _ = io.Copy(io.Discard, q.Body)
		w.Header().Set("Content-Encoding", q.Header.Get("Content-Encoding"))
		_, _ = w.Write(bomb)
	}))
	a := r.do("127.0.0.2", "POST", "shop.test/", bytes.NewReader(bomb), "Content-Encoding", "gzip")
	if a.StatusCode != 200 || got != int64(len(bomb)) || a.text != string(bomb) || a.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%d, %d of %d bytes there, %d back", a.StatusCode, got, len(bomb), len(a.text))
	}
	big := r.do("127.0.0.2", "POST", "shop.test/", io.LimitReader(endless{}, 2<<20), "Content-Encoding", "gzip")
	r.next(t)
	r.refused(big, http.StatusRequestEntityTooLarge, haechi.ReasonOversize)
}

// halfCloser is a client's connection.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// speak opens a connection with or without TLS.
func (r *rig) speak(t *testing.T, secure bool, protos ...string) halfCloser {
	t.Helper()
	raw, err := net.DialTimeout("tcp", r.addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	if err := raw.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if !secure {
		return raw.(*net.TCPConn)
	}
	return handshaken(t, raw, protos...)
}
