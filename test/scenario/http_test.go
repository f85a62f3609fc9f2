package scenario_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"haechi"
	"haechi/test/gateway"
)

// refusedWith wants a refusal with a reference that `why` resolves to the event.
func (r *rig) refusedWith(t *testing.T, p page, status int, reason haechi.Reason) haechi.Event {
	t.Helper()
	ref := p.Header.Get("X-Haechi-Ref")
	if p.StatusCode != status || ref == "" || !strings.Contains(p.body, ref) {
		t.Fatalf("answered %d, reference %q: %s", p.StatusCode, ref, p.body)
	}
	var x haechi.Explanation
	eventually(t, "the refusal to be recorded", 3*time.Second, func() bool {
		return len(askedOr(r, &x, "why", ref).Refusals) > 0
	})
	e := x.Refusals[0]
	if e.Reason != reason || string(e.Ref) != ref || e.Rule == "" || e.Status != status || e.Verdict < haechi.Deny {
		t.Errorf("why %s says %+v", ref, e)
	}
	return e
}

// TestAddressLimit: so many a second pass, then 429 says when to come back. They are fewer
// than on a gateway without a setting, so that a busy machine can send more.
func TestAddressLimit(t *testing.T) {
	t.Parallel()
	r := run(t, settings{shop: "limits: { address: 30/s }"})
	v, passed := r.visitor(t, 20), 0
	began := time.Now()
	p := v.get("/health")
	for ; p.StatusCode == http.StatusOK; p = v.get("/health") {
		if passed++; passed > 5000 {
			t.Fatal("there is no limit")
		}
	}
	if most := 31 + int(30*time.Since(began).Seconds()); passed < 28 || passed > most {
		t.Errorf("%d requests passed in %s, want 28 to %d", passed, time.Since(began), most)
	}
	if wait, err := strconv.Atoi(p.Header.Get("Retry-After")); err != nil || wait < 1 || wait > 2 {
		t.Errorf("Retry-After: %q", p.Header.Get("Retry-After"))
	}
	if e := r.refusedWith(t, p, http.StatusTooManyRequests, haechi.ReasonRateLimit); e.Rule != "limit/address" || e.Threshold != 30 || e.Observed <= 30 {
		t.Errorf("explained as %+v", e)
	}
	if p := r.visitor(t, 21).get("/health"); p.StatusCode != http.StatusOK {
		t.Errorf("somebody else gets %d", p.StatusCode)
	}
	eventually(t, "the limit to let it in again", 5*time.Second, func() bool { return v.get("/health").StatusCode == http.StatusOK })
}

// TestLoginClass: a route with a class has a limit of its own, which the others do
// not feel.
func TestLoginClass(t *testing.T) {
	t.Parallel()
	r := run(t, settings{shop: "routes: [ { path: /login, class: login } ]"})
	v := r.visitor(t, 20)
	login := func() page {
		p, err := v.ask(http.MethodPost, "/login", "user=mina&password=guess")
		must(t, err)
		return p
	}
	passed := 0
	began, p := time.Now(), login()
	for ; p.StatusCode != http.StatusTooManyRequests; p = login() {
		if passed++; passed > 200 {
			t.Fatal("there is no limit")
		}
	}
	if most := 11 + int(5*time.Since(began).Seconds()); passed < 10 || passed > most {
		t.Errorf("%d logins passed in %s, want 10 to %d", passed, time.Since(began), most)
	}
	if e := r.refusedWith(t, p, http.StatusTooManyRequests, haechi.ReasonRateLimit); e.Rule != "limit/class/login" || e.Class != "login" || e.Threshold != 10 {
		t.Errorf("explained as %+v", e)
	}
	if p := v.get("/"); p.StatusCode != http.StatusOK {
		t.Errorf("the front page: %d", p.StatusCode)
	}
}

