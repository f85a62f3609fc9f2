package httpgate_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

// spoken answers with the version of HTTP that it was asked in, and streams on /events.
func spoken(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	w.Header().Set("X-Spoken", q.Proto)
	w.Header().Set("X-Encodings", q.Header.Get("Accept-Encoding"))
	w.Header().Set("Trailer", "X-Sum")
	if q.URL.Path == "/events" {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 3 {
			_, _ = io.WriteString(w, "data: x\n\n")
			_ = http.NewResponseController(w).Flush()
		}
		<-q.Context().Done()
		return
	}
	_, _ = w.Write(append([]byte(q.Host+" "), body...))
	_ = http.NewResponseController(w).Flush() // an answer with a length has no trailer over HTTP/1.1
	w.Header().Set("X-Sum", "1")
}

// TestHTTP2Upstream: by ALPN over TLS, without TLS by choice, and HTTP/1.1 where the
// server offers nothing else; bodies, trailers, streams and host names pass alike.
func TestHTTP2Upstream(t *testing.T) {
	for name, want := range map[string]string{"https": "HTTP/2.0", "h2c": "HTTP/2.0", "https, 1.1 only": "HTTP/1.1", "http": "HTTP/1.1"} {
		t.Run(name, func(t *testing.T) {
			up := httptest.NewUnstartedServer(http.HandlerFunc(spoken))
			site := httpgate.Site{Service: "shop"}
			up.EnableHTTP2 = name == "https"
			up.Config.Protocols = new(http.Protocols)
			up.Config.Protocols.SetHTTP1(name != "h2c")
			up.Config.Protocols.SetHTTP2(name == "https")
			up.Config.Protocols.SetUnencryptedHTTP2(name == "h2c")
			if strings.HasPrefix(name, "https") {
				up.StartTLS()
				pool := x509.NewCertPool()
				pool.AddCert(up.Certificate())
				site.UpstreamTLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
			} else {
				up.Start()
			}
			t.Cleanup(up.Close)
			_, host, _ := strings.Cut(up.URL, "://")
			scheme, _, _ := strings.Cut(name, ",")
			site.Upstream = scheme + "://" + host
			r := start(t, httpgate.Config{Sites: []httpgate.Site{site}}, nil)
			if got := r.gate.Servers(0)[0]; got.URL != site.Upstream || !got.Up {
				t.Errorf("shown as %+v", got)
			}
			for _, method := range []string{"GET", "POST"} {
				a := r.do("127.0.0.2", method, "shop.test/", strings.NewReader(map[string]string{"POST": "hello"}[method]), "Accept-Encoding", "br;q=1, zstd", "Te", "trailers")
				if a.StatusCode != 200 || a.Header.Get("X-Spoken") != want || !strings.HasPrefix(a.text, "shop.test ") || a.Header.Get("X-Encodings") != "br;q=1, zstd" || a.Trailer.Get("X-Sum") != "1" {
					t.Errorf("%s: %d %v %q %v", method, a.StatusCode, a.Header, a.text, a.Trailer)
				}
			}
			if a := r.get("shop.test/"); a.Header.Get("X-Encodings") != "" {
				t.Errorf("the gate asks for %q by itself", a.Header.Get("X-Encodings"))
			}
			c, br := r.raw("127.0.0.3", "GET /events HTTP/1.1\r\nHost: shop.test\r\n\r\n")
			res, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			events := bufio.NewReader(res.Body)
			for range 3 {
				if line, err := events.ReadString('\n'); err != nil || line != "data: x\n" {
					t.Fatal(line, err)
				}
				_, _ = events.ReadString('\n')
			}
			c.Close() // the stream behind ends with its client, or Close would wait
		})
	}
}

// TestH2CUpstreamThatIsNone: a server that speaks HTTP/1.1 only, or nothing, is an
// upstream that does not answer.
func TestH2CUpstreamThatIsNone(t *testing.T) {
	up := newLiar(t, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", hangUp)
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Upstream: "h2c://" + up.Addr().String(), AnswerTimeout: time.Second}}}, nil)
	a := r.get("shop.test/")
	r.refused(a, a.StatusCode, haechi.ReasonUpstreamDown)
	if a.StatusCode < 502 || strings.Contains(a.text, up.Addr().(*net.TCPAddr).String()) {
		t.Errorf("%d %q", a.StatusCode, a.text)
	}
}

// TestCompressedAnswersPassAsTheyAre over either way to the upstream.
func TestCompressedAnswersPassAsTheyAre(t *testing.T) {
	packed := gzipped(t, 100_000)
	r := start(t, httpgate.Config{}, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Vary", "Accept-Encoding")
		w.Header().Set("Etag", `"x"`)
		_, _ = w.Write(packed)
	}))
	for _, method := range []string{"GET", "POST"} {
		a := r.do("127.0.0.2", method, "shop.test/", strings.NewReader(""), "Accept-Encoding", "gzip")
		if a.text != string(packed) || a.Header.Get("Content-Encoding") != "gzip" || a.Header.Get("Vary") != "Accept-Encoding" || a.Header.Get("Etag") != `"x"` || a.ContentLength != int64(len(packed)) {
			t.Errorf("%s: %v, %d bytes of %d", method, a.Header, len(a.text), len(packed))
		}
	}
}
