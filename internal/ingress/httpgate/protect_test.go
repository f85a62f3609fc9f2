package httpgate_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

// guarded is a site whose every setting is on.
func guarded(t *testing.T, csp httpgate.CSP) httpgate.Config {
	return httpgate.Config{TLS: selfSigned(t), Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, Protection: &httpgate.Protection{
		HSTS: "max-age=300", Frames: "SAMEORIGIN", Referrer: "strict-origin-when-cross-origin", NoSniff: true, CSP: csp,
		Cookies: httpgate.Cookies{Secure: true, HTTPOnly: true, Readable: []string{"XSRF-TOKEN"}, SameSite: "Lax"},
	}}}}
}

// says answers with the headers given as name, value pairs, and a text.
func says(text string, headers ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		io.WriteString(w, strings.ReplaceAll(text, "{header}", r.Header.Get("X-Csp-Nonce")))
	})
}

func TestEveryAnswerIsProtected(t *testing.T) {
	r := start(t, guarded(t, httpgate.CSP{}), says("{}", "Content-Type", "application/json", "Strict-Transport-Security", "max-age=1; preload",
		"X-XSS-Protection", "1; mode=block"))
	check := func(what string, h http.Header) {
		t.Helper()
		for name, want := range map[string]string{"Strict-Transport-Security": "max-age=300", "X-Frame-Options": "SAMEORIGIN",
			"Referrer-Policy": "strict-origin-when-cross-origin", "X-Content-Type-Options": "nosniff", "X-Xss-Protection": ""} {
			if got := strings.Join(h.Values(name), "|"); got != want && !(what == "refusal" && name == "X-Frame-Options") {
				t.Errorf("%s: %s is %q, want %q", what, name, got, want)
			}
		}
	}
	check("answer", r.get("https:shop.test/").Header)
	r.next(t)
	r.judge(func(*haechi.Request) haechi.Verdict {
		return haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonAccess, Rule: "access"}
	})
	check("refusal", r.get("https:shop.test/").Header)
}

// TestUpstreamsOwnWordStands: what the upstream says itself is not overruled, save
// for HSTS, which is about the gateway's own TLS.
func TestUpstreamsOwnWordStands(t *testing.T) {
	csp := httpgate.CSP{Policy: "default-src 'none'"}
	r := start(t, guarded(t, csp), says("<p>", "Content-Type", "text/html", "Referrer-Policy", "no-referrer",
		"Content-Security-Policy", "default-src 'self'; FRAME-ancestors https://partner.test"))
	h := r.get("https:shop.test/").Header
	if h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Frame-Options") != "" || len(h.Values("Content-Security-Policy")) != 1 ||
		!strings.Contains(h.Get("Content-Security-Policy"), "partner.test") {
		t.Errorf("got %v", h)
	}
}

func TestPlainHTTPPromisesNothingOfTLS(t *testing.T) {
	cfg := guarded(t, httpgate.CSP{})
	cfg.TLS = nil
	r := start(t, cfg, says("", "Set-Cookie", "id=1", "Strict-Transport-Security", "max-age=9"))
	h := r.get("shop.test/").Header
	if h.Get("Strict-Transport-Security") != "" || strings.Contains(h.Get("Set-Cookie"), "Secure") {
		t.Errorf("got %v", h)
	}
	// Behind a trusted proxy its word counts, from anybody else it does not.
	h = r.do("127.0.0.8", "GET", "shop.test/", nil, "X-Forwarded-Proto", "https", "X-Forwarded-For", "203.0.113.9").Header
	if h.Get("Strict-Transport-Security") == "" || !strings.Contains(h.Get("Set-Cookie"), "; Secure") {
		t.Errorf("behind a proxy: %v", h)
	}
	if h = r.get("shop.test/", "X-Forwarded-Proto", "https").Header; h.Get("Strict-Transport-Security") != "" {
		t.Errorf("a client's own claim was believed: %v", h)
	}
}

func TestCookiesAreCompleted(t *testing.T) {
	cookies := map[string]string{
		"id=1":                             "id=1; Secure; HttpOnly; SameSite=Lax",
		"id=1; Path=/; HttpOnly":           "id=1; Path=/; HttpOnly; Secure; SameSite=Lax",
		"id=1;secure;httponly;samesite=No": "id=1;secure;httponly;samesite=No",
		"XSRF-TOKEN=x; Path=/":             "XSRF-TOKEN=x; Path=/; Secure; SameSite=Lax",
		"secure=httponly; Max-Age=1":       "secure=httponly; Max-Age=1; Secure; HttpOnly; SameSite=Lax",
		"a=1; SameSite=None; Secure":       "a=1; SameSite=None; Secure; HttpOnly",
	}
	var pairs []string
	for in := range cookies {
		pairs = append(pairs, "Set-Cookie", in)
	}
	r := start(t, guarded(t, httpgate.CSP{}), says("", pairs...))
	got := r.get("https:shop.test/").Header.Values("Set-Cookie")
	for i := range got {
		if want := cookies[pairs[2*i+1]]; got[i] != want {
			t.Errorf("%q became %q, want %q", pairs[2*i+1], got[i], want)
		}
	}
	if len(got) != len(cookies) {
		t.Errorf("%d cookies", len(got))
	}
}

var nonceIn = regexp.MustCompile(`^script-src 'nonce-([A-Za-z0-9_-]{22})'$`)