// TestDecisionAboutAWebClient: it holds at accept for a direct client, and request
// by request for one behind a trusted proxy, whose connection is everybody's.
func TestDecisionAboutAWebClient(t *testing.T) {
	t.Parallel()
	r := newRig(t, settings{})
	r.configure(settings{top: "trusted_proxies: [" + r.addr(40).String() + "]"})
	r.start()
	direct, proxy := r.visitor(t, 20), r.visitor(t, 40)
	behind := func(client string) page { return proxy.get("/echo", "X-Forwarded-For", client) }
	direct.get("/")
	behind("203.0.113.7")
	for _, who := range []string{r.addr(20).String(), "203.0.113.7"} {
		r.ok("decisions", "add", "ip:"+who, "--reason", "test", "--for", "1h")
	}
	if p, err := direct.ask(http.MethodGet, "/", ""); err == nil {
		t.Errorf("the direct client is answered %d", p.StatusCode)
	}
	p := behind("203.0.113.7")
	d, ok := r.about("ip:203.0.113.7")
	if !ok || p.Header.Get("X-Haechi-Ref") != string(d.ID) || p.Header.Get("Retry-After") == "" {
		t.Errorf("refused with %v, decision %+v", p.Header, d)
	}
	r.refusedWith(t, p, http.StatusForbidden, haechi.ReasonDecision)
	x := asked[haechi.Explanation](r, "why", p.Header.Get("X-Haechi-Ref"))
	if len(x.Decisions) != 1 || len(x.Lift) == 0 || x.Decisions[0].Reason != "test" {
		t.Errorf("why says %+v", x)
	}
	if p := behind("203.0.113.8"); p.StatusCode != http.StatusOK {
		t.Errorf("another client of the proxy gets %d", p.StatusCode)
	}
	if proxy.fresh != 1 {
		t.Errorf("the proxy had to connect %d times", proxy.fresh)
	}
	x = asked[haechi.Explanation](r, "why", r.addr(20).String())
	if len(x.Decisions) != 1 || len(x.Refusals) == 0 || x.Refusals[0].Kind != haechi.KindConnect {
		t.Errorf("why the direct client: %+v", x)
	}
}

// TestWhoTheClientIs: nobody is believed but the trusted proxy, and of its chain
// only what it added itself.
func TestWhoTheClientIs(t *testing.T) {
	t.Parallel()
	r := newRig(t, settings{})
	r.configure(settings{top: "trusted_proxies: [" + r.addr(40).String() + "]"})
	r.start()
	r.ok("decisions", "add", "ip:203.0.113.7", "--reason", "test")
	liar := r.visitor(t, 20).get("/echo", "X-Forwarded-For", "203.0.113.7", "X-Real-Ip", "203.0.113.7")
	if got := liar.Header.Get("Echo-X-Forwarded-For"); liar.StatusCode != http.StatusOK || got != r.addr(20).String() || liar.Header.Get("Echo-X-Real-Ip") != got {
		t.Errorf("a stranger's claim: %d, the upstream reads %q", liar.StatusCode, got)
	}
	proxy := r.visitor(t, 40)
	spoofed := proxy.get("/echo", "X-Forwarded-For", "203.0.113.7, 198.51.100.9")
	if got := spoofed.Header.Get("Echo-X-Real-Ip"); spoofed.StatusCode != http.StatusOK || got != "198.51.100.9" {
		t.Errorf("what the client put in front: %d, the upstream reads %q", spoofed.StatusCode, got)
	}
	if p := proxy.get("/echo", "X-Forwarded-For", "10.0.0.1, 203.0.113.7"); p.StatusCode != http.StatusForbidden {
		t.Errorf("the real one behind the proxy: %d", p.StatusCode)
	}
	eventually(t, "the request to be recorded", 3*time.Second, func() bool {
		return len(asked[[]haechi.Event](r, "events", "--source", "198.51.100.9", "--kind", "request")) == 1
	})
	for range 150 { // the limit is the client's, not the proxy's
		proxy.get("/health", "X-Forwarded-For", "198.51.100.77")
	}
	if p := proxy.get("/health", "X-Forwarded-For", "198.51.100.78"); p.StatusCode != http.StatusOK {
		t.Errorf("another client of the proxy gets %d", p.StatusCode)
	}
}

