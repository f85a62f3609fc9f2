package httpgate_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

// ask sends a request on an open connection and reads the answer.
func ask(t *testing.T, c net.Conn, br *bufio.Reader, path string) int {
	t.Helper()
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: shop.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return read(t, br)
}

func read(t *testing.T, br *bufio.Reader) int {
	t.Helper()
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

// TestHandOver: the connection stays, a request under way ends where it began, and
// the next one is judged by the gate that took over, along a chain.
func TestHandOver(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	first := start(t, httpgate.Config{}, http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/slow" {
			close(arrived)
			<-release
		}
	}))
	second, third := start(t, httpgate.Config{}, echo()), start(t, httpgate.Config{}, echo())
	third.judge(func(*haechi.Request) haechi.Verdict {
		return haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonRateLimit, Rule: "limit/address"}
	})
	c, br := first.raw("127.0.0.3", "GET /slow HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	<-arrived
	if !first.gate.HandOver(second.gate) || !second.gate.HandOver(third.gate) {
		t.Fatal("not handed over")
	}
	close(release)
	if status := read(t, br); status != http.StatusOK {
		t.Errorf("the request under way: %d", status)
	}
	if status := ask(t, c, br, "/"); status != http.StatusTooManyRequests {
		t.Errorf("the request after it: %d", status)
	}
	if e := third.next(t); e.Reason != haechi.ReasonRateLimit || e.Addr.String() != "127.0.0.3" {
		t.Errorf("recorded %+v", e)
	}
	if first.live() != 1 {
		t.Errorf("%d sessions of the connection", first.live())
	}
	c.Close()
	// Its own listener still serves, so Wait is only about what there was.
	first.gate.Wait()
}

// TestHandOverAdoptsTheLists: an accepted connection does not keep what the lists
// said when it was accepted.
func TestHandOverAdoptsTheLists(t *testing.T) {
	first, second := start(t, httpgate.Config{}, echo()), start(t, httpgate.Config{}, echo())
	c, br := first.raw("127.0.0.8", "GET / HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: 203.0.113.200\r\n\r\n")
	read(t, br)
	if !first.gate.HandOver(second.gate) {
		t.Fatal("not handed over")
	}
	second.judge(func(*haechi.Request) haechi.Verdict {
		return haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonAccess}
	})
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: 203.0.113.200\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if status := read(t, br); status != http.StatusOK {
		t.Errorf("an allowed client behind a trusted proxy gets %d", status)
	}
}

// TestHandOverKeepsTLSApart: a plain connection must not be answered as encrypted.
func TestHandOverKeepsTLSApart(t *testing.T) {
	plain := start(t, httpgate.Config{}, echo())
	secret, err := httpgate.New(httpgate.Config{TLS: &tls.Config{}, Sites: []httpgate.Site{{Service: "shop", Upstream: "http://127.0.0.1:1"}}}, httpgate.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	if plain.gate.HandOver(secret) || plain.gate.HandOver(plain.gate) {
		t.Error("handed over")
	}
}
