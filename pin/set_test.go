package pin_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"haechi/pin"
)

// party is a key with its certificate.
type party struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func make2(t *testing.T, parent *party, isCA bool) *party {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "pin test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: isCA, BasicConstraintsValid: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	signer := &party{key, tmpl}
	if parent != nil {
		signer = parent
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, signer.cert, &key.PublicKey, signer.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &party{key, cert}
}

// serve starts a TLS server with the leaf's key, showing extra certificates too. It
// counts the requests that reach it.
func serve(t *testing.T, leaf *party, extra ...*party) (url string, requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { requests.Add(1) }))
	chain := tls.Certificate{Certificate: [][]byte{leaf.cert.Raw}, PrivateKey: leaf.key}
	for _, e := range extra {
		chain.Certificate = append(chain.Certificate, e.cert.Raw)
	}
	s.TLS = &tls.Config{Certificates: []tls.Certificate{chain}, MinVersion: tls.VersionTLS12}
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL, requests
}

// get asks the server once, by a fresh connection that may resume a session.
func get(t *testing.T, set *pin.Set, base *tls.Config, url string) error {
	t.Helper()
	tr, err := set.Transport(&http.Transport{TLSClientConfig: base, ForceAttemptHTTP2: true})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.CloseIdleConnections()
	res, err := (&http.Client{Transport: tr}).Get(url)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

func roots(ca *party) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return &tls.Config{RootCAs: pool}
}

func set(t *testing.T, cfg pin.Config) *pin.Set {
	t.Helper()
	s, err := pin.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPins asks servers that differ in whose key is pinned.
func TestPins(t *testing.T) {
	ca, backup := make2(t, nil, true), make2(t, nil, false)
	leaf := make2(t, ca, false)
	stranger := make2(t, ca, false) // a valid certificate of the same CA: the interception that pins are for
	for name, c := range map[string]struct {
		pins    []pin.Pin
		server  *party
		extra   []*party
		refused bool
	}{
		"the leaf is pinned":                  {[]pin.Pin{pin.Of(leaf.cert), pin.Of(backup.cert)}, leaf, nil, false},
		"the server moved to the backup":      {[]pin.Pin{pin.Of(stranger.cert), pin.Of(leaf.cert)}, leaf, nil, false},
		"the CA is pinned, though not shown":  {[]pin.Pin{pin.Of(ca.cert), pin.Of(backup.cert)}, leaf, nil, false},
		"another certificate of the same CA":  {[]pin.Pin{pin.Of(leaf.cert), pin.Of(backup.cert)}, stranger, nil, true},
		"the pinned one is appended only":     {[]pin.Pin{pin.Of(leaf.cert), pin.Of(backup.cert)}, stranger, []*party{leaf}, true},
		"the pinned backup is appended only ": {[]pin.Pin{pin.Of(leaf.cert), pin.Of(backup.cert)}, stranger, []*party{backup}, true},
	} {
		t.Run(name, func(t *testing.T) {
			url, requests := serve(t, c.server, c.extra...)
			err := get(t, set(t, pin.Config{Pins: c.pins}), roots(ca), url)
			var m *pin.Mismatch
			if refused := errors.As(err, &m); refused != c.refused || err != nil && !refused {
				t.Fatalf("refused %v, want %v: %v", refused, c.refused, err)
			}
			if got := requests.Load(); c.refused && got != 0 || !c.refused && got != 1 {
				t.Fatalf("%d requests reached the server", got)
			}
			if c.refused && (m.Server != "127.0.0.1" && m.Server != "" || len(m.Seen) == 0 || m.Passed) {
				t.Fatalf("mismatch says %+v", m)
			}
		})
	}
}

// TestUnverified pins a self-signed server: only its own key counts.
func TestUnverified(t *testing.T) {
	own, other := make2(t, nil, false), make2(t, nil, false)
	pins := []pin.Pin{pin.Of(own.cert), pin.Of(make2(t, nil, false).cert)}
	base := &tls.Config{InsecureSkipVerify: true}
	url, _ := serve(t, own)
	if err := get(t, set(t, pin.Config{Pins: pins}), base, url); err != nil {
		t.Fatal(err)
	}
	url, requests := serve(t, other, own)
	if err := get(t, set(t, pin.Config{Pins: pins}), base, url); err == nil || requests.Load() != 0 {
		t.Fatalf("a stranger that appends the pinned certificate passed: %v", err)
	}
}

// TestResumption makes sure that a session made without pins, or with others, is not
// resumed past them.
func TestResumption(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		ca := make2(t, nil, true)
		leaf := make2(t, ca, false)
		url, requests := serve(t, leaf)
		base := roots(ca)
		base.MaxVersion, base.ClientSessionCache = version, tls.NewLRUClientSessionCache(4)
		good := []pin.Pin{pin.Of(leaf.cert), pin.Of(ca.cert)}
		var resumed atomic.Bool
		base.VerifyConnection = func(cs tls.ConnectionState) error {
			resumed.Store(cs.DidResume)
			return nil
		}
		for range 2 {
			if err := get(t, set(t, pin.Config{Pins: good}), base, url); err != nil {
				t.Fatal(err)
			}
		}
		if !resumed.Load() {
			t.Fatal("the second connection did not resume, so this test shows nothing")
		}
		before := requests.Load()
		bad := []pin.Pin{pin.Of(make2(t, nil, false).cert), pin.Of(make2(t, nil, false).cert)}
		err := get(t, set(t, pin.Config{Pins: bad}), base, url)
		if err == nil || !resumed.Load() || requests.Load() != before {
			t.Fatalf("version %x: a resumed session was not checked: %v", version, err)
		}
	}
}