// TestUnknownHost: nobody learns anything, and the shop is not asked.
func TestUnknownHost(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	p := r.visitor(t, 20).get("/", "Host", "admin.internal")
	r.refusedWith(t, p, http.StatusMisdirectedRequest, haechi.ReasonUnknownHost)
	if strings.Contains(strings.ToLower(p.body+fmt.Sprint(p.Header)), shopHost) || r.web.shop.Counts().Requests != 0 {
		t.Errorf("it learns %q, %v", p.body, p.Header)
	}
	if len(p.body) > 100 {
		t.Errorf("a refusal of %d bytes", len(p.body))
	}
}

// TestTLS: a service with the development CA is reached by whoever trusts it.
func TestTLS(t *testing.T) {
	t.Parallel()
	r := run(t, settings{shop: "tls: { dev_ca: true }"})
	pem, err := os.ReadFile(filepath.Join(r.state(), "ca", "ca.crt"))
	must(t, err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("the CA file holds no certificate")
	}
	v := r.visitor(t, 20)
	tr := v.Transport.(*http.Transport)
	tr.TLSClientConfig = &tls.Config{RootCAs: pool, ServerName: shopHost}
	tr.ForceAttemptHTTP2 = true
	resp, err := v.Get("https://" + shopHost + "/echo")
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.TLS == nil || resp.TLS.Version < tls.VersionTLS12 || resp.ProtoMajor != 2 || resp.Header.Get("Echo-X-Forwarded-Proto") != "https" {
		t.Errorf("answered %s %s, %v", resp.Proto, resp.Status, resp.Header)
	}
	stranger := &tls.Config{RootCAs: pool, ServerName: "other.test"}
	if c, err := tls.Dial("tcp", r.shopAddr(), stranger); err == nil {
		c.Close()
		t.Error("it has a certificate for any name")
	}
	if p, err := r.visitor(t, 21).ask(http.MethodGet, "/", ""); err == nil && p.StatusCode == http.StatusOK {
		t.Error("it answers without encryption")
	}
}

// TestWebSocketIsCut: a conversation under way ends with a decision about its client.
func TestWebSocketIsCut(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	open := func(i int) *websocket.Conn {
		ws, _, err := websocket.Dial(t.Context(), "ws://"+shopHost+"/live", &websocket.DialOptions{HTTPClient: r.visitor(t, i).Client})
		must(t, err)
		t.Cleanup(func() { ws.CloseNow() })
		return ws
	}
	echo := func(ws *websocket.Conn) error {
		if err := ws.Write(t.Context(), websocket.MessageText, []byte("안녕")); err != nil {
			return err
		}
		_, b, err := ws.Read(t.Context())
		if err == nil && string(b) != "안녕" {
			t.Errorf("echoed %q", b)
		}
		return err
	}
	bad, good := open(20), open(21)
	must(t, echo(bad))
	must(t, echo(good))
	over := make(chan time.Time, 1)
	go func() {
		if _, _, err := bad.Read(t.Context()); err != nil {
			over <- time.Now()
		}
	}()
	began := time.Now()
	r.ok("decisions", "add", "ip:"+r.addr(20).String(), "--reason", "test")
	select {
	case at := <-over:
		t.Logf("cut after %s", at.Sub(began))
	case <-time.After(gateway.Patient(time.Second)):
		t.Error("it was not cut")
	}
	must(t, echo(good))
	if _, _, err := websocket.Dial(t.Context(), "ws://"+shopHost+"/live", &websocket.DialOptions{HTTPClient: r.visitor(t, 20).Client}); err == nil {
		t.Error("it is let in again")
	}
}
