package scenario_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// testCA is a certificate authority of the tests, with the files of one certificate.
type testCA struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  crypto.Signer
}

func newTestCA(t *testing.T) *testCA {
	t.Helper()
	ca := &testCA{t: t, dir: t.TempDir()}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	ca.key = key
	ca.cert = ca.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "Scenario CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, nil, key.Public())
	must(t, os.WriteFile(ca.path("ca.pem"), pemOf("CERTIFICATE", ca.cert.Raw), 0o600))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	must(t, os.WriteFile(ca.path("ca.key"), pemOf("PRIVATE KEY", der), 0o600))
	return ca
}

func (ca *testCA) path(name string) string { return filepath.Join(ca.dir, name) }

// sign signs a certificate, by itself without a parent.
func (ca *testCA) sign(c, parent *x509.Certificate, pub crypto.PublicKey) *x509.Certificate {
	ca.t.Helper()
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, pub, ca.key)
	must(ca.t, err)
	out, err := x509.ParseCertificate(der)
	must(ca.t, err)
	return out
}

// issue writes shop.pem, with its chain, and shop.key: a certificate of 80 days for
// shop.test, changed as is wanted. Each file is replaced whole.
func (ca *testCA) issue(change func(*x509.Certificate)) *x509.Certificate {
	ca.t.Helper()
	c := &x509.Certificate{
		DNSNames: []string{shopHost}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(80 * 24 * time.Hour),
		Subject: pkix.Name{CommonName: shopHost}, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(c)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(ca.t, err)
	out := ca.sign(c, ca.cert, key.Public())
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(ca.t, err)
	ca.replace("shop.key", pemOf("PRIVATE KEY", der))
	ca.replace("shop.pem", bytes.Join([][]byte{pemOf("CERTIFICATE", out.Raw), pemOf("CERTIFICATE", ca.cert.Raw)}, nil))
	return out
}

func (ca *testCA) replace(name string, text []byte) {
	ca.t.Helper()
	must(ca.t, os.WriteFile(ca.path(".new"), text, 0o600))
	must(ca.t, os.Rename(ca.path(".new"), ca.path(name)))
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// pool trusts the authority.
func (ca *testCA) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(ca.cert)
	return p
}

// crl lists no certificate as revoked.
func (ca *testCA) crl(w http.ResponseWriter, _ *http.Request) {
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: ca.cert.SerialNumber, ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(7 * 24 * time.Hour),
	}, ca.cert, ca.key)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(der)
}

// tlsShop is the setting that serves the shop with the authority's files.
func (ca *testCA) tlsShop(more string) string {
	return "tls: { cert: " + ca.path("shop.pem") + ", key: " + ca.path("shop.key") + more + " }"
}

// served is the certificate that the shop shows now.
func (r *rig) served(pool *x509.CertPool) (*x509.Certificate, error) {
	return r.servedAs(shopHost, pool)
}

// servedAs is the certificate that is shown under that name at the shop's address.
func (r *rig) servedAs(host string, pool *x509.CertPool) (*x509.Certificate, error) {
	c, err := dialFrom(r.t.Context(), r.addr(97), r.shopAddr())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	s := tls.Client(c, &tls.Config{RootCAs: pool, ServerName: host})
	if err := s.HandshakeContext(r.t.Context()); err != nil {
		return nil, err
	}
	return s.ConnectionState().PeerCertificates[0], nil
}
