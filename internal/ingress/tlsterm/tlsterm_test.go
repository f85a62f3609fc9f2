package tlsterm_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/ingress/tlsterm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func devCA(t *testing.T, dir string, hosts ...string) *tlsterm.Set {
	t.Helper()
	s, err := tlsterm.DevCA{Dir: dir, Hosts: hosts}.Open(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func roots(t *testing.T, s *tlsterm.Set) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(s.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatal("no CA certificate")
	}
	return pool
}

// handshake connects over loopback and returns the client's view.
func handshake(t *testing.T, server, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_ = tls.Server(c, server).Handshake() // the client's error is the one judged
	}()
	defer func() { <-done }()
	raw, err := net.DialTimeout("tcp", ln.Addr().String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	c := tls.Client(raw, client)
	err = c.Handshake()
	return c.ConnectionState(), err
}

func TestHandshake(t *testing.T) {
	s := devCA(t, t.TempDir(), "shop.example.com")
	for _, name := range []string{"localhost", "127.0.0.1", "shop.example.com", "SHOP.example.com"} {
		st, err := handshake(t, tlsterm.Config(s), &tls.Config{ServerName: name, RootCAs: roots(t, s), NextProtos: []string{"h2", "http/1.1"}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if st.Version != tls.VersionTLS13 || st.NegotiatedProtocol != "h2" || st.CurveID != tls.X25519MLKEM768 {
			t.Errorf("%s: version %x, %q, curve %v", name, st.Version, st.NegotiatedProtocol, st.CurveID)
		}
	}
	if _, err := handshake(t, tlsterm.Config(s), &tls.Config{ServerName: "localhost", RootCAs: roots(t, s), MaxVersion: tls.VersionTLS12}); err != nil {
		t.Errorf("TLS 1.2: %v", err)
	}
	if _, err := handshake(t, tlsterm.Config(s), &tls.Config{ServerName: "localhost", RootCAs: roots(t, s), MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
}

func TestUnknownNamesGetNoCertificate(t *testing.T) {
	s := devCA(t, t.TempDir(), "*.shop.example.com")
	for _, name := range []string{"other.example.com", "example.com", "shop.example.com", "a.b.shop.example.com", "localhost.", "com"} {
		saw := false
		_, err := handshake(t, tlsterm.Config(s), &tls.Config{ServerName: name, InsecureSkipVerify: true,
			VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { saw = true; return nil }})
		if name == "localhost." { // a trailing dot is the same name, and not sent at all
			continue
		}
		if err == nil || saw || !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("%s: saw a certificate: %v, error %v", name, saw, err)
		}
	}
	if _, err := handshake(t, tlsterm.Config(s), &tls.Config{ServerName: "a.shop.example.com", RootCAs: roots(t, s)}); err != nil {
		t.Errorf("the wildcard's name: %v", err)
	}
}

func TestSeveralSets(t *testing.T) {
	a, b := devCA(t, t.TempDir(), "*.example.com"), devCA(t, t.TempDir(), "shop.example.com")
	st, err := handshake(t, tlsterm.Config(a, b), &tls.Config{ServerName: "shop.example.com", InsecureSkipVerify: true})
	if err != nil || st.PeerCertificates[0].VerifyHostname("shop.example.com") != nil || !st.PeerCertificates[0].Equal(b.Leaf()) {
		t.Errorf("the exact name did not win: %v", err)
	}
}

func TestDevCAIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	first := devCA(t, dir, "shop.example.com", "192.0.2.1", "2001:db8::1")
	second := devCA(t, dir, "2001:db8::1", "shop.example.com", "192.0.2.1", "SHOP.example.com")
	if !first.Leaf().Equal(second.Leaf()) {
		t.Error("the same hosts in another order got a new certificate")
	}
	third := devCA(t, dir, "other.example.com")
	if third.Leaf().Equal(first.Leaf()) || third.Leaf().VerifyHostname("other.example.com") != nil {
		t.Error("other hosts kept the old certificate")
	}
	if _, err := third.Leaf().Verify(x509.VerifyOptions{Roots: roots(t, first)}); err != nil {
		t.Errorf("the new certificate is not by the same CA: %v", err)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if want := fs.FileMode(0o600); !d.IsDir() && info.Mode().Perm() != want {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if strings.HasPrefix(d.Name(), ".new") {
			t.Errorf("%s was left behind", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDevCARenews(t *testing.T) {
	s := devCA(t, t.TempDir())
	first := s.Leaf()
	if changed, err := s.Refresh(time.Now().Add(30 * 24 * time.Hour)); changed || err != nil {
		t.Errorf("after 30 days: changed %v, %v", changed, err)
	}
	later := time.Now().Add(61 * 24 * time.Hour)
	if changed, err := s.Refresh(later); !changed || err != nil {
		t.Fatalf("after 61 of 90 days: changed %v, %v", changed, err)
	}
	if s.Leaf().Equal(first) || !s.Expires().After(later.Add(80*24*time.Hour)) {
		t.Errorf("expires %v", s.Expires())
	}
}

func TestADamagedCAIsNotReplaced(t *testing.T) {
	for _, file := range []string{"ca.crt", "ca.key"} {
		dir := t.TempDir()
		s := devCA(t, dir)
		if err := os.WriteFile(filepath.Join(dir, file), []byte("junk"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := (tlsterm.DevCA{Dir: dir}).Open(time.Now()); haechi.KindOf(err) != haechi.Invalid || err == nil {
			t.Errorf("%s: %v", file, err)
		}
		if _, err := s.Refresh(time.Now()); err == nil || s.Leaf() == nil {
			t.Error("the running set noticed nothing, or lost its certificate")
		}
		if err := os.Remove(filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
		if _, err := (tlsterm.DevCA{Dir: dir}).Open(time.Now()); err == nil {
			t.Errorf("half a CA without %s was replaced", file)
		}
	}
	dir := t.TempDir()
	devCA(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "leaf.crt"), []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	devCA(t, dir) // a damaged leaf is no loss
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	first := devCA(t, dir)
	crt, key := filepath.Join(dir, "leaf.crt"), filepath.Join(dir, "leaf.key")
	s, err := tlsterm.Files(crt, key, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := s.Refresh(time.Now()); changed || err != nil {
		t.Errorf("unchanged files: %v, %v", changed, err)
	}
	devCA(t, dir, "new.example.com") // writes the files anew
	if changed, err := s.Refresh(time.Now()); !changed || err != nil || s.Leaf().Equal(first.Leaf()) {
		t.Errorf("changed files: %v, %v", changed, err)
	}
	if err := os.WriteFile(key, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := s.Refresh(time.Now()); changed || err == nil {
		t.Errorf("a broken key was taken over: %v", err)
	}
	if _, err := handshake(t, tlsterm.Config(s), &tls.Config{ServerName: "new.example.com", InsecureSkipVerify: true}); err != nil {
		t.Errorf("the old certificate is gone: %v", err)
	}
}

func TestFilesThatAreNoUse(t *testing.T) {
	dir := t.TempDir()
	devCA(t, dir)
	crt, key := filepath.Join(dir, "leaf.crt"), filepath.Join(dir, "leaf.key")
	for name, open := range map[string]func() (*tlsterm.Set, error){
		"missing":   func() (*tlsterm.Set, error) { return tlsterm.Files(crt+"x", key, time.Now()) },
		"wrong key": func() (*tlsterm.Set, error) { return tlsterm.Files(crt, filepath.Join(dir, "ca.key"), time.Now()) },
		"over":      func() (*tlsterm.Set, error) { return tlsterm.Files(crt, key, time.Now().Add(100*24*time.Hour)) },
		"no names": func() (*tlsterm.Set, error) {
			return tlsterm.Files(filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key"), time.Now())
		},
		"no folder":  func() (*tlsterm.Set, error) { return tlsterm.DevCA{Dir: crt + "/x"}.Open(time.Now()) },
		"not a pair": func() (*tlsterm.Set, error) { return tlsterm.Files(key, crt, time.Now()) },
	} {
		if s, err := open(); err == nil || s != nil {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%s: the error shows a key", name)
		}
	}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := tlsterm.DevCA{Dir: dir}.Open(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx, 12*time.Hour, slog.New(slog.DiscardHandler)) }()
		<-time.After(200 * 24 * time.Hour)
		synctest.Wait()
		if left := time.Until(s.Expires()); left < 30*24*time.Hour-12*time.Hour {
			t.Errorf("%v left", left)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestNoNameAtAnUnservedAddress(t *testing.T) {
	s := devCA(t, t.TempDir())
	hello := &tls.ClientHelloInfo{Conn: fakeConn{local: netip.MustParseAddr("192.0.2.9")}}
	if cert, err := tlsterm.Config(s).GetCertificate(hello); cert != nil || err != nil {
		t.Errorf("%v, %v", cert, err)
	}
	hello.Conn = fakeConn{local: netip.MustParseAddr("::ffff:127.0.0.1")}
	if cert, err := tlsterm.Config(s).GetCertificate(hello); cert == nil || err != nil {
		t.Errorf("%v, %v", cert, err)
	}
}

// An address in the place of a name counts for no name: the address that was
// reached decides, not the one that was written.
func TestAddressAsNameIsNoName(t *testing.T) {
	s := devCA(t, t.TempDir())
	for local, want := range map[string]bool{"127.0.0.1": true, "192.0.2.9": false} {
		hello := &tls.ClientHelloInfo{ServerName: "127.0.0.1", Conn: fakeConn{local: netip.MustParseAddr(local)}}
		if cert, err := tlsterm.Config(s).GetCertificate(hello); (cert != nil) != want || err != nil {
			t.Errorf("reached %s: %v, %v", local, cert, err)
		}
	}
}

type fakeConn struct {
	net.Conn
	local netip.Addr
}

func (f fakeConn) LocalAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(f.local, 1))
}
