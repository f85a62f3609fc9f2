package httpgate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

func selfSigned(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func TestTLS(t *testing.T) {
	r := start(t, httpgate.Config{TLS: selfSigned(t), Sites: []httpgate.Site{{Service: "shop", MaxBody: 1000}}}, echo())
	a := r.do("127.0.0.2", "POST", "https:h/x", strings.NewReader("hello"), "X-Forwarded-For", "6.6.6.6", "X-Forwarded-Proto", "http")
	if a.ProtoMajor != 2 || a.StatusCode != 200 || !strings.HasSuffix(a.text, "hello") {
		t.Errorf("HTTP/%d %d %q", a.ProtoMajor, a.StatusCode, a.text)
	}
	if !strings.Contains(a.text, "X-Forwarded-Proto: https\n") || !strings.Contains(a.text, "X-Forwarded-For: 127.0.0.2\n") {
		t.Errorf("the upstream saw %q", a.text)
	}
	if e := r.next(t); e.Addr.String() != "127.0.0.2" || e.BytesIn != 5 || e.Session == 0 {
		t.Errorf("event %+v", e)
	}
	r.refused(r.do("127.0.0.2", "POST", "https:h/x", strings.NewReader(strings.Repeat("b", 1001))), 413, haechi.ReasonOversize)
}

func TestCutOverHTTP2(t *testing.T) {
	r := start(t, httpgate.Config{TLS: selfSigned(t), Sites: []httpgate.Site{{Service: "shop"}}}, echo())
	c := r.client("127.0.0.3")
	get := func() error {
		res, err := c.Get("https://" + r.addr + "/")
		if err == nil {
			res.Body.Close()
		}
		return err
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	before := r.last
	if r.cut("127.0.0.3", blocked()) != 1 {
		t.Error("no session to cut")
	}
	// The client may still find its old connection broken; then it makes a new
	// one, to which the inspector has no objection.
	if get() != nil {
		if err := get(); err != nil {
			t.Fatal(err)
		}
	}
	if r.last == before {
		t.Error("the old connection was used again")
	}
}

func TestPlainTextToTLS(t *testing.T) {
	r := start(t, httpgate.Config{TLS: selfSigned(t), HeaderTimeout: 200 * time.Millisecond, Sites: []httpgate.Site{{Service: "shop"}}}, echo())
	_, br := r.raw("127.0.0.3", "")
	ended(t, br) // a handshake that never starts
	if e := r.next(t); e.Kind != haechi.KindClose || e.Reason != haechi.ReasonTimeout {
		t.Errorf("event %+v", e)
	}
}
