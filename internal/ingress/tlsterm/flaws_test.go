package tlsterm_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/tlsterm"
)

const day = 24 * time.Hour

// served makes a certificate of 90 days for shop.test and serves it from files.
func served(t *testing.T, key crypto.Signer, self bool, change func(*x509.Certificate)) *tlsterm.Set {
	t.Helper()
	now := time.Now()
	c := &x509.Certificate{Subject: pkix.Name{CommonName: "shop.test"}, DNSNames: []string{"shop.test"}, NotBefore: now, NotAfter: now.Add(90 * day)}
	if change != nil {
		change(c)
	}
	parent, signer := c, key
	if !self {
		parent = &x509.Certificate{Subject: pkix.Name{CommonName: "Some Authority"}}
		signer = newKey(t)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	priv, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	crt, file := filepath.Join(dir, "c"), filepath.Join(dir, "k")
	for name, b := range map[string]*pem.Block{crt: {Type: "CERTIFICATE", Bytes: der}, file: {Type: "PRIVATE KEY", Bytes: priv}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := tlsterm.Files(crt, file, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestFlaws: each flaw is found, and a certificate as it should be has none.
func TestFlaws(t *testing.T) {
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	good := newKey(t)
	sample := func(c *x509.Certificate) { c.Subject.Organization = []string{"Internet Widgits Pty Ltd"} }
	for name, c := range map[string]struct {
		set   *tlsterm.Set
		hosts []string
		after time.Duration
		want  []haechi.Reason
	}{
		"good":         {served(t, good, false, nil), []string{"shop.test"}, 0, nil},
		"no hosts":     {served(t, good, false, nil), nil, 0, nil},
		"self-signed":  {served(t, good, true, nil), nil, 0, []haechi.Reason{haechi.ReasonCertificateSelfSigned}},
		"sample":       {served(t, good, true, sample), nil, 0, []haechi.Reason{haechi.ReasonCertificateDefault}},
		"development":  {devCA(t, t.TempDir()), nil, 0, []haechi.Reason{haechi.ReasonCertificateDefault}},
		"small curve":  {served(t, small, false, nil), nil, 0, []haechi.Reason{haechi.ReasonCertificateWeak}},
		"another host": {served(t, good, false, nil), []string{"shop.test", "api.test"}, 0, []haechi.Reason{haechi.ReasonCertificateWrongHost}},
		"over":         {served(t, good, false, nil), nil, 91 * day, []haechi.Reason{haechi.ReasonCertificateExpired}},
		"short RSA":    {served(t, short, false, nil), nil, 0, []haechi.Reason{haechi.ReasonCertificateWeak}},
	} {
		var got []haechi.Reason
		for _, f := range c.set.Flaws(c.hosts, false, time.Now().Add(c.after)) {
			got = append(got, f.Reason)
			if f.Text == "" {
				t.Errorf("%s: %s says nothing", name, f.Reason)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestEnding: an end is told at 30, 14, 7 and 1 days where that is late in the life of a
// certificate, and of one that renews itself only where that is late too.
func TestEnding(t *testing.T) {
	for _, c := range []struct {
		life, left time.Duration
		renewed    bool
		want       int
	}{
		{90 * day, 31 * day, false, 0}, {90 * day, 30*day - time.Hour, false, 30}, {90 * day, 15 * day, false, 30}, {90 * day, 13 * day, false, 14},
		{90 * day, 6 * day, false, 7}, {90 * day, time.Hour, false, 1},
		{90 * day, 29 * day, true, 0}, {90 * day, 14*day - time.Hour, true, 14}, {90 * day, time.Hour, true, 1},
		{6 * day, 5 * day, false, 0}, {6 * day, day - time.Hour, false, 1}, {6 * day, day / 2, true, 1}, {time.Hour, time.Minute, false, 0},
	} {
		s := served(t, newKey(t), false, func(x *x509.Certificate) { x.NotAfter = x.NotBefore.Add(c.life) })
		got := 0
		for _, f := range s.Flaws(nil, c.renewed, s.Expires().Add(-c.left)) {
			if f.Reason == haechi.ReasonCertificateExpiring {
				got = f.Days
			}
		}
		if got != c.want {
			t.Errorf("%v left of %v, renewed %v: stage %d, want %d", c.left, c.life, c.renewed, got, c.want)
		}
	}
}
