package scenario_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// TestStapling: where a certificate names a responder, its answer is stapled, and not
// one that it does not give or that says revoked; which the operator is told.
func TestStapling(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("openssl is not installed")
	}
	r, ca := newRig(t, settings{}), newTestCA(t)
	responder := r.at(hostUpstream, 8002)
	named := func(c *x509.Certificate) { c.OCSPServer = []string{"http://" + responder} }
	good := ca.issue(named)
	set := ca.responder(path, responder)
	set(good, "V")
	r.configure(settings{shop: ca.tlsShop("")})
	r.start()
	var raw []byte
	eventually(t, "a staple", 20*time.Second, func() bool { raw = r.stapled(ca.pool()); return len(raw) > 0 })
	if a, err := ocsp.ParseResponseForCert(raw, good, ca.cert); err != nil || a.Status != ocsp.Good || !a.NextUpdate.After(time.Now()) {
		t.Errorf("stapled %+v: %v", a, err)
	}
	revoked := ca.issue(named)
	set(revoked, "R")
	eventually(t, "the operator to be told of the revocation", 30*time.Second, func() bool {
		return strings.Contains(r.ok("status"), "a certificate is revoked")
	})
	if raw := r.stapled(ca.pool()); len(raw) > 0 {
		t.Error("a revoked certificate is stapled")
	}
}

// responder answers at the address with what OpenSSL says of the certificate, V for valid
// or R for revoked. OpenSSL itself would listen at every address of the machine.
func (ca *testCA) responder(openssl, address string) (set func(c *x509.Certificate, status string)) {
	ca.t.Helper()
	l, err := net.Listen("tcp", address)
	must(ca.t, err)
	srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		text, err := io.ReadAll(req.Body)
		if err == nil {
			err = os.WriteFile(ca.path("question"), text, 0o600)
		}
		if err == nil {
			var out []byte
			if out, err = exec.CommandContext(req.Context(), openssl, "ocsp", "-index", ca.path("index"), "-CA", ca.path("ca.pem"), "-rsigner", ca.path("ca.pem"),
				"-rkey", ca.path("ca.key"), "-nmin", "5", "-reqin", ca.path("question"), "-respout", ca.path("answer")).CombinedOutput(); err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			ca.t.Error(err)
			return
		}
		http.ServeFile(w, req, ca.path("answer"))
	})}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	ca.t.Cleanup(func() { _ = srv.Close(); <-done })
	return func(c *x509.Certificate, status string) {
		when, serial := "", c.SerialNumber.Text(16)
		if status == "R" {
			when = time.Now().UTC().Format("060102150405Z")
		}
		if len(serial)%2 == 1 {
			serial = "0" + serial
		}
		line := strings.Join([]string{status, c.NotAfter.UTC().Format("060102150405Z"), when, strings.ToUpper(serial), "unknown", "/CN=" + shopHost}, "\t")
		ca.replace("index", []byte(line+"\n"))
	}
}

// stapled is the OCSP answer that the shop gives with its certificate.
func (r *rig) stapled(pool *x509.CertPool) []byte {
	r.t.Helper()
	c, err := dialFrom(r.t.Context(), r.addr(96), r.shopAddr())
	must(r.t, err)
	defer c.Close()
	s := tls.Client(c, &tls.Config{RootCAs: pool, ServerName: shopHost})
	must(r.t, s.HandshakeContext(r.t.Context()))
	return s.OCSPResponse()
}
