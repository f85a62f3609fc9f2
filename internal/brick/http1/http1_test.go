package http1_test

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"haechi/internal/brick/http1"
)

// asMap is what the fields say, as net/http keeps it.
func asMap(fields []http1.Field) http.Header {
	h := http.Header{}
	for _, f := range fields {
		h[string(f.Name)] = append(h[string(f.Name)], string(f.Value))
	}
	return h
}

func sameHeader(t *testing.T, fields []http1.Field, theirs http.Header) {
	t.Helper()
	ours, theirs := asMap(fields), maps.Clone(theirs)
	theirs.Del("Transfer-Encoding")
	delete(ours, "Transfer-Encoding") // which net/http keeps elsewhere
	if !maps.EqualFunc(ours, theirs, slices.Equal) {
		t.Fatalf("fields %v, net/http reads %v", ours, theirs)
	}
}

// FuzzRequest: what is accepted net/http reads the same way: method, target, host,
// fields, body, and where the next request begins; and both paths are judged alike.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n"))
	f.Add([]byte("POST /a%20b?x=1&y=%ea HTTP/1.1\r\nhost: a.example:80\r\ncontent-length: 5\r\nx-forwarded-for: 1.2.3.4\r\nConnection: Keep-Alive\r\n\r\nhello"))
	f.Add([]byte("GET /x? HTTP/1.1\r\nHost: [::1]:80\r\nPragma: no-cache\r\nCache-Control: no-cache\r\nKeep-Alive: 3\r\n\r\n"))
	f.Add([]byte("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\nX\x00: a\r\n\r\n"))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\nx-a: 12345678\x7f2345678\r\n\r\n"))
	f.Add([]byte("GET /a;b?c;d HTTP/1.1\r\nHost: a\r\nContent-Length: 00\r\nCookie:\t a=b \t\r\nx_y: \x80\r\n\r\n"))
	reader := http1.NewReader()
	f.Fuzz(func(t *testing.T, raw []byte) {
		var q http1.Request
		before := bytes.Clone(raw)
		if reader.Request(raw, &q) != http1.Read {
			return
		}
		br := bufio.NewReader(bytes.NewReader(before))
		r, err := http.ReadRequest(br)
		if err != nil {
			t.Fatalf("net/http refuses it: %v", err)
		}
		target := string(q.Path)
		if q.HasQuery {
			target += "?" + string(q.Query)
		}
		path, err := url.PathUnescape(string(q.Path))
		if err != nil || q.Escaped != strings.Contains(target[:len(q.Path)], "%") {
			t.Fatalf("path %q: %v", q.Path, err)
		}
		if r.Method != string(q.Method) || r.RequestURI != target || r.URL.RequestURI() != target || r.Host != string(q.Host) ||
			r.URL.Path != path || r.URL.RawQuery != string(q.Query) || r.ContentLength != q.Length || r.Close != q.Close ||
			r.ProtoMajor != 1 || r.ProtoMinor != 1 || len(r.TransferEncoding) != 0 {
			t.Fatalf("%q is %+v, net/http reads %+v", before, q, r)
		}
		if _, err := url.ParseQuery(string(q.Query)); err != nil {
			t.Fatalf("query %q: %v", q.Query, err) // httputil would change it
		}
		sameHeader(t, q.Fields, r.Header)
		body, err := io.ReadAll(r.Body)
		rest, _ := io.ReadAll(br)
		switch have := int64(len(before) - q.Size); {
		case have >= q.Length:
			if err != nil || int64(len(body)) != q.Length || len(rest) != int(have-q.Length) {
				t.Fatalf("the body has %d bytes and %d follow (%v), want %d and %d", len(body), len(rest), err, q.Length, have-q.Length)
			}
		case err == nil:
			t.Fatal("net/http is content with less of the body")
		}
		for n := range q.Size { // no beginning of it is read as something else
			if out := reader.Request(raw[:n], &q); out != http1.More {
				t.Fatalf("%d bytes of it: %v", n, out)
			}
		}
	})
}

