package demo_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"haechi/internal/operate/demo"
)

func shop(t *testing.T) *demo.Shop {
	t.Helper()
	s, err := demo.NewShop()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ask(s http.Handler, method, target, body string, cookies ...*http.Cookie) *http.Response {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestShopPages(t *testing.T) {
	s := shop(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/", "", 200, "보성 녹차"},
		{"GET", "/products/3", "", 200, "Chrysanthemum"},
		{"GET", "/products/99", "", 404, "Not found"},
		{"GET", "/search?q=GINGER", "", 200, "/products/5"},
		{"GET", "/search?q=%3Cscript%3E", "", 200, "&lt;script&gt;"},
		{"GET", "/login", "", 200, `type="password"`},
		{"POST", "/login", "email=a&password=b", 401, "not right"},
		{"GET", "/account", "", 303, ""},
		{"GET", "/assets/style.css", "", 200, "--sea"},
		{"GET", "/assets/logo.svg", "", 200, "<svg"},
		{"GET", "/assets/page.html", "", 404, "Not found"},
		{"GET", "/api/products", "", 200, `"price":18000`},
		{"POST", "/api/cart", `{"id":1,"count":2}`, 200, `"count":2`},
		{"POST", "/api/cart", `{"id":1,"count":2000}`, 400, "error"},
		{"POST", "/api/cart", strings.Repeat("x", 1<<20), 400, "error"},
		{"GET", "/.env", "", 404, "Not found"},
		{"DELETE", "/products/1", "", 404, "Not found"},
	} {
		r := ask(s, c.method, c.path, c.body)
		if got := text(t, r); r.StatusCode != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %d, want %d with %q", c.method, c.path, r.StatusCode, c.status, c.want)
		}
	}
	if n := s.Counts(); n.Requests != 17 || n.FailedLogins != 1 || n.Missing != 4 || n.Bytes < 1<<20 {
		t.Errorf("%+v", n)
	}
}

func TestShopLogin(t *testing.T) {
	s := shop(t)
	r := ask(s, "POST", "/login", url.Values{"email": {demo.ShopUser}, "password": {demo.ShopPassword}}.Encode())
	if r.StatusCode != http.StatusSeeOther || len(r.Cookies()) != 1 {
		t.Fatalf("%d %v", r.StatusCode, r.Cookies())
	}
	if got := text(t, ask(s, "GET", "/account", "", r.Cookies()...)); !strings.Contains(got, "미나") {
		t.Error("not signed in")
	}
	if n := s.Counts(); n.Logins != 1 {
		t.Errorf("%+v", n)
	}
}

// The shop works with no network but its own, and with no inline script or style.
func TestShopNeedsNothingFromOutside(t *testing.T) {
	s := shop(t)
	outside := regexp.MustCompile(`(?i)(src|href|action)="(https?:)?//|url\(|@import|<script|style=`)
	for _, path := range []string{"/", "/login", "/search?q=tea", "/products/1", "/assets/style.css"} {
		r := ask(s, "GET", path, "")
		if found := outside.FindString(text(t, r)); found != "" {
			t.Errorf("%s: %q", path, found)
		}
		if csp := r.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'self'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
	}
}
