package scenario_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi"
)

// finding is one of testssl.sh's.
type finding struct {
	ID, Severity, Finding string
}

// testssl runs Debian's testssl.sh against the shop.
func (r *rig) testssl(t *testing.T, ca *testCA, args ...string) (out []finding) {
	t.Helper()
	path, err := exec.LookPath("testssl")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("testssl.sh is not installed")
	}
	file := filepath.Join(t.TempDir(), "out.json")
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	args = append([]string{"--warnings", "off", "--color", "0", "--quiet", "--nodns", "none", "--ip", r.addr(1).String(), "--connect-timeout", "10",
		"--openssl-timeout", "10", "--add-ca", ca.path("ca.pem"), "--jsonfile", file}, args...)
	cmd := exec.CommandContext(ctx, path, append(args, "https://"+net.JoinHostPort(shopHost, "8080"))...)
	cmd.Dir = t.TempDir()
	said, err := cmd.CombinedOutput() // its exit code counts findings
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	must(t, err)
	if err := json.Unmarshal(text, &out); err != nil || len(out) < 20 {
		t.Fatalf("%v: %s\n%s", err, text, said)
	}
	return out
}

// TestTestssl is Must show 1 of the HTTP gate: testssl.sh finds nothing above LOW under
// policy modern, and each of its downgrade attempts is an event with a reference that
// haechi explains. By itself it runs the checks that can tell something of a server of
// TLS 1.3; with HAECHI_LONG=1 all that there are.
func TestTestssl(t *testing.T) {
	t.Parallel()
	r, ca := checkedTLS(t, "modern")
	since := time.Now()
	checks := []string{"--protocols", "--server-defaults", "--standard", "--vulnerable", "--phone-out"} // the last: ask for the CA's list of revoked certificates
	if os.Getenv("HAECHI_LONG") != "" {
		checks = []string{"--phone-out"}
	}
	passes(t, r.testssl(t, ca, checks...), "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "cert_chain_of_trust", "cert_trust", "cert_crlRevoked", "fallback_SCSV", "heartbleed", "ROBOT")
	r.downgrades(t, since)
}

// TestTestsslIntermediate: nothing above LOW for the policy that lets TLS 1.2 in as well.
// Its checks are those that TLS 1.2 adds something to.
func TestTestsslIntermediate(t *testing.T) {
	t.Parallel()
	r, ca := checkedTLS(t, "intermediate")
	checks := []string{"--protocols", "--standard", "--fs", "--vulnerable"}
	if os.Getenv("HAECHI_LONG") != "" {
		checks = []string{"--phone-out"}
	}
	passes(t, r.testssl(t, ca, checks...), "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "PFS", "secure_client_renego", "LUCKY13", "heartbleed", "ROBOT")
}

// checkedTLS is a shop under a TLS policy with a certificate that can be checked.
func checkedTLS(t *testing.T, policy string) (*rig, *testCA) {
	t.Helper()
	r := newRig(t, settings{})
	ca := newTestCA(t)
	crl := &http.Server{Handler: http.HandlerFunc(ca.crl), ReadHeaderTimeout: 5 * time.Second}
	l, err := net.Listen("tcp", r.at(hostUpstream, 8001))
	must(t, err)
	done := make(chan error, 1)
	go func() { done <- crl.Serve(l) }()
	t.Cleanup(func() { _ = crl.Close(); <-done })
	ca.issue(func(c *x509.Certificate) {
		c.CRLDistributionPoints = []string{"http://" + l.Addr().String() + "/ca.crl"}
	})
	r.configure(settings{shop: ca.tlsShop(", policy: "+policy) + "\nheaders: { hsts: 365d }\nlimits: { address: 1000/s, connections: 1000 }"})
	r.start()
	return r, ca
}

// passes wants nothing above LOW, and something said of each of those.
func passes(t *testing.T, found []finding, about ...string) {
	t.Helper()
	passed := map[string]bool{}
	for _, f := range found {
		switch f.Severity {
		case "OK", "INFO", "LOW":
			passed[f.ID] = true
		case "WARN": // of its own engine; or of what it asks without a name, which the gate answers nobody
			if f.ID != "engine_problem" && f.ID != "secure_renego" {
				t.Errorf("%s: %s", f.ID, f.Finding)
			}
		default:
			t.Errorf("%s %s: %s", f.Severity, f.ID, f.Finding)
		}
	}
	for _, id := range about {
		if !passed[id] {
			t.Errorf("testssl.sh says nothing of %s: %+v", id, found)
		}
	}
}

// downgrades wants an event of each kind of attempt, and an explanation.
func (r *rig) downgrades(t *testing.T, since time.Time) {
	t.Helper()
	var es []haechi.Event
	eventually(t, "the events of the attempts", 5*time.Second, func() bool {
		var err error
		es, err = r.api.Events(t.Context(), haechi.EventFilter{Service: "shop", Kinds: []haechi.Kind{haechi.KindHello}, Since: since, Limit: 1000})
		must(t, err)
		return len(es) > 0
	})
	var refs []haechi.Reference
	kinds := map[string]bool{}
	for _, e := range es {
		if e.Reason != haechi.ReasonTLSVersion && e.Reason != haechi.ReasonUnknownHost {
			t.Errorf("an event of reason %s", e.Reason)
		}
		if e.Verdict != haechi.Deny || e.Ref == "" {
			t.Errorf("%+v", e)
		}
		if e.Reason == haechi.ReasonTLSVersion {
			kinds[(e.Fingerprint + "   ")[:3]] = true // the version that a hello asks for; of SSL 3 there is no fingerprint but 00, of SSL 2 none
			refs = append(refs, e.Ref)
		}
	}
	for _, want := range []string{"   ", "t00", "t10", "t11", "t12"} {
		if !kinds[want] {
			t.Errorf("no attempt %q is recorded, but %v", want, kinds)
		}
	}
	if len(refs) == 0 {
		t.Fatal("no attempt is recorded")
	}
	if x := asked[haechi.Explanation](r, "why", string(refs[0])); len(x.Refusals) == 0 || x.Refusals[0].Reason != haechi.ReasonTLSVersion {
		t.Errorf("why %s says %+v", refs[0], x)
	}
	if out := r.ok("events", "--kind", "hello", "--source", es[0].Addr.String()); !strings.Contains(out, "TLS") {
		t.Errorf("haechi events shows %s", out)
	}
}
