package scenario_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"haechi"
	"haechi/internal/operate/demo"
	"haechi/test/gateway"
)

// runOpaque is a rig with the opaque service "raw", which has the settings.
func runOpaque(t *testing.T, set func(*rig) string) *rig {
	t.Helper()
	r := newRig(t, settings{})
	r.raw = newRawSide(t, r.at(hostUpstream, portRawUpstream))
	r.opaque(set(r))
	r.start()
	return r
}

func (r *rig) opaque(set string) {
	r.t.Helper()
	r.configure(settings{services: fmt.Sprintf("  raw:\n    kind: tcp\n    listen: [%q]\n%s", r.rawAddr(), block("    ", set))})
}

func (r *rig) upstream() string { return "upstream: " + r.at(hostUpstream, portRawUpstream) + "\n" }

// behind serves one kind of connection behind the gateway.
func (r *rig) behind(port uint16, serve func(net.Conn)) string {
	r.t.Helper()
	addr := r.at(hostUpstream, port)
	l, err := demo.Listen(r.t.Context(), addr)
	must(r.t, err)
	r.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(time.Minute))
				serve(c)
			}()
		}
	}()
	return addr
}

// ca is the development CA's certificate.
func (r *rig) ca() *x509.CertPool {
	r.t.Helper()
	pem, err := os.ReadFile(filepath.Join(r.state(), "ca", "ca.crt"))
	must(r.t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool
}

// ownCertificate is one of a server behind, which the gateway never sees.
func ownCertificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestOpaqueNames: TLS is passed through unopened to the server of the name; a name
// that nobody serves is refused by an alert, and why knows.
func TestOpaqueNames(t *testing.T) {
	t.Parallel()
	r := newRig(t, settings{})
	certs := map[string]tls.Certificate{}
	for _, name := range []string{"one.test", "two.test"} {
		certs[name] = ownCertificate(t, name)
	}
	serve := func(name string) func(net.Conn) {
		return func(c net.Conn) {
			s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certs[name]}})
			if s.Handshake() == nil {
				_, _ = io.WriteString(s, "this is "+name)
			}
		}
	}
	one, two := r.behind(5010, serve("one.test")), r.behind(5011, serve("two.test"))
	r.opaque(fmt.Sprintf("tcp: { names: [ { name: one.test, upstream: %q }, { name: \"*.two.test\", upstream: %q } ] }", one, two))
	r.start()
	for name, want := range map[string]string{"one.test": "one.test", "a.two.test": "two.test"} {
		c, err := r.as(20)(t.Context(), r.rawAddr())
		must(t, err)
		s := tls.Client(bounded(c), &tls.Config{ServerName: name, InsecureSkipVerify: true})
		must(t, s.Handshake())
		if got := s.ConnectionState().PeerCertificates[0].DNSNames[0]; got != want {
			t.Errorf("%s: the certificate is of %s", name, got)
		}
		b := make([]byte, len("this is "+want))
		if _, err := io.ReadFull(s, b); err != nil || string(b) != "this is "+want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		_ = s.Close()
	}
	for name, rule := range map[string]string{"other.test": "tcp/unknown-name", "": "tcp/not-tls"} {
		since := time.Now().Add(-time.Millisecond)
		c, err := r.as(21)(t.Context(), r.rawAddr())
		must(t, err)
		if name != "" {
			err = tls.Client(bounded(c), &tls.Config{ServerName: name, InsecureSkipVerify: true}).Handshake()
			if err == nil || !strings.Contains(err.Error(), "unrecognized name") {
				t.Errorf("told %v", err)
			}
		} else {
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\n\r\n")
		}
		e := kind{service: "raw"}.recorded(t, r, since, rule)
		if x := asked[haechi.Explanation](r, "why", string(e.Ref)); len(x.Refusals) == 0 || x.Refusals[0].Rule != rule {
			t.Errorf("why says %+v", x)
		}
		_ = c.Close()
	}
	if r.counter("tcp/raw/name_refused") != 1 || r.counter("tcp/raw/hello_refused") != 1 {
		t.Error("the refusals are not counted")
	}
}

// TestOpaqueTLS: TLS ends at the gateway; plain text there is refused.
func TestOpaqueTLS(t *testing.T) {
	t.Parallel()
	r := runOpaque(t, func(r *rig) string { return r.upstream() + "tls: { dev_ca: true }\n" })
	c, err := r.as(20)(t.Context(), r.rawAddr())
	must(t, err)
	s := tls.Client(bounded(c), &tls.Config{RootCAs: r.ca(), ServerName: "localhost"})
	must(t, s.Handshake())
	must(t, rawLine{s}.again())
	must(t, s.Close())
	heard, since := r.raw.heard.Load(), time.Now().Add(-time.Millisecond)
	if _, err := enterRaw(t, r, r.as(21)); err == nil || r.raw.heard.Load() != heard {
		t.Error("plain text reached the server behind")
	}
	kind{service: "raw"}.recorded(t, r, since, "tcp/not-tls")
}

