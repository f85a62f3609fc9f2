package httpgate

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/http1"
	"haechi/internal/ingress"
)

// laneFor is a lane on which the bytes came, with its request read; nil where a lane
// does not read them.
func laneFor(g *Gate, raw []byte) *lane {
	addr := netip.MustParseAddr("192.0.2.7")
	c := &conn{Conn: ingress.NewConn(nil, haechi.Actor{Addr: addr, Client: netip.PrefixFrom(addr, 32)}, 1, 2, nil), g: g,
		opened: time.Now(), address: []string{addr.String()}}
	l := &lane{c: c, read: g.reader, in: raw, have: len(raw)}
	if l.read.Request(l.in, &l.q) != http1.Read || l.q.Length > int64(len(raw)-l.q.Size) {
		return nil
	}
	l.last.host = string(l.q.Host)
	l.texts()
	x := newExchange(g)
	x.w, x.lane, x.c, x.origin, x.actor, x.direct = &l.page, l, c, c.opened, c.Actor, true
	x.in = asked{method: methodOf(l.q.Method), host: l.last.host, path: l.last.path, query: string(l.q.Query), length: l.q.Length, header: l}
	x.site = g.sites[0]
	l.x = x
	return l
}

func testGate(tb testing.TB) *Gate {
	tb.Helper()
	g, err := New(Config{Sites: []Site{{Service: "shop", Upstream: "http://127.0.0.1:1", Protection: &Protection{}}}}, Deps{})
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// FuzzCompose: whatever a lane reads, the upstream gets exactly one request, which
// net/http reads in the meaning that it reads in the client's, without a header by
// which a client could pass for somebody else.
func FuzzCompose(f *testing.F) {
	f.Add([]byte("POST /a%20b?x=1 HTTP/1.1\r\nhost: a.example:80\r\ncontent-length: 5\r\nx-forwarded-for: 1.2.3.4\r\nX_Real_IP: 1\r\nCookie: a=b\r\nConnection: close\r\n\r\nhello"))
	f.Add([]byte("GET /? HTTP/1.1\r\nHost: a\r\nX-Csp-Nonce: x\r\nContent_Length: 3\r\nForwarded: for=1\r\nAccept: a\r\nAccept: b\r\n\r\nGET /hidden HTTP/1.1\r\n"))
	f.Add([]byte("DELETE / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nKeep-Alive: 3\r\nContent-Length: 0\r\n\r\n"))
	g := testGate(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		l := laneFor(g, raw)
		if l == nil {
			return
		}
		sent := l.compose(nil)
		in, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(before)))
		if err != nil {
			t.Fatal(err)
		}
		br := bufio.NewReader(bytes.NewReader(sent))
		out, err := http.ReadRequest(br)
		if err != nil {
			t.Fatalf("%v in %q", err, sent)
		}
		want, _ := io.ReadAll(in.Body)
		got, err := io.ReadAll(out.Body)
		if rest, _ := io.ReadAll(br); err != nil || len(rest) > 0 || !bytes.Equal(got, want) {
			t.Fatalf("body %q (%v) and %q behind it, want %q", got, err, rest, want)
		}
		if out.Method != in.Method || out.RequestURI != in.RequestURI || out.Host != in.Host || out.ContentLength != in.ContentLength || out.Close || len(out.TransferEncoding) > 0 {
			t.Fatalf("%q became %q", before, sent)
		}
		for name, values := range map[string]string{"X-Forwarded-For": "192.0.2.7", "X-Real-Ip": "192.0.2.7", "X-Forwarded-Host": in.Host, "X-Forwarded-Proto": "http"} {
			if !slices.Equal(out.Header[name], []string{values}) {
				t.Fatalf("%s is %q", name, out.Header[name])
			}
			delete(out.Header, name)
		}
		delete(out.Header, "Content-Length") // compared as the length
		for name, values := range in.Header {
			switch {
			case claimsClient(name), name == nonceHeader, slices.Contains([]string{"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization"}, name):
				if out.Header[name] != nil {
					t.Fatalf("%s was passed on", name)
				}
			case !slices.Equal(out.Header[name], values):
				t.Fatalf("%s became %q, was %q", name, out.Header[name], values)
			}
			delete(out.Header, name)
		}
		if len(out.Header) > 0 {
			t.Fatalf("%v came from nowhere", out.Header)
		}
	})
}

// What a lane adds to an answer and takes out of it is what the other way does.
func TestFieldsAreThoseOfNetHTTP(t *testing.T) {
	g := testGate(t)
	protections := []Protection{{}, {HSTS: "max-age=1", Frames: "DENY", Referrer: "no-referrer", NoSniff: true,
		Cookies: Cookies{Secure: true, HTTPOnly: true, SameSite: "Lax", Readable: []string{"r"}}}}
	for _, p := range protections {
		for _, secure := range []bool{false, true} {
			for _, head := range []string{"", "X-Frame-Options: SAMEORIGIN\r\n", "Content-Security-Policy: Frame-Ancestors 'none'\r\n", "Referrer-Policy: origin\r\n",
				"Strict-Transport-Security: max-age=9\r\nX-XSS-Protection: 1\r\nX-Content-Type-Options: x\r\n",
				"Set-Cookie: a=b\r\nSet-Cookie: r=1; samesite=none\r\nSet-Cookie: c=d; Secure; HttpOnly\r\n", "X-Haechi-Ref: AAAAA-BBBBB\r\nKeep-Alive: 5\r\nConnection: keep-alive\r\nX-Other: é\r\n"} {
				raw := []byte("HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 0\r\n" + head + "\r\n")
				l := laneFor(g, []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
				x := l.x
				x.in.secure = secure
				x.site = &site{protection: newProtection(p)}
				res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), nil)
				if err != nil {
					t.Fatal(err)
				}
				removeHops(res.Header)
				if err := x.answered(res); err != nil {
					t.Fatal(err)
				}
				if l.read.Response(raw, &l.reply) != http1.Read {
					t.Fatal("not read")
				}
				var out bytes.Buffer
				out.Write(l.head(x, nil))
				ours, err := http.ReadResponse(bufio.NewReader(&out), nil)
				if err != nil {
					t.Fatal(err)
				}
				if a, b := dump(ours.Header), dump(res.Header); a != b {
					t.Errorf("%q, TLS %t:\n%s\nnet/http's way:\n%s", head, secure, a, b)
				}
			}
		}
	}
}

func dump(h http.Header) string {
	var b strings.Builder
	_ = h.Write(&b) // a Builder takes everything
	return b.String()
}

// BenchmarkCompose is what a lane writes for one request.
func BenchmarkCompose(b *testing.B) {
	l := laneFor(testGate(b), []byte("GET /api/items?id=1 HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\nCookie: a=b\r\n\r\n"))
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = l.compose(buf[:0])
	}
}
