package app_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"haechi"
	"haechi/internal/app"
	"haechi/pin"
)

// secureShop is a web service behind the gateway that speaks TLS. It counts what
// reaches it.
func secureShop(t *testing.T) (url string, cert *x509.Certificate, asked *int) {
	t.Helper()
	asked = new(int)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { *asked++ }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what this is about
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL, s.Certificate(), asked
}

// TestUpstreamIsVerified sends one request through the gateway to an https upstream
// for each way of verifying it; what is refused must not reach it.
func TestUpstreamIsVerified(t *testing.T) {
	url, cert, asked := secureShop(t)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	right, backup, other := pin.Of(cert).String(), pin.Pin{1}.String(), pin.Pin{2}.String()
	for name, c := range map[string]struct {
		set  string
		want int
	}{
		"the CA is not this machine's": {"", http.StatusBadGateway},
		"its CA is named":              {fmt.Sprintf("{ ca: %q }", ca), http.StatusOK},
		"another name":                 {fmt.Sprintf("{ ca: %q, name: other.test }", ca), http.StatusBadGateway},
		"its key is pinned":            {fmt.Sprintf("{ ca: %q, pins: [%s, %s] }", ca, right, backup), http.StatusOK},
		"another key is pinned":        {fmt.Sprintf("{ ca: %q, pins: [%s, %s] }", ca, other, backup), http.StatusBadGateway},
		"that in shadow":               {fmt.Sprintf("{ ca: %q, pins: [%s, %s], pins_mode: shadow }", ca, other, backup), http.StatusOK},
		"that, but it is over":         {fmt.Sprintf("{ ca: %q, pins: [%s, %s], pins_until: 2020-01-01 }", ca, other, backup), http.StatusOK},
		"pinned, but no trusted CA":    {fmt.Sprintf("{ pins: [%s, %s] }", right, backup), http.StatusBadGateway},
	} {
		t.Run(name, func(t *testing.T) {
			*asked = 0
			r := newRig(t)
			text := fmt.Sprintf("state: %s\nconsole: { listen: %q }\nservices:\n  shop:\n    kind: http\n    hosts: [127.0.0.1]\n    listen: [%q]\n    upstream: %s\n",
				r.dir, r.console, r.web, url)
			if c.set != "" {
				text += "    upstream_tls: " + c.set + "\n"
			}
			if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			a, _ := r.start(t)
			resp, err := http.Get("http://" + r.web + "/")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			http.DefaultClient.CloseIdleConnections()
			if resp.StatusCode != c.want || (*asked == 1) != (c.want == http.StatusOK) {
				t.Fatalf("status %d, want %d; %d requests reached the upstream", resp.StatusCode, c.want, *asked)
			}
			if c.want == http.StatusOK {
				return
			}
			ref := haechi.Reference(resp.Header.Get("X-Haechi-Ref"))
			whyUpstream(t, a, ref)
		})
	}
}

// whyUpstream resolves the reference, which is recorded a moment after the answer.
func whyUpstream(t *testing.T, a *app.App, ref haechi.Reference) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		x, err := a.Control().Why(t.Context(), string(ref))
		if err == nil && len(x.Refusals) > 0 {
			if got := x.Refusals[0].Reason; got != haechi.ReasonUpstreamKey {
				t.Fatalf("why says %q", got)
			}
			return
		}
		<-tick.C
	}
	t.Fatalf("the reference %q does not resolve", ref)
}
