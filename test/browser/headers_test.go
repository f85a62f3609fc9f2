package browser

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"haechi/internal/app"
)

// evilShop is a web service whose page has a script of its own and one that somebody
// put into it. It sets two cookies that say nothing of safety.
func evilShop(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Add("Set-Cookie", "session=1; Path=/")
	h.Add("Set-Cookie", "XSRF-TOKEN=2; Path=/")
	fmt.Fprintf(w, `<!doctype html><title>shop</title><p id="own">-</p><p id="other">-</p><p id="cookies">-</p>
<script nonce="%s">document.getElementById("own").textContent = "ran"; document.getElementById("cookies").textContent = document.cookie</script>
<script nonce="PLACEHOLDER-0123456789">document.getElementById("own").textContent += " twice"</script>
<script>document.getElementById("other").textContent = "ran"</script>`, r.Header.Get("X-Csp-Nonce"))
}

// secured is a gateway in front of evilShop, over TLS, with plain HTTP beside it. more are
// settings of tls.
func secured(t *testing.T, more string) (g *gateway, tls, plain string) {
	t.Helper()
	chromium.open(t)
	g = &gateway{t: t, dir: t.TempDir()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(evilShop)}
	g.during(func(ctx context.Context) {
		defer context.AfterFunc(ctx, func() { _ = s.Close() })()
		_ = s.Serve(l) // ErrServerClosed, once the test ends
	})
	tls, plain = free(t), free(t)
	text := fmt.Sprintf("state: %q\nconsole: { listen: \"127.0.0.1:0\" }\nservices:\n  shop:\n    kind: http\n    hosts: [localhost, 127.0.0.1]\n"+
		"    listen: [%q]\n    redirect: [%q]\n    tls: { dev_ca: true%s }\n    upstream: http://%s\n    headers:\n"+
		"      csp: { mode: enforce, policy: \"default-src 'self'; script-src 'nonce-{nonce}'\", placeholder: PLACEHOLDER-0123456789 }\n",
		filepath.Join(g.dir, "state"), tls, plain, more, l.Addr())
	config := filepath.Join(g.dir, "haechi.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	up := make(chan app.Started, 1)
	g.app, err = app.New(t.Context(), app.Options{ConfigPath: config, Version: "0.1.0", Started: func(s app.Started) { up <- s }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	g.during(func(ctx context.Context) {
		if err := g.app.Run(ctx); err != nil {
			t.Errorf("the gateway did not stop cleanly: %v", err)
		}
	})
	g.started = <-up
	return g, tls, plain
}

// TestBrowserKeepsThePolicy: a real browser comes by plain HTTP, is sent to https, runs
// the page's scripts and not the one that somebody put in, keeps the session's cookie
// from scripts, and reports; the console shows the report.
func TestBrowserKeepsThePolicy(t *testing.T) {
	g, tls, plain := secured(t, "")
	b := g.open()
	b.do(chromedp.Navigate("http://" + plain + "/cart"))
	if at := get(b, chromedp.Location()); at != "https://"+tls+"/cart" {
		t.Fatalf("the visit by plain HTTP ended at %s", at)
	}
	if own, other := b.text("#own"), b.text("#other"); own != "ran twice" || other != "-" {
		t.Errorf("the page's own scripts: %q; the foreign one: %q", own, other)
	}
	if got := b.text("#cookies"); got != "XSRF-TOKEN=2" {
		t.Errorf("scripts see the cookies %q", got)
	}
	b.complained("violate")
	g.eventually("the report is recorded", func() bool {
		table, err := g.app.Control().Report(t.Context(), "csp")
		return err == nil && len(table.Rows) == 1
	})
	console := g.enter()
	console.see("/reports?name=csp")
	for _, want := range []string{"/cart", "script-src", "inline", "blocked"} {
		if !strings.Contains(console.text("main"), want) {
			t.Errorf("the console's report has no %q:\n%s", want, console.text("main"))
		}
	}
	res, err := http.Get("http://" + plain + "/") // the client follows, and does not know the CA
	if err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		t.Errorf("a client that trusts no development CA got %d", res.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
}