// FuzzResponse: as FuzzRequest, for answers.
func FuzzResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nokHTTP/1.1"))
	f.Add([]byte("HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\nConnection: close\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\nX-A:b\r\n\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 204 \r\nContent-Length: 0\r\n\r\n"))
	reader := http1.NewReader()
	f.Fuzz(func(t *testing.T, raw []byte) {
		var p http1.Response
		before := bytes.Clone(raw)
		if reader.Response(raw, &p) != http1.Read {
			return
		}
		br := bufio.NewReader(bytes.NewReader(before))
		r, err := http.ReadResponse(br, &http.Request{Method: "GET"})
		if err != nil {
			t.Fatalf("net/http refuses it: %v", err)
		}
		bodiless := p.Status == 204 || p.Status == 304
		if r.StatusCode != p.Status || r.ProtoMajor != 1 || r.ProtoMinor != 1 {
			t.Fatalf("%q is %+v, net/http reads %+v", before, p, r)
		}
		if p.HasLength && !bodiless && r.ContentLength != p.Length || !bodiless && p.Chunked != (len(r.TransferEncoding) == 1) {
			t.Fatalf("%q is %+v, net/http reads %+v", before, p, r)
		}
		if p.Close && !r.Close {
			t.Fatal("net/http would keep the connection")
		}
		r.Header.Del("Connection") // as net/http does itself where it says close
		p.Fields = slices.DeleteFunc(p.Fields, func(f http1.Field) bool { return string(f.Name) == "Connection" })
		if r.Header.Get("Pragma") == "no-cache" {
			r.Header.Del("Cache-Control") // which net/http adds
			p.Fields = slices.DeleteFunc(p.Fields, func(f http1.Field) bool { return string(f.Name) == "Cache-Control" })
		}
		sameHeader(t, p.Fields, r.Header)
		for n := range p.Size {
			if out := reader.Response(raw[:n], &p); out != http1.More {
				t.Fatalf("%d bytes of it: %v", n, out)
			}
		}
	})
}

// What has two readings, or needs another, is not read here.
func TestOther(t *testing.T) {
	reader := http1.NewReader()
	const host = "Host: a\r\n"
	for _, text := range []string{
		"GET / HTTP/1.0\r\n" + host + "\r\n", "get / HTTP/1.1\r\n" + host + "\r\n", "GET  / HTTP/1.1\r\n" + host + "\r\n",
		"GET http://a/ HTTP/1.1\r\n" + host + "\r\n", "GET //a HTTP/1.1\r\n" + host + "\r\n", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n",
		"GET /%zz HTTP/1.1\r\n" + host + "\r\n", "GET /?a;b HTTP/1.1\r\n" + host + "\r\n", "GET /\x80 HTTP/1.1\r\n" + host + "\r\n",
		"GET /#a HTTP/1.1\r\n" + host + "\r\n", "GET / HTTP/1.1\n" + host + "\r\n", "GET / HTTP/1.1\r\nHost: a\n\r\n",
		"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: \r\n\r\n", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
		"GET / HTTP/1.1\r\n" + host + host + "\r\n", "GET / HTTP/1.1\r\n" + host + "A : b\r\n\r\n", "GET / HTTP/1.1\r\n" + host + "A: b\r\n c\r\n\r\n",
		"GET / HTTP/1.1\r\n" + host + "A: b\rc\r\n\r\n", "GET / HTTP/1.1\r\n" + host + "A: \x00\r\n\r\n", "GET / HTTP/1.1\r\n" + host + ": b\r\n\r\n",
		"GET / HTTP/1.1\r\n" + host + "Upgrade: h2c\r\n\r\n", "GET / HTTP/1.1\r\n" + host + "Connection: upgrade\r\n\r\n",
		"GET / HTTP/1.1\r\n" + host + "Connection: close, x-real-ip\r\n\r\n", "GET / HTTP/1.1\r\n" + host + "Te: trailers\r\n\r\n",
		"POST / HTTP/1.1\r\n" + host + "Expect: 100-continue\r\n\r\n", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n",
		"POST / HTTP/1.1\r\n" + host + "Content-Length: +1\r\n\r\n", "POST / HTTP/1.1\r\n" + host + "Content-Length: 1, 1\r\n\r\n",
		"POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\ncontent-length: 1\r\n\r\n", "POST / HTTP/1.1\r\n" + host + "Content-Length:\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\r\nGET / HTTP/1.1\r\n" + host + "\r\n", "GET / HTTP/1.1\r\n" + host + "Pragma: no-cache\r\n\r\n",
		"GET / HTTP/1.1\r\n" + host + strings.Repeat("A: b\r\n", http1.MaxFields+1) + "\r\n",
	} {
		var q http1.Request
		if out := reader.Request([]byte(text), &q); out != http1.Other {
			t.Errorf("%q: %v, %+v", text, out, q)
		}
	}
}

const browser = "GET /api/items?id=1 HTTP/1.1\r\nHost: shop.example.com\r\nuser-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n" +
	"accept: */*\r\naccept-language: ko-KR,ko;q=0.9\r\nAccept-Encoding: gzip, deflate, br\r\nCookie: session=0123456789abcdef0123456789abcdef; a=b\r\n" +
	"Connection: keep-alive\r\n\r\n"

func TestRequestAllocatesNothing(t *testing.T) {
	reader, q, b := http1.NewReader(), &http1.Request{}, []byte(browser)
	reader.Request(b, q)
	if n := testing.AllocsPerRun(100, func() { reader.Request(b, q) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRequest(b *testing.B) {
	reader, q, text := http1.NewReader(), &http1.Request{}, []byte(browser)
	b.ReportAllocs()
	for b.Loop() {
		if reader.Request(text, q) != http1.Read {
			b.Fatal("not read")
		}
	}
}
