package tlsterm

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// authority signs certificates and OCSP answers.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	ca, err := issue(caTemplate(time.Now()), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{t, ca.Leaf, ca.PrivateKey.(*ecdsa.PrivateKey)}
}

func (a *authority) leaf(change func(*x509.Certificate)) *tls.Certificate {
	a.t.Helper()
	c := template(time.Now(), leafLife, sans{dns: []string{"shop.test"}})
	change(c)
	out, err := issue(c, &tls.Certificate{Leaf: a.cert, PrivateKey: a.key})
	if err != nil {
		a.t.Fatal(err)
	}
	out.Certificate = append(out.Certificate, a.cert.Raw)
	return out
}

// says is an answer about the serial number, signed by the signer.
func (a *authority) says(serial *big.Int, status int, from, to time.Time, by *tls.Certificate) []byte {
	a.t.Helper()
	r := ocsp.Response{Status: status, SerialNumber: serial, ThisUpdate: from, NextUpdate: to, RevokedAt: from}
	signer, cert := a.key, a.cert
	if by != nil {
		signer, cert = by.PrivateKey.(*ecdsa.PrivateKey), by.Leaf
		r.Certificate = by.Leaf
	}
	raw, err := ocsp.CreateResponse(a.cert, cert, r, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	return raw
}

// TestBelieve: only answers of the authority, about the certificate, of this time.
func TestBelieve(t *testing.T) {
	a, foreign, now := newAuthority(t), newAuthority(t), time.Now()
	leaf := a.leaf(func(*x509.Certificate) {})
	delegate := a.leaf(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} })
	past := a.leaf(func(c *x509.Certificate) {
		c.ExtKeyUsage, c.NotAfter = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, now.Add(-time.Minute)
	})
	other := a.leaf(func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "another customer"} })
	serial, to := leaf.Leaf.SerialNumber, now.Add(time.Hour)
	for name, c := range map[string]struct {
		raw  []byte
		good bool
	}{
		"the authority":               {a.says(serial, ocsp.Good, now, to, nil), true},
		"its responder":               {a.says(serial, ocsp.Good, now, to, delegate), true},
		"no end":                      {a.says(serial, ocsp.Good, now, time.Time{}, nil), true},
		"another of its certificates": {a.says(serial, ocsp.Good, now, to, other), false},
		"a responder that is over":    {a.says(serial, ocsp.Good, now, to, past), false},
		"another authority":           {foreign.says(serial, ocsp.Good, now, to, nil), false},
		"another certificate":         {a.says(big.NewInt(7), ocsp.Good, now, to, nil), false},
		"over":                        {a.says(serial, ocsp.Good, now.Add(-2*time.Hour), now.Add(-time.Hour), nil), false},
		"of tomorrow":                 {a.says(serial, ocsp.Good, now.Add(24*time.Hour), now.Add(48*time.Hour), nil), false},
		"unknown":                     {a.says(serial, ocsp.Unknown, now, to, nil), false},
		"nothing":                     {nil, false},
	} {
		if _, err := believe(c.raw, leaf.Leaf, a.cert, now); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// fixed is a source that has one certificate.
type fixed struct{ cert *tls.Certificate }

func (f fixed) load(_ time.Time, current *tls.Certificate) (*tls.Certificate, error) {
	if current != nil {
		return nil, nil
	}
	return f.cert, nil
}

// TestStaple: an answer is served until its end and not a moment longer, is asked for in
// good time, and goes with its certificate.
func TestStaple(t *testing.T) {
	a := newAuthority(t)
	var asked atomic.Int32
	var silent atomic.Bool
	var answer atomic.Pointer[[]byte]
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if silent.Load() {
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(*answer.Load())
	}))
	defer srv.Close()
	leaf := a.leaf(func(c *x509.Certificate) { c.OCSPServer = []string{srv.URL} })
	now := time.Now().Truncate(time.Second)
	s, err := newSet(fixed{leaf}, now)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	is := func(what string, at time.Duration, stapled bool, questions int32) {
		t.Helper()
		s.staple(context.Background(), now.Add(at), log)
		if got := len(s.Certificate().OCSPStaple) > 0; got != stapled || asked.Load() != questions {
			t.Errorf("%s: stapled %v, asked %d times; want %v, %d", what, got, asked.Load(), stapled, questions)
		}
	}
	good := a.says(leaf.Leaf.SerialNumber, ocsp.Good, now, now.Add(time.Hour), nil)
	answer.Store(&good)
	is("at first", 0, true, 1)
	is("before half of its time", 29*time.Minute, true, 1)
	silent.Store(true)
	is("the responder is silent", 31*time.Minute, true, 2)
	is("a moment later", 31*time.Minute+30*time.Second, true, 2)
	is("a minute later", 33*time.Minute, true, 3)
	is("at the end", time.Hour, false, 4)
	silent.Store(false)
	revoked := a.says(leaf.Leaf.SerialNumber, ocsp.Revoked, now.Add(time.Hour), now.Add(3*time.Hour), nil)
	answer.Store(&revoked)
	is("revoked", 2*time.Hour, false, 5)
	if !s.Revoked() {
		t.Error("the revocation is not known")
	}
	if len(leaf.OCSPStaple) > 0 {
		t.Error("the source's certificate was changed")
	}
}
