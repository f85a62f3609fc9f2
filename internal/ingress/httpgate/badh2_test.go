package httpgate_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

func handshaken(t *testing.T, raw net.Conn, protos ...string) *tls.Conn {
	t.Helper()
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", NextProtos: protos})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c
}

// gzipped is so many zero bytes, packed.
func gzipped(t *testing.T, n int64) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Frame types and flags of RFC 9113, section 6.
const (
	typeData, typeHeaders, typePriority, typeReset, typeSettings, typePing, typeGoAway, typeWindow, typeContinuation = 0, 1, 2, 3, 4, 6, 7, 8, 9

	endStream, endHeaders = 1, 4
)

const clientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// frameOf is one frame.
func frameOf(kind, flags byte, stream uint32, payload string) string {
	b := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(b[5:], stream)
	return string(b) + payload
}

// fields are header fields in HPACK, each as a literal that is not indexed (RFC 7541,
// 6.2.2), whatever they hold.
func fields(pairs ...string) string {
	var b strings.Builder
	for i, s := range pairs {
		if i%2 == 0 {
			b.WriteByte(0)
		}
		n := len(s)
		if n < 127 {
			b.WriteByte(byte(n))
		} else {
			b.WriteByte(127)
			for n -= 127; n >= 128; n >>= 7 {
				b.WriteByte(byte(n)&127 | 128)
			}
			b.WriteByte(byte(n))
		}
		b.WriteString(s)
	}
	return b.String()
}

// request2 are the fields of a request, with others behind.
func request2(method, path string, more ...string) string {
	return fields(append([]string{":method", method, ":scheme", "https", ":authority", "shop.test", ":path", path}, more...)...)
}

// h2client is a client that writes what it likes.
type h2client struct {
	t *testing.T
	*tls.Conn
}

func (r *rig) wild2(t *testing.T) *h2client {
	t.Helper()
	c := &h2client{t, r.speak(t, true, "h2").(*tls.Conn)}
	if c.ConnectionState().NegotiatedProtocol != "h2" {
		t.Fatal("no HTTP/2")
	}
	c.send(clientPreface + frameOf(typeSettings, 0, 0, ""))
	return c
}

