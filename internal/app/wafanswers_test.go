package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/app"
)

const sqlError = "<p>You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version</p>"

// leaky is a server behind that shows an error at every path but /.
func leaky(t *testing.T) string {
	t.Helper()
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("X-Inside", "db1.internal")
		text := "<p>hello</p>"
		if q.URL.Path != "/" {
			text = sqlError
		}
		_, _ = io.WriteString(w, text) // whoever is gone misses nothing
	}))
	t.Cleanup(up.Close)
	return up.URL
}

func fetchPage(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "shop.test"
	res, err := on(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

// TestAnswersThatLeak: an answer that leaks is withheld, explained by its reference and
// excepted by one order; a path in shadow passes.
func TestAnswersThatLeak(t *testing.T) {
	r := newRig(t)
	text := fmt.Sprintf("state: %s\nconsole: { listen: %q }\nservices:\n  shop:\n    kind: http\n    hosts: [shop.test]\n    listen: [%q]\n    upstream: %s\n"+
		"    limits: { mode: \"off\" }\n    waf: { responses: enforce, routes: [{ path: /look, responses: shadow }, { path: /free, responses: \"off\" }] }\n",
		r.dir, r.console, r.web, leaky(t))
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a, _ := r.start(t)
	for path, want := range map[string]int{"/": 200, "/look": 200, "/free": 200, "/LOOK": 500, "/page": 500} {
		res, text := fetchPage(t, "http://"+r.web+path)
		if res.StatusCode != want || (want == 500) != (res.Header.Get("X-Haechi-Ref") != "") {
			t.Errorf("%s: %d %v", path, res.StatusCode, res.Header)
		}
		if want == 500 && (strings.Contains(text, "SQL") || res.Header.Get("X-Inside") != "") {
			t.Errorf("%s leaks: %v %q", path, res.Header, text)
		}
	}
	res, _ := fetchPage(t, "http://"+r.web+"/page")
	ref := haechi.Reference(res.Header.Get("X-Haechi-Ref"))
	whyLeak(t, a, ref)
	since := time.Now().Add(-time.Hour)
	p, err := a.Control().PreviewException(t.Context(), ref, since)
	if err != nil || len(p.Exceptions) != 1 || p.Exceptions[0].Where != "RESPONSE_BODY" || p.Exceptions[0].Path != "/page" || p.Passed == 0 {
		t.Fatalf("%+v %v", p, err)
	}
	if all, err := a.Control().ProposeExceptions(t.Context(), since); err != nil || len(all) > 0 {
		t.Errorf("proposed %+v %v", all, err)
	}
	if _, err := a.Control().AddException(t.Context(), kim, haechi.ExceptionOrder{Ref: ref, Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if res, text := fetchPage(t, "http://"+r.web+"/page"); res.StatusCode != 200 || text != sqlError {
		t.Errorf("excepted: %d %q", res.StatusCode, text)
	}
	if res, _ := fetchPage(t, "http://"+r.web+"/other"); res.StatusCode != 500 {
		t.Errorf("another path: %d", res.StatusCode)
	}
}

// whyLeak resolves the reference, which is recorded a moment after the answer.
func whyLeak(t *testing.T, a *app.App, ref haechi.Reference) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 1500 {
		x, err := a.Control().Why(t.Context(), string(ref))
		if err == nil && slices.ContainsFunc(x.Refusals, func(f haechi.Event) bool {
			return f.Kind == haechi.KindAnswer && f.Reason == haechi.ReasonLeak && strings.Contains(f.Hits, "951230") && f.Status == 200 && f.Threshold == 4
		}) {
			return
		}
		<-tick.C
	}
	t.Fatalf("the reference %q does not resolve", ref)
}