// TestOpaqueWhoTheClientIs: the server behind learns it by a PROXY header, also of a
// client that a balancer stands for.
func TestOpaqueWhoTheClientIs(t *testing.T) {
	t.Parallel()
	r := newRig(t, settings{})
	got := make(chan *proxyproto.Header, 1)
	up := r.behind(5010, func(c net.Conn) {
		if h, err := proxyproto.Read(bufio.NewReader(c)); err == nil {
			got <- h
		}
	})
	r.opaque("upstream: " + up + "\nproxy_protocol: [127.0.0.1]\ntcp: { send_proxy: v2 }\n")
	r.start()
	direct, err := r.as(20)(t.Context(), r.rawAddr())
	must(t, err)
	defer direct.Close()
	_, _ = io.WriteString(direct, "x") // a header may be due: the first byte says that it is not
	if h := <-got; h.SourceAddr.String() != direct.LocalAddr().String() {
		t.Errorf("it learns %s", h.SourceAddr)
	}
	client := inSlash64(7, 7)
	behind := claim(t, r.rawAddr(), client)
	defer behind.Close()
	if h := <-got; h.SourceAddr.String() != net.JoinHostPort(client.String(), "40000") {
		t.Errorf("it learns %s", h.SourceAddr)
	}
}

// TestOpaqueBytes: bytes over their rate wait; where they must not, the connection is
// cut, and why knows the rate.
func TestOpaqueBytes(t *testing.T) {
	t.Parallel()
	r := runOpaque(t, func(r *rig) string { return r.upstream() + "limits: { bytes_in: 1MiB }\n" })
	sent := make([]byte, 3<<20)
	_, _ = rand.Read(sent)
	c, err := r.as(20)(t.Context(), r.rawAddr())
	must(t, err)
	defer bounded(c).Close()
	began := time.Now()
	go func() { _, _ = c.Write(sent) }()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != string(sent) {
		t.Fatalf("not all came back: %v", err)
	}
	if took := time.Since(began); took < 1900*time.Millisecond || took > gateway.Patient(3*time.Second) {
		t.Errorf("3 MiB at 1 MiB a second took %s", took)
	}
	if r.counter("tcp/raw/delayed") == 0 || r.counter("tcp/raw/rate_refused") != 0 {
		t.Error("the waits are not counted, or somebody was refused")
	}
	since := time.Now().Add(-time.Millisecond)
	r.opaque(r.upstream() + "limits: { bytes_in: 1MiB, pause: 0s }\n")
	r.ok("reload")
	r.open()
	d, err := r.as(21)(t.Context(), r.rawAddr())
	must(t, err)
	defer bounded(d).Close()
	go func() { _, _ = io.Copy(io.Discard, d) }()
	_, err = d.Write(sent)
	for err == nil {
		_, err = d.Write(sent)
	}
	e := kind{service: "raw"}.recorded(t, r, since, "limit/bytes-in")
	if e.Reason != haechi.ReasonRateLimit || e.Threshold != 1<<20 || e.Observed <= e.Threshold || e.Window != time.Second || e.Addr != r.addr(21) {
		t.Errorf("refused with %+v", e)
	}
}

// TestOpaqueOutage: while the server behind is down the socket is closed, or each
// connection is ended; nobody is blamed.
func TestOpaqueOutage(t *testing.T) {
	t.Parallel()
	r := runOpaque(t, func(*rig) string { return "upstream: 127.0.0.1:1\ntcp: { when_down: refuse }\n" })
	c, err := r.as(20)(t.Context(), r.rawAddr())
	must(t, err)
	if _, err := bounded(c).Read(make([]byte, 1)); err == nil {
		t.Error("somebody answers")
	}
	c.Close()
	r.opaque("upstream: " + r.at(hostUpstream, 5999) + "\n")
	r.ok("reload")
	dial := func() error {
		c, err := r.as(20)(t.Context(), r.rawAddr())
		if err == nil {
			c.Close()
		}
		return err
	}
	eventually(t, "connections to be refused", 10*time.Second, func() bool { return errors.Is(dial(), syscall.ECONNREFUSED) })
	if s := asked[haechi.Status](r, "status"); !strings.Contains(strings.Join(s.Degraded, " "), "raw") {
		t.Errorf("status does not say so: %v", s.Degraded)
	}
	r.behind(5999, func(c net.Conn) { _, _ = io.Copy(c, c) })
	eventually(t, "the socket to open", 5*time.Second, func() bool { return dial() == nil })
	if l, err := enterRaw(t, r, r.as(21)); err != nil {
		t.Error(err)
	} else {
		l.close()
	}
	if ds := r.inForce(); len(ds) != 0 {
		t.Errorf("somebody was blamed: %+v", ds)
	}
}

// TestOpaqueRecords: what a connection was is in the records, with its bytes both ways.
func TestOpaqueRecords(t *testing.T) {
	t.Parallel()
	r := runOpaque(t, (*rig).upstream)
	l, err := enterRaw(t, r, r.as(20))
	must(t, err)
	for range 9 {
		must(t, l.again())
	}
	l.close()
	var es []haechi.Event
	eventually(t, "the end to be recorded", 5*time.Second, func() bool {
		es = asked[[]haechi.Event](r, "events", "--service", "raw")
		return len(es) == 2
	})
	end, begin := es[0], es[1]
	if begin.Kind != haechi.KindConnect || end.Kind != haechi.KindClose || begin.Session != end.Session || begin.Addr != r.addr(20) || end.Port != begin.Port ||
		end.BytesIn != 140 || end.BytesOut != 140 || end.Reason != haechi.ReasonPeerClosed || end.Outcome != haechi.Success || end.Duration <= 0 {
		t.Errorf("recorded %+v and %+v", begin, end)
	}
	s := asked[haechi.Status](r, "status")
	for _, svc := range s.Services {
		if svc.Name == "raw" && (svc.Kind != "tcp" || !svc.Healthy || svc.Upstream != r.at(hostUpstream, portRawUpstream)) {
			t.Errorf("status says %+v", svc)
		}
	}
}