func (c *h2client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// got is a frame that came.
type got struct {
	kind, flags byte
	stream      uint32
	payload     string
}

// next is the next frame but SETTINGS, WINDOW_UPDATE and PING; false at the end.
func (c *h2client) next() (f got, ok bool) {
	c.t.Helper()
	var head [9]byte
	for {
		if _, err := io.ReadFull(c, head[:]); err != nil {
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				c.t.Fatal("the connection is still open")
			}
			return f, false
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(c, payload); err != nil {
			return f, false
		}
		f = got{head[3], head[4], binary.BigEndian.Uint32(head[5:]), string(payload)}
		if !slices.Contains([]byte{typeSettings, typeWindow, typePing}, f.kind) {
			return f, true
		}
	}
}

// tape2 is a gate with TLS in front of a recording upstream.
func tape2(t *testing.T) (*rig, *tape) {
	up := newTape(t)
	return start(t, httpgate.Config{TLS: selfSigned(t), Sites: []httpgate.Site{
		{Service: "shop", Hosts: []string{"shop.test"}, Upstream: "http://" + up.Addr().String()}}}, nil), up
}

// TestDowngrades: what cannot be said in HTTP/1, or would be read there as something
// else, ends the stream, is told of, and does not reach the upstream.
func TestDowngrades(t *testing.T) {
	head := func(block string) string { return frameOf(typeHeaders, endStream|endHeaders, 1, block) }
	body := func(block, data string) string {
		return frameOf(typeHeaders, endHeaders, 1, block) + frameOf(typeData, endStream, 1, data)
	}
	for name, send := range map[string]string{
		"transfer coding":               body(request2("POST", "/seen", "transfer-encoding", "chunked"), "0\r\n\r\n"+hidden),
		"connection header":             head(request2("GET", "/seen", "connection", "x-real-ip")),
		"upgrade":                       head(request2("GET", "/seen", "upgrade", "websocket")),
		"te other than trailers":        head(request2("GET", "/seen", "te", "chunked")),
		"length below the body":         body(request2("POST", "/seen", "content-length", "3"), hidden),
		"length beyond the body":        body(request2("POST", "/seen", "content-length", "300"), "short"),
		"two lengths":                   body(request2("POST", "/seen", "content-length", "3", "content-length", "5"), "hello"),
		"length that is none":           body(request2("POST", "/seen", "content-length", "+5"), "hello"),
		"line break in a value":         head(request2("GET", "/seen", "x", "a\r\nTransfer-Encoding: chunked")),
		"line feed in a value":          head(request2("GET", "/seen", "x", "a\nx-b: c")),
		"zero byte in a value":          head(request2("GET", "/seen", "x", "a\x00b")),
		"line break in a name":          head(request2("GET", "/seen", "x\r\ny", "a")),
		"colon in a name":               head(request2("GET", "/seen", "x: y", "a")),
		"capital name":                  head(request2("GET", "/seen", "X-Real-IP", "203.0.113.1")),
		"empty name":                    head(request2("GET", "/seen", "", "a")),
		"line break in the path":        head(request2("GET", "/seen HTTP/1.1\r\nHost: shop.test\r\n\r\nGET /hidden")),
		"zero byte in the path":         head(request2("GET", "/seen%00")),
		"path without a slash":          head(request2("GET", "seen")),
		"empty path":                    head(request2("GET", "")),
		"line break in the method":      head(request2("GET /hidden HTTP/1.1\r\nX: ", "/seen")),
		"method with a blank":           head(request2("GET /hidden", "/seen")),
		"line break in the host":        head(fields(":method", "GET", ":scheme", "https", ":authority", "shop.test\r\nX: y", ":path", "/seen")),
		"two hosts":                     head(fields(":method", "GET", ":scheme", "https", ":authority", "shop.test", ":authority", "other.test", ":path", "/seen")),
		"host beside another authority": head(request2("GET", "/seen", "host", "other.test")),
		"two paths":                     head(fields(":method", "GET", ":scheme", "https", ":authority", "shop.test", ":path", "/seen", ":path", "/hidden")),
		"pseudo-header behind":          head(request2("GET", "/seen", "x", "y", ":path", "/hidden")),
		"unknown pseudo-header":         head(fields(":method", "GET", ":scheme", "https", ":authority", "shop.test", ":path", "/seen", ":x", "y")),
		"no method":                     head(fields(":scheme", "https", ":authority", "shop.test", ":path", "/seen")),
		"scheme with a line break":      head(fields(":method", "GET", ":scheme", "https\r\n", ":authority", "shop.test", ":path", "/seen")),
		"bad percent-encoding":          head(request2("GET", "/%zz")),
		"compression that is none":      head("\xff\xff\xff\xff\xff\xff\xff\xff"),
		"stream of the server's":        frameOf(typeHeaders, endStream|endHeaders, 2, request2("GET", "/seen")),
		"data on no stream":             frameOf(typeData, endStream, 1, "hello"),
		"settings that are none":        frameOf(typeSettings, 0, 0, "abc"),
		"frame too large":               frameOf(typeData, 0, 1, strings.Repeat("a", 2<<20)),
	} {
		t.Run(name, func(t *testing.T) {
			r, up := tape2(t)
			c := r.wild2(t)
			go func() { _, _ = io.WriteString(c, send) }() // the end may come before all was read
			f, ok := c.next()
			said := ""
			if ok && f.kind == typeHeaders {
				if f, ok = c.next(); ok && f.kind == typeData { // or the stream is reset before
					said = f.payload
				}
			}
			c.Close()
			e := r.next(t)
			for e.Outcome == haechi.Unknown { // the client is gone, says the exchange
				e = r.next(t)
			}
			if e.Reason != haechi.ReasonMalformed || e.Verdict != haechi.Deny || e.Ref == "" || e.Rule == "" || e.Addr.String() != "127.0.0.1" || !e.TLS {
				t.Errorf("event %+v", e)
			}
			if said != "" && !strings.Contains(said, string(e.Ref)) {
				t.Errorf("answered %q, event %+v", said, e)
			}
			up.asked(t)
		})
	}
}

// TestDowngradesThatHaveOneReading: what is allowed in HTTP/2 arrives in the form of
// HTTP/1, as one request.
func TestDowngradesThatHaveOneReading(t *testing.T) {
	r, up := tape2(t)
	c := r.wild2(t)
	c.send(frameOf(typeHeaders, endStream|endHeaders, 1, request2("GET", "/seen?x=%0d%0aX:%20y", "cookie", "a=1", "cookie", "b=2", "te", "trailers", "x", "\ty z ")))
	c.send(frameOf(typeHeaders, endStream|endHeaders, 3, request2("GET", "/a b")))
	c.send(frameOf(typeHeaders, endHeaders, 5, request2("POST", "/seen")) + frameOf(typeData, 0, 5, hidden) + frameOf(typeData, endStream, 5, ""))
	for answers := 0; answers < 3; {
		f, ok := c.next()
		if !ok || f.kind == typeReset || f.kind == typeGoAway {
			t.Fatalf("answered %+v, %v", f, ok)
		}
		if f.kind == typeHeaders {
			answers++
		}
	}
	up.mu.Lock()
	slices.Sort(up.paths)
	raw := up.bytes.String()
	up.mu.Unlock()
	up.asked(t, "GET /a%20b", "GET /seen?x=%0d%0aX:%20y", "POST /seen")
	if !strings.Contains(raw, "Cookie: a=1; b=2\r\n") {
		t.Errorf("the upstream read %q", raw)
	}
}

// floods are clients that write what costs more than it says.
func floods() map[string]struct {
	rule string
	send func(i int) string
} {
	type flood = struct {
		rule string
		send func(i int) string
	}
	same := func(text string) func(int) string { return func(int) string { return text } }
	open := frameOf(typeHeaders, 0, 1, request2("GET", "/seen"))
	return map[string]flood{
		"rapid reset (CVE-2023-44487)": {httpgate.RuleReset, func(i int) string {
			id := uint32(2*i + 1)
			return frameOf(typeHeaders, endStream|endHeaders, id, request2("GET", "/seen")) + frameOf(typeReset, 0, id, "\x00\x00\x00\x08")
		}},
		"pings (CVE-2019-9512)":    {httpgate.RuleFrames, same(frameOf(typePing, 0, 0, "12345678"))},
		"settings (CVE-2019-9515)": {httpgate.RuleFrames, same(frameOf(typeSettings, 0, 0, ""))},
		"priorities":               {httpgate.RuleFrames, same(frameOf(typePriority, 0, 1, "\x00\x00\x00\x00\x10"))},
		"unknown frames":           {httpgate.RuleFrames, same(frameOf(0x42, 0, 0, ""))},
		"window updates":           {httpgate.RuleFrames, same(frameOf(typeWindow, 0, 0, "\x00\x00\x00\x01"))},
		"continuations, empty":     {httpgate.RuleContinuation, func(i int) string { return first(i, open) + frameOf(typeContinuation, 0, 1, "") }},
		"continuations with fields": {httpgate.RuleContinuation, func(i int) string {
			return first(i, open) + frameOf(typeContinuation, 0, 1, fields("x", strings.Repeat("y", 8000)))
		}},
	}
}

func first(i int, text string) string {
	if i == 0 {
		return text
	}
	return ""
}

// TestFloods: each is cut within its bound with a reference in the last frame, and an
// honest client beside it is served.
func TestFloods(t *testing.T) {
	for name, in := range floods() {
		t.Run(name, func(t *testing.T) {
			r, _ := tape2(t)
			honest := r.client("127.0.0.3")
			c := r.wild2(t)
			wrote := make(chan int, 1)
			go func() {
				n := 0
				for ; n < 200_000; n++ {
					if _, err := io.WriteString(c, in.send(n)); err != nil {
						break
					}
				}
				wrote <- n
			}()
			last := got{}
			for f, ok := c.next(); ok; f, ok = c.next() {
				last = f
			}
			c.Close()
			if n := <-wrote; n >= 200_000 {
				t.Error("all of it was taken")
			}
			var e haechi.Event
			for e = r.next(t); e.Rule != in.rule; e = r.next(t) {
				if e.Rule == httpgate.RuleH2 {
					t.Logf("net/http ended it first: %s", e.Text)
					return
				}
			}
			if e.Reason != haechi.ReasonFlood || e.Verdict != haechi.Deny || e.Ref == "" || e.Observed <= e.Threshold || e.Threshold == 0 {
				t.Errorf("event %+v", e)
			}
			if last.kind != typeGoAway || !strings.HasSuffix(last.payload, string(e.Ref)) {
				t.Errorf("the last frame is %+v, want %s", last, e.Ref)
			}
			res, err := honest.Get("https://" + r.addr + "/")
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		})
	}
}

// TestHonestClientsAreNoFlood: a page with a hundred parts that is left half-way, big
// answers with many window updates, and a ping now and then.
func TestHonestClientsAreNoFlood(t *testing.T) {
	r, _ := tape2(t)
	c := r.wild2(t)
	for i := range 100 {
		id := uint32(2*i + 1)
		c.send(frameOf(typeHeaders, endStream|endHeaders, id, request2("GET", "/seen")) + frameOf(typeReset, 0, id, "\x00\x00\x00\x08"))
	}
	for range 50 {
		c.send(frameOf(typePing, 0, 0, "12345678") + frameOf(typeWindow, 0, 0, "\x00\x00\x10\x00"))
	}
	c.send(frameOf(typeHeaders, endStream|endHeaders, 1001, request2("GET", "/last")))
	for {
		f, ok := c.next()
		if !ok || f.kind == typeGoAway {
			t.Fatalf("it was cut: %+v", f)
		}
		if f.kind == typeHeaders && f.stream == 1001 {
			return
		}
	}
}

// TestHeaderSizeOverHTTP2: what net/http answers by itself has a reference too.
func TestHeaderSizeOverHTTP2(t *testing.T) {
	r, up := tape2(t)
	c := r.wild2(t)
	var crumbs []string
	for range 1000 {
		crumbs = append(crumbs, "cookie", "ab=1")
	}
	block := request2("GET", "/seen", crumbs...)
	c.send(frameOf(typeHeaders, endStream, 1, block[:6000]) + frameOf(typeContinuation, endHeaders, 1, block[6000:]))
	e := r.next(t)
	if e.Rule != httpgate.RuleHeader || e.Status != 431 || e.Reason != haechi.ReasonOversize || e.Ref == "" {
		t.Errorf("event %+v", e)
	}
	for f, ok := c.next(); ; f, ok = c.next() {
		if !ok {
			t.Fatal("no answer")
		}
		if f.kind == typeData {
			if !strings.Contains(f.payload, string(e.Ref)) {
				t.Errorf("answered %q, want %s", f.payload, e.Ref)
			}
			break
		}
	}
	up.asked(t)
}

// TestPlainTextToTLSIsAnswered: who speaks HTTP where TLS is spoken is told so with a
// reference; who speaks neither is told of.
func TestPlainTextToTLSIsAnswered(t *testing.T) {
	r, _ := tape2(t)
	_, br := r.raw("127.0.0.2", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	text, _ := io.ReadAll(br)
	if e := r.next(t); e.Rule != httpgate.RuleNoTLS || e.Kind != haechi.KindRequest || !strings.Contains(string(text), string(e.Ref)) || !strings.HasPrefix(string(text), "HTTP/1.1 400") {
		t.Errorf("answered %q, event %+v", text, e)
	}
	_, br = r.raw("127.0.0.2", "SSH-2.0-OpenSSH_9\r\n")
	text, _ = io.ReadAll(br)
	if e := r.next(t); e.Rule != httpgate.RuleNoTLS || strings.HasPrefix(string(text), "HTTP") {
		t.Errorf("answered %q, event %+v", text, e)
	}
}

// TestFloodLeavesOthersAlone: ten floods at once, a million requests, and the honest
// client's answers come all the same.
func TestFloodLeavesOthersAlone(t *testing.T) {
	r, _ := tape2(t)
	go func() { // the events of a flood are many; nobody else reads them here
		for {
			select {
			case <-r.events:
			case <-t.Context().Done():
				return
			}
		}
	}()
	for range 10 {
		c := r.wild2(t)
		go func() {
			for i := range 100_000 {
				id := uint32(2*i + 1)
				if _, err := io.WriteString(c, frameOf(typeHeaders, endStream|endHeaders, id, request2("GET", "/seen"))+frameOf(typeReset, 0, id, "\x00\x00\x00\x08")); err != nil {
					return
				}
			}
		}()
	}
	honest := r.client("127.0.0.3")
	worst := time.Duration(0)
	for i := range 20 {
		begun := time.Now()
		res, err := honest.Get("https://" + r.addr + "/" + fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		worst = max(worst, time.Since(begun))
	}
	t.Logf("the slowest of 20 answers took %v", worst)
	if worst > 20*time.Second { // all of the floods would take minutes; a busy machine takes 5 s
		t.Errorf("the slowest answer took %v", worst)
	}
}
