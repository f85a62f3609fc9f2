package browser

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"haechi"
)

// TestBrowserSpeaksHTTP3: a real browser reads the page over QUIC, and it is the same page:
// its scripts run by their nonces, the one that somebody put in does not.
func TestBrowserSpeaksHTTP3(t *testing.T) {
	g, addr, _ := secured(t, ", http3: true")
	g.started.Console = "https://" + addr
	b := g.openIn(overQUIC(t, addr))
	b.see("/cart")
	if by := eval[string](b, `performance.getEntriesByType("navigation")[0].nextHopProtocol`); by != "h3" {
		t.Fatalf("the page came by %q", by)
	}
	if own, other := b.text("#own"), b.text("#other"); own != "ran twice" || other != "-" {
		t.Errorf("the page's own scripts: %q; the foreign one: %q", own, other)
	}
	if got := b.text("#cookies"); got != "XSRF-TOKEN=2" {
		t.Errorf("scripts see the cookies %q", got)
	}
	b.complained("violate")
	g.eventually("the request is recorded with a fingerprint of QUIC", func() bool {
		es, err := g.app.Control().Events(t.Context(), haechi.EventFilter{Service: "shop", Limit: 100})
		return err == nil && slices.ContainsFunc(es, func(e haechi.Event) bool {
			return e.Kind == haechi.KindRequest && e.Path == "/cart" && strings.HasPrefix(e.Fingerprint, "q13i")
		})
	})
}

// overQUIC is another Chromium, which speaks nothing but HTTP/3 with the address. It does
// not take a certificate of unknown roots for QUIC unless it is told its key.
func overQUIC(t *testing.T, addr string) context.Context {
	t.Helper()
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	key := sha256.Sum256(c.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	path, err := lookPath()
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("enable-quic", true), chromedp.Flag("origin-to-force-quic-on", addr),
		chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(key[:])),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "en-US"), chromedp.Flag("no-proxy-server", true))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx); cancel(); stop() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}
