package devicegate_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress"
	"haechi/internal/ingress/devicegate"
)

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A device behind TLS is cut as promptly as another, though it does not read and
// TLS would like to say goodbye.
func TestOverTLS(t *testing.T) {
	w, up := newWorld(), newUpstream(t)
	cuts := make(chan func(haechi.Verdict), 1)
	g := w.gate(t, devicegate.Config{}, devicegate.Deps{Sessions: opened(cuts), Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", up.Addr().String())
	}})
	l := tls.NewListener(listen(t), &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}})
	defer l.Close()
	done := make(chan time.Time, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			g.Serve(ingress.NewConn(c, actor("127.0.0.1"), 1, 2, func() {}))
		}
		done <- time.Now()
	}()
	c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p, r := newPhone(), bufio.NewReader(c)
	p.at = time.Now()
	msg := p.message("r", strings.Repeat("QUJD", 10000))
	fmt.Fprint(c, p.hello33()+p.pong()+msg)
	for _, want := range []string{"ping", "handshakeComplete", "echo"} {
		if l, err := r.ReadString('\n'); err != nil || !strings.Contains(l, want) {
			t.Fatalf("heard %.80q (%v), want %s", l, err, want)
		}
	}
	begun := time.Now()
	(<-cuts)(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonStatusChanged})
	if d := (<-done).Sub(begun); d > 100*time.Millisecond {
		t.Errorf("took %v", d)
	}
}

// opened passes on how to cut a session.
type opened chan func(haechi.Verdict)

func (o opened) Enter(_ string, _ haechi.Actor, s interface{ Cut(haechi.Verdict) }) uint64 {
	o <- s.Cut
	return 1
}
func (opened) Identify(uint64, haechi.Actor) {}
func (opened) Close(uint64)                  {}