// TestReportOnly lets a mismatch pass and tells of it; an expired set does the same.
func TestReportOnly(t *testing.T) {
	ca := make2(t, nil, true)
	url, requests := serve(t, make2(t, ca, false))
	wrong := []pin.Pin{pin.Of(make2(t, nil, false).cert), pin.Of(make2(t, nil, false).cert)}
	end := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		reportOnly, passes, expired bool
		now                         time.Time
	}{
		"report only":        {true, true, false, end.Add(-time.Hour)},
		"before its end":     {false, false, false, end.Add(-time.Nanosecond)},
		"at its end":         {false, true, true, end},
		"report only, ended": {true, true, true, end.Add(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			var told []*pin.Mismatch
			s := set(t, pin.Config{Pins: wrong, ReportOnly: c.reportOnly, Until: end, Now: func() time.Time { return c.now },
				Report: func(m *pin.Mismatch) { told = append(told, m) }})
			before := requests.Load()
			err := get(t, s, roots(ca), url)
			if (err == nil) != c.passes || requests.Load()-before != map[bool]int64{true: 1}[c.passes] {
				t.Fatalf("passed %v: %v", err == nil, err)
			}
			if len(told) != 1 || told[0].Passed != c.passes || told[0].Expired != c.expired {
				t.Fatalf("reported %+v", told)
			}
		})
	}
}

// TestAdds keeps pins from replacing the verification that the configuration asks for.
func TestAdds(t *testing.T) {
	ca, leaf := make2(t, nil, true), make2(t, nil, false) // the leaf is not the CA's
	url, _ := serve(t, leaf)
	pins := []pin.Pin{pin.Of(leaf.cert), pin.Of(ca.cert)}
	if err := get(t, set(t, pin.Config{Pins: pins}), roots(ca), url); err == nil {
		t.Fatal("a pinned key made an untrusted certificate pass")
	}
	base := &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { return io.ErrNoProgress }}
	if err := get(t, set(t, pin.Config{Pins: pins}), base, url); !errors.Is(err, io.ErrNoProgress) {
		t.Fatalf("the caller's own check was lost: %v", err)
	}
}

// TestNew refuses what would lock clients out or check nothing.
func TestNew(t *testing.T) {
	one := pin.Of(make2(t, nil, false).cert)
	for _, pins := range [][]pin.Pin{nil, {one}, {one, one}} {
		if _, err := pin.New(pin.Config{Pins: pins}); err == nil {
			t.Errorf("%d pins of which one differs were accepted", len(pins))
		}
	}
	s := set(t, pin.Config{Pins: []pin.Pin{one, {1}}})
	dial := &http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return nil, io.EOF }}
	if _, err := s.Transport(dial); err == nil {
		t.Error("a transport that bypasses the check was accepted")
	}
	if _, err := s.Transport(nil); err != nil {
		t.Error(err)
	}
}
