package tlsterm

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"time"
)

func caTemplate(now time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Haechi development CA " + now.UTC().Format("2006-01-02 15:04"), Organization: []string{"Haechi"}},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(caLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

func template(now time.Time, life time.Duration, n sans) *x509.Certificate {
	t := &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{"Haechi"}},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(life),
		DNSNames:              n.dns,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, ip := range n.ips {
		t.IPAddresses = append(t.IPAddresses, net.IP(ip))
	}
	return t
}

func sameIP(a net.IP, b []byte) bool { return a.Equal(net.IP(b)) }

// issue makes an ECDSA P-256 key and signs a certificate for it, by itself when
// ca is nil. The serial number is left to crypto/x509, which draws it at random.
func issue(t *x509.Certificate, ca *tls.Certificate) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	parent, signer := t, any(key)
	if ca != nil {
		parent, signer = ca.Leaf, ca.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// writePair writes the key first: a certificate on disk always has its key.
func writePair(certFile, keyFile string, cert *tls.Certificate) error {
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return err
	}
	if err := writeFile(keyFile, "PRIVATE KEY", der); err != nil {
		return err
	}
	return writeFile(certFile, "CERTIFICATE", cert.Certificate[0])
}

// writeFile replaces the file whole or not at all, readable by its owner only.
func writeFile(path, kind string, der []byte) (err error) {
	var text bytes.Buffer
	if err := pem.Encode(&text, &pem.Block{Type: kind, Bytes: der}); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if _, err := f.Write(text.Bytes()); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