// TestNonce: the upstream learns the nonce by header or by placeholder; each answer
// has its own.
func TestNonce(t *testing.T) {
	const placeholder = "PLACEHOLDER-0123456789"
	page := `<script nonce="{header}"></script><script nonce="` + placeholder + `">`
	r := start(t, guarded(t, httpgate.CSP{Policy: "script-src 'nonce-{nonce}'", Placeholder: placeholder}),
		says(page, "Content-Type", "text/html; charset=utf-8", "Etag", `"1"`, "Cache-Control", "max-age=3600"))
	seen := map[string]bool{}
	for range 3 {
		a := r.get("https:shop.test/", "Accept", "text/html", "X-Csp-Nonce", "forged", "If-None-Match", `"1"`)
		m := nonceIn.FindStringSubmatch(a.Header.Get("Content-Security-Policy"))
		if m == nil || seen[m[1]] {
			t.Fatalf("policy %q", a.Header.Values("Content-Security-Policy"))
		}
		seen[m[1]] = true
		if want := strings.NewReplacer("{header}", m[1], placeholder, m[1]).Replace(page); a.text != want {
			t.Errorf("page %q, want %q", a.text, want)
		}
		if a.Header.Get("Etag") != "" || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("a page with a nonce can be shown again: %v", a.Header)
		}
	}
	// What is no page passes as it is.
	r = start(t, guarded(t, httpgate.CSP{Policy: "script-src 'nonce-{nonce}'", Placeholder: placeholder}),
		says(placeholder, "Content-Type", "text/css", "Etag", `"1"`))
	if a := r.get("https:shop.test/", "Accept", "text/css"); a.text != placeholder || a.Header.Get("Content-Security-Policy") != "" || a.Header.Get("Etag") == "" {
		t.Errorf("a style sheet became %q, %v", a.text, a.Header)
	}
}

func TestReportOnly(t *testing.T) {
	r := start(t, guarded(t, httpgate.CSP{Policy: "default-src 'self'", ReportOnly: true}), says("<p>", "Content-Type", "text/html", "Etag", `"1"`))
	h := r.get("https:shop.test/").Header
	if h.Get("Content-Security-Policy") != "" || h.Get("Content-Security-Policy-Report-Only") != "default-src 'self'" || h.Get("Etag") == "" {
		t.Errorf("got %v", h)
	}
}

func TestReportsAreCollected(t *testing.T) {
	asked := 0
	r := start(t, guarded(t, httpgate.CSP{Policy: "default-src 'self'"}), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	post := func(body string) answer {
		return r.do("127.0.0.2", "POST", "https:shop.test"+httpgate.ReportPath, strings.NewReader(body), "Content-Type", "application/csp-report")
	}
	legacy := `{"csp-report":{"document-uri":"https://shop.test/cart?card=4111","violated-directive":"script-src 'self'","blocked-uri":"https://evil.test/x.js?a=1","source-file":"https://u:p@shop.test/cart#f","line-number":7,"disposition":"report"}}`
	if a := post(legacy); a.StatusCode != http.StatusNoContent {
		t.Fatalf("status %d", a.StatusCode)
	}
	e := r.next(t)
	if e.Kind != haechi.KindSystem || e.Reason != haechi.ReasonCSP || e.Rule != "csp/script-src" || e.Path != "/cart" || !e.Shadow ||
		e.Text != "blocked https://evil.test/x.js in https://shop.test/cart:7" {
		t.Errorf("event %+v", e)
	}
	r.next(t) // of the request
	post(legacy)
	if e := r.next(t); e.Kind != haechi.KindRequest {
		t.Errorf("an equal report was told again: %+v", e)
	}
	post(`[{"type":"deprecation"},{"type":"csp-violation","body":{"effectiveDirective":"<b>","blockedURL":"inline","documentURL":"https://shop.test/%1b[31m"}}]`)
	if e := r.next(t); e.Rule != "csp/other" || e.Text != "blocked inline" || e.Path != "/[31m" || e.Shadow {
		t.Errorf("event %+v", e)
	}
	r.next(t)
	for _, bad := range []string{"", "{", strings.Repeat("[", 70000)} {
		r.refused(post(bad), http.StatusBadRequest, haechi.ReasonMalformed)
	}
	if a := r.get("https:shop.test" + httpgate.ReportPath); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET gives %d", a.StatusCode)
	}
	if asked != 0 {
		t.Errorf("%d requests reached the upstream", asked)
	}
}

func TestRedirectToTLS(t *testing.T) {
	asked := 0
	cfg := httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test", "::1"}, SecureAt: ":8443",
		Protection: &httpgate.Protection{HSTS: "max-age=300"}}}}
	r := start(t, cfg, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	for url, want := range map[string]string{
		"shop.test/a%20b?x=%0d%0aSet-Cookie:a": "https://shop.test:8443/a%20b?x=%0d%0aSet-Cookie:a",
		"Shop.Test:80/":                        "https://shop.test:8443/",
		"[::1]:80//evil.test/":                 "https://[::1]:8443//evil.test/",
	} {
		a := r.do("127.0.0.2", "POST", url, strings.NewReader("x"))
		if a.StatusCode != http.StatusPermanentRedirect || a.Header.Get("Location") != want || a.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: %d, %q, want %q", url, a.StatusCode, a.Header.Get("Location"), want)
		}
		r.next(t)
	}
	r.refused(r.get("other.test/"), http.StatusMisdirectedRequest, haechi.ReasonUnknownHost)
	if asked != 0 {
		t.Errorf("%d requests reached the upstream", asked)
	}
}
