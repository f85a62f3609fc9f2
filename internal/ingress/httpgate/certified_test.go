package httpgate_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

// vouchers know one certificate.
type vouchers struct {
	good *x509.Certificate

	mu   sync.Mutex
	cut  func(haechi.Verdict)
	held int
}

func (k *vouchers) Hold(shown []*x509.Certificate, _ time.Time, cut func(haechi.Verdict)) (string, haechi.Verdict, func()) {
	v := haechi.Verdict{Action: haechi.Deny, Rule: "tls/client"}
	switch {
	case len(shown) == 0:
		v.Reason = haechi.ReasonClientCertMissing
	case !shown[0].Equal(k.good):
		v.Reason = haechi.ReasonClientCertUntrusted
	default:
		k.mu.Lock()
		defer k.mu.Unlock()
		k.cut = cut
		k.held++
		return "phone", haechi.Verdict{}, func() {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.held--
		}
	}
	return "", v, func() {}
}

// asking is a gate that asks for certificates, and the one that is good.
func asking(t *testing.T) (*rig, *vouchers, tls.Certificate) {
	t.Helper()
	conf, good := selfSigned(t), selfSigned(t).Certificates[0]
	leaf, err := x509.ParseCertificate(good.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	conf.ClientAuth = tls.RequestClientCert
	k := &vouchers{good: leaf}
	return start(t, httpgate.Config{TLS: conf, Certificates: k, Sites: []httpgate.Site{{Service: "shop"}}}, echo()), k, good
}

// with is a client that shows the certificates, and speaks HTTP/2 or HTTP/1.1.
func (r *rig) with(h2 bool, certs ...tls.Certificate) func(headers ...string) (answer, error) {
	r.t.Helper()
	c := r.client("127.0.0.2")
	tr := c.Transport.(*http.Transport)
	tr.TLSClientConfig.Certificates, tr.ForceAttemptHTTP2 = certs, h2
	return func(headers ...string) (answer, error) {
		req, err := http.NewRequest(http.MethodGet, "https://"+r.addr+"/", nil)
		if err != nil {
			r.t.Fatal(err)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		res, err := c.Do(req)
		if err != nil {
			return answer{}, err
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			r.t.Fatal(err)
		}
		return answer{res, string(text)}, nil
	}
}

func TestClientCertificate(t *testing.T) { everyWay(t, clientCertificate) }

func clientCertificate(t *testing.T) {
	r, k, good := asking(t)
	want := "Client-Cert: :" + base64.StdEncoding.EncodeToString(good.Certificate[0]) + ":\n"
	for _, h2 := range []bool{false, true} {
		get := r.with(h2, good)
		a, err := get("Client-Cert", ":ZXZpbA==:", "Client-Cert-Chain", ":ZXZpbA==:")
		if err != nil || a.StatusCode != http.StatusOK || a.ProtoMajor == 2 != h2 || strings.Count(a.text, want) != 1 || strings.Contains(a.text, "ZXZpbA") {
			t.Fatalf("h2 %v: %v, %+v", h2, err, a)
		}
		if e := r.next(t); e.Certificate != "phone" || e.Assurance != haechi.Authenticated {
			t.Errorf("h2 %v: event %+v", h2, e)
		}
		k.cut(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonClientCertRevoked, Rule: "tls/client"})
		deadline := time.Now().Add(20 * time.Second)
		for k.count() > 0 {
			if time.Now().After(deadline) {
				t.Fatalf("h2 %v: the connection of a revoked certificate is still open", h2)
			}
			<-time.After(5 * time.Millisecond)
		}
	}
	for _, h2 := range []bool{false, true} {
		a, err := r.with(h2)()
		if err != nil {
			t.Fatal(err)
		}
		if e := r.refused(a, http.StatusForbidden, haechi.ReasonClientCertMissing); e.Certificate != "" || e.Assurance != haechi.Handshaken {
			t.Errorf("h2 %v: event %+v", h2, e)
		}
		if a, err = r.with(h2, selfSigned(t).Certificates[0])("Client-Cert", ":ZXZpbA==:"); err != nil {
			t.Fatal(err)
		}
		r.refused(a, http.StatusForbidden, haechi.ReasonClientCertUntrusted)
	}
}

func (k *vouchers) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.held
}

// TestHeirAsksForMore: what was opened where nobody asked for a certificate is refused
// once the gate that answers asks for one.
func TestHeirAsksForMore(t *testing.T) {
	before := start(t, httpgate.Config{TLS: selfSigned(t), Sites: []httpgate.Site{{Service: "shop"}}}, echo())
	after, _, _ := asking(t)
	one, two := before.with(false), before.with(true)
	for _, get := range []func(...string) (answer, error){one, two} {
		if a, err := get(); err != nil || a.StatusCode != http.StatusOK {
			t.Fatalf("%v, %+v", err, a)
		}
	}
	if !before.gate.HandOver(after.gate) {
		t.Fatal("not handed over")
	}
	for _, get := range []func(...string) (answer, error){one, two} {
		a, err := get()
		if err != nil {
			t.Fatal(err)
		}
		after.refused(a, http.StatusForbidden, haechi.ReasonClientCertMissing)
	}
}
