package acme_test

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/ingress/tlsterm"
	"haechi/internal/ingress/tlsterm/acme"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func order() acme.Order {
	return acme.Order{Service: "shop", Host: "shop.test", Directory: "https://ca.test/dir", Email: "ops@shop.test",
		Challenge: acme.TLSALPN01, Listen: "127.0.0.1:443", Renew: 33}
}

// TestNothingYet: before its certificate came, a name is refused, and no authority gets
// a proof that it did not ask for.
func TestNothingYet(t *testing.T) {
	k := acme.New(acme.Config{Dir: t.TempDir()})
	s, err := k.Set(order(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if s.Leaf() != nil || s.Certificate() != nil || !s.Expires().IsZero() {
		t.Error("there is a certificate")
	}
	conf := tlsterm.Config(s)
	if cert, err := conf.GetCertificate(&tls.ClientHelloInfo{ServerName: "shop.test"}); cert != nil || err == nil {
		t.Errorf("%v, %v", cert, err)
	}
	if cert, err := conf.GetCertificate(&tls.ClientHelloInfo{ServerName: "other.test"}); cert != nil || err != nil {
		t.Errorf("another name: %v, %v", cert, err)
	}
	proof, err := conf.GetConfigForClient(&tls.ClientHelloInfo{ServerName: "shop.test", SupportedProtos: []string{"acme-tls/1"}})
	if err != nil || proof == nil {
		t.Fatal(proof, err)
	}
	if cert, err := proof.GetCertificate(&tls.ClientHelloInfo{ServerName: "shop.test"}); cert != nil || err != nil {
		t.Errorf("a proof that was not asked for: %v, %v", cert, err)
	}
	for _, protos := range [][]string{{"h2"}, {"acme-tls/1", "h2"}, nil} {
		if c, err := conf.GetConfigForClient(&tls.ClientHelloInfo{ServerName: "shop.test", SupportedProtos: protos}); c != nil || err != nil {
			t.Errorf("%v: %v, %v", protos, c, err)
		}
	}
	if text, ok := acme.Answer("shop.test", acme.Path+"token"); ok {
		t.Errorf("answered %q", text)
	}
}

// TestRunWithoutOrders does nothing, and ends.
func TestRunWithoutOrders(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "acme")
	k := acme.New(acme.Config{Dir: dir})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- k.Run(ctx) }()
	k.Keep(nil)
	stop()
	if err := <-done; err != nil || len(k.Failures()) != 0 {
		t.Error(err, k.Failures())
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a folder was made for nothing")
	}
}

func TestOrderThatIsNoUse(t *testing.T) {
	o := order()
	o.CAFile = filepath.Join(t.TempDir(), "missing.pem")
	if _, err := acme.New(acme.Config{Dir: t.TempDir()}).Set(o, time.Now()); haechi.KindOf(err) != haechi.Invalid || !strings.Contains(err.Error(), "ca_file") {
		t.Errorf("%v", err)
	}
}
