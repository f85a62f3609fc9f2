package scenario_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"haechi/test/gateway"
)

// load is a crowd of web clients that ask the shop over TLS until they are stopped: over
// HTTP/1.1 and HTTP/2, over connections that are kept and over new ones.
type load struct {
	t        *testing.T
	stop     context.CancelFunc
	done     sync.WaitGroup
	requests atomic.Uint64
	mu       sync.Mutex
	failures []string
	kept     []*surfer
}

// surfer is one of them.
type surfer struct {
	name  string
	keeps bool
	tr    *http.Transport
	fresh atomic.Int32 // connections it made
}

// surf starts them, each from an address of its own.
func (r *rig) surf(t *testing.T, pool *x509.CertPool) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{t: t, stop: stop}
	for i, s := range []*surfer{{name: "HTTP/1.1 kept", keeps: true}, {name: "HTTP/2 kept", keeps: true}, {name: "HTTP/1.1 fresh"}, {name: "HTTP/2 fresh"}} {
		s.tr = &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				s.fresh.Add(1)
				return dialFrom(ctx, r.addr(40+i), r.shopAddr())
			},
			TLSClientConfig:   &tls.Config{RootCAs: pool, ServerName: shopHost, ClientSessionCache: tls.NewLRUClientSessionCache(4)},
			Protocols:         new(http.Protocols),
			DisableKeepAlives: !s.keeps,
		}
		s.tr.Protocols.SetHTTP1(strings.HasPrefix(s.name, "HTTP/1.1"))
		s.tr.Protocols.SetHTTP2(strings.HasPrefix(s.name, "HTTP/2"))
		if s.keeps {
			l.kept = append(l.kept, s)
		}
		l.done.Go(func() { l.run(ctx, s) })
	}
	return l
}

func (l *load) run(ctx context.Context, s *surfer) {
	defer s.tr.CloseIdleConnections()
	client := &http.Client{Transport: s.tr, Timeout: gateway.Patient(10 * time.Second)}
	tick := time.NewTicker(8 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		if err := ask(client, n); err != nil {
			l.mu.Lock()
			l.failures = append(l.failures, fmt.Sprintf("%s, request %d: %v", s.name, n, err))
			l.mu.Unlock()
		}
		l.requests.Add(1)
		<-tick.C
	}
}

// ask sends one request that no client would send a second time by itself.
func ask(c *http.Client, n int) error {
	body := io.MultiReader(strings.NewReader("user=mina&password="), strings.NewReader(fmt.Sprint(n)))
	req, err := http.NewRequest(http.MethodPost, "https://"+shopHost+"/echo", body)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %d", resp.StatusCode)
	}
	return nil
}

// end stops them, and wants that no request failed and no kept connection was lost.
func (l *load) end() {
	l.t.Helper()
	l.stop()
	l.done.Wait()
	n := l.requests.Load()
	if len(l.failures) > 0 || n < 200 {
		l.t.Errorf("%d of %d requests failed: %v", len(l.failures), n, l.failures[:min(len(l.failures), 5)])
	}
	for _, s := range l.kept {
		if c := s.fresh.Load(); c != 1 {
			l.t.Errorf("%s: %d connections", s.name, c)
		}
	}
	l.t.Logf("%d requests, %d failed", n, len(l.failures))
}

// TestCertificateFileReplaced is a part of Must show 4 of the HTTP gate: certificate
// files are replaced under load, the key after the certificate, and no request fails.
func TestCertificateFileReplaced(t *testing.T) {
	t.Parallel()
	r, ca := tlsRig(t)
	l := r.surf(t, ca.pool())
	for range 2 {
		next := ca.issue(nil)
		eventually(t, "the new certificate to be served", 30*time.Second, func() bool {
			c, err := r.served(ca.pool())
			must(t, err)
			return c.Equal(next)
		})
	}
	l.end()
}

// TestReloadUnderTLS is another part: the configuration is reloaded under load, again and
// again and with another certificate, and no request fails.
func TestReloadUnderTLS(t *testing.T) {
	t.Parallel()
	r, ca := tlsRig(t)
	l := r.surf(t, ca.pool())
	for i := range 6 {
		before := l.requests.Load()
		next := ca.issue(nil)
		r.configure(settings{shop: ca.tlsShop("") + fmt.Sprintf("\nlimits: { address: %d/s, connections: 100 }", 2000+i)})
		r.ok("reload")
		if c, err := r.served(ca.pool()); err != nil || !c.Equal(next) {
			t.Errorf("after the reload: %v", err)
		}
		eventually(t, "more requests", 10*time.Second, func() bool { return l.requests.Load() > before+80 })
	}
	l.end()
}

// tlsRig is a started rig whose shop is served over TLS from files.
func tlsRig(t *testing.T) (*rig, *testCA) {
	t.Helper()
	r, ca := newRig(t, settings{}), newTestCA(t)
	ca.issue(nil)
	r.configure(settings{shop: ca.tlsShop("") + "\nlimits: { address: 1000/s, connections: 100 }"})
	r.start()
	return r, ca
}
