package scenario_test

import (
	"crypto/x509"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
)

// TestCertificateFlaws: what is wrong with a certificate of ours is an event, an
// incident and a line of the status; a better one ends that, and is no event.
func TestCertificateFlaws(t *testing.T) {
	t.Parallel()
	r, ca := newRig(t, settings{}), newTestCA(t)
	ca.issue(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-80*24*time.Hour), time.Now().Add(6*24*time.Hour)
		c.DNSNames = []string{"other.test"}
	})
	r.configure(settings{shop: ca.tlsShop(""), bots: "tls: { dev_ca: true }"})
	r.start()
	flaws := func(service string) []haechi.Reason {
		for _, c := range asked[haechi.Status](r, "status").Certificates {
			if c.Service == service {
				return c.Flaws
			}
		}
		t.Fatalf("the status has no certificate of %s", service)
		return nil
	}
	if got, want := flaws("shop"), []haechi.Reason{haechi.ReasonCertificateExpiring, haechi.ReasonCertificateWrongHost}; !slices.Equal(got, want) {
		t.Errorf("the shop: %v, want %v", got, want)
	}
	if got := flaws("bots"); !slices.Equal(got, []haechi.Reason{haechi.ReasonCertificateDefault}) {
		t.Errorf("the bots: %v", got)
	}
	if out := r.ok("status"); !strings.Contains(out, "a certificate ends soon") || !strings.Contains(out, "dev_ca") {
		t.Errorf("haechi status says %s", out)
	}
	told := func() (out []haechi.Reason) {
		es, err := r.api.Events(t.Context(), haechi.EventFilter{Kinds: []haechi.Kind{haechi.KindSystem}, Limit: 100})
		must(t, err)
		for _, e := range es {
			if strings.HasPrefix(string(e.Reason), "certificate_") {
				out = append(out, e.Reason)
			}
		}
		slices.Sort(out)
		return out
	}
	want := []haechi.Reason{haechi.ReasonCertificateDefault, haechi.ReasonCertificateExpiring, haechi.ReasonCertificateWrongHost}
	eventually(t, "the events", 20*time.Second, func() bool { return slices.Equal(told(), want) })
	eventually(t, "the incident", 20*time.Second, func() bool {
		all, err := r.api.Incidents(t.Context(), 10)
		must(t, err)
		return slices.ContainsFunc(all, func(i haechi.Incident) bool { return i.Service == "shop" && i.Severity == haechi.High })
	})
	ca.issue(nil)
	eventually(t, "the flaws to be gone", 20*time.Second, func() bool { return len(flaws("shop")) == 0 })
	r.ok("reload")
	if got := told(); !slices.Equal(got, want) {
		t.Errorf("told again: %v", got)
	}
}

// TestPlainLoginIsToldOf: the shop's login over plain HTTP is one event, whose reference
// `why` explains, and an incident of the service; the visitor is held to nothing.
func TestPlainLoginIsToldOf(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	v := r.visitor(t, 20)
	for range 3 {
		if p := v.get("/login"); p.StatusCode != http.StatusOK || !strings.Contains(p.body, `type="password"`) {
			t.Fatalf("answered %d: %s", p.StatusCode, p.body)
		}
		v.get("/")
	}
	var told []haechi.Event
	eventually(t, "the event", 10*time.Second, func() bool {
		es, err := r.api.Events(t.Context(), haechi.EventFilter{Kinds: []haechi.Kind{haechi.KindSystem}, Limit: 100})
		must(t, err)
		told = slices.DeleteFunc(es, func(e haechi.Event) bool { return !strings.HasPrefix(e.Rule, "page/") })
		return len(told) > 0
	})
	if e := told[0]; len(told) != 1 || e.Reason != haechi.ReasonPlainLogin || e.Service != "shop" || e.Host != shopHost || e.Path != "/login" || e.Addr.IsValid() {
		t.Fatalf("told %+v", told)
	}
	if out := r.ok("why", string(told[0].Ref)); !strings.Contains(out, shopHost+"/login") || !strings.Contains(out, "asks for a password") || !strings.Contains(out, "redirect:") {
		t.Errorf("why says %s", out)
	}
	eventually(t, "the incident", 20*time.Second, func() bool {
		all, err := r.api.Incidents(t.Context(), 10)
		must(t, err)
		return slices.ContainsFunc(all, func(i haechi.Incident) bool { return i.Service == "shop" && i.Rule == "service/unsafe-page" })
	})
	if d := r.inForce(); len(d) != 0 {
		t.Errorf("decided %+v", d)
	}
}
