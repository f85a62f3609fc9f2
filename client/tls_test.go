package client_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"haechi/client"
	"haechi/internal/brick/framesign"
	"haechi/pin"
)

// listen starts a TLS listener whose certificate is from a CA of its own.
func listen(t *testing.T) (address string, ca *x509.Certificate, conns <-chan net.Conn) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gate"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"gate.test"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if ca, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan net.Conn, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			out <- c
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String(), ca, out
}

// tlsOf trusts the CA and pins these keys.
func tlsOf(t *testing.T, ca *x509.Certificate, pinned pin.Pin) *tls.Config {
	t.Helper()
	pool := x509.NewCertPool()
	if ca != nil {
		pool.AddCert(ca)
	}
	set, err := pin.New(pin.Config{Pins: []pin.Pin{pinned, {1, 2, 3}}})
	if err != nil {
		t.Fatal(err)
	}
	return set.TLS(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12})
}

func TestTLS(t *testing.T) {
	address, ca, conns := listen(t)
	c, err := client.New(client.Config{Servers: []string{address}, Protocol: sensor(), TLS: tlsOf(t, ca, pin.Of(ca))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	conn := <-conns
	defer conn.Close()
	r, err := framesign.NewReader(framesign.SignedLines())
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t, conn, bufio.NewReader(conn), r, framesign.NewMAC([]byte(secret)), 0}
	p.open()
	if err := c.Send("reading", 1); err != nil {
		t.Fatal(err)
	}
	p.frame("reading")
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Nothing is said to a server that is not trusted, or whose key is not pinned.
func TestUntrustedServers(t *testing.T) {
	address, ca, conns := listen(t)
	for name, cfg := range map[string]*tls.Config{
		"another CA": tlsOf(t, nil, pin.Of(ca)), "another key": tlsOf(t, ca, pin.Pin{9}), "no CA at all": {MinVersion: tls.VersionTLS12},
	} {
		c, err := client.New(client.Config{Servers: []string{address}, Protocol: sensor(), TLS: cfg, Backoff: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		conn := <-conns
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Errorf("%s: the device speaks", name)
		}
		conn.Close()
		stop()
		<-done
		if s := c.Stats(); s.Failed != 1 || s.Connects != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
