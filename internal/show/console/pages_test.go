package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"haechi"
)

func pages() []string {
	return []string{"/", "/overview/part", "/live", "/devices", "/devices?status=pending", "/devices/codes", "/devices/keys", "/devices/keys?all=true", "/devices/unused", "/devices/unused?days=2000",
		"/devices/item?key=LOA.i/0123456789abcdeb", "/decisions",
		"/decisions?all=true", "/decisions/item?id=7K29Q-XM4TC", "/why", "/why?q=7K29Q-XM4TC", "/why?q=nothing", "/waf", "/waf?ref=7K29Q-XM4TC", "/incidents", "/rules",
		"/reports", "/reports?name=daily", "/audit", "/status"}
}

// TestPages renders every page in both languages: no missing text, no markup of
// an attacker's, nothing inline.
func TestPages(t *testing.T) {
	r := newRig(t)
	r.enroll()
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|<script[^>]*>[^<]`)
	missing := regexp.MustCompile(`\[[a-z]+\.[a-z_]+\]|%!|<no value>|ZgotmplZ`)
	for _, lang := range []string{"en", "ko"} {
		for _, path := range pages() {
			got := r.get(path, "Accept-Language", lang)
			want(t, got, http.StatusOK)
			if m := missing.FindString(got.body); m != "" {
				t.Errorf("%s (%s) shows %q", path, lang, m)
			}
			if strings.Contains(got.body, "<img src=x") || inline.MatchString(got.body) {
				t.Errorf("%s (%s) holds markup that it should not", path, lang)
			}
			if path != "/overview/part" && !strings.Contains(got.body, `<html lang="`+lang+`">`) {
				t.Errorf("%s is not in %s", path, lang)
			}
		}
	}
}

func TestEscaped(t *testing.T) {
	r := newRig(t)
	r.enroll()
	for _, path := range []string{"/devices", "/live", "/audit", "/reports?name=daily", "/why?q=" + "x"} {
		got := r.get(path)
		if !strings.Contains(got.body, "&lt;img src=x onerror=alert(1)&gt;") {
			t.Errorf("%s does not show the name as text", path)
		}
	}
	got := r.get("/why?q=" + strings.ReplaceAll("nothing<script>alert(1)</script>", "/", "%2F"))
	if strings.Contains(got.body, "<script>alert") {
		t.Error("the query comes back as markup")
	}
}

func TestCardsNameTheirWindows(t *testing.T) {
	r := newRig(t)
	r.enroll()
	got := r.get("/").body
	for _, w := range []string{"last 1 hour", "now (ping within 5 min)", "today (Asia/Seoul)", "18,234", `class="card alert" id="card-auth"`} {
		if !strings.Contains(got, w) {
			t.Errorf("the overview lacks %q", w)
		}
	}
}

func TestHeaders(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/login", "/static/app.css", "/vendor/htmx/htmx.min.js", "/nowhere", "/api/v1/status"} {
		h := r.get(path).Header
		if csp := h.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: headers %v", path, h)
		}
	}
	if got := r.get("/vendor/SHA256SUMS"); got.StatusCode != http.StatusNotFound {
		t.Error("files that no page needs are served")
	}
}

func TestDeviceActions(t *testing.T) {
	r := newRig(t)
	r.enroll()
	key := r.control.devices[1].Key
	want(t, r.post("/devices/status", "key", key, "status", "blocked"), http.StatusBadRequest)
	want(t, r.post("/devices/status", "key", key, "status", "blocked", "reason", "two\nlines"), http.StatusBadRequest)
	if r.control.devices[1].Status != haechi.Approved {
		t.Fatal("a change without a reason went through")
	}
	got := r.post("/devices/status", "key", key, "status", "blocked", "reason", "stolen phone")
	want(t, got, http.StatusSeeOther)
	d := r.control.devices[1]
	if d.Status != haechi.Blocked || d.Reason != "stolen phone" || d.By != "minji" {
		t.Errorf("the control was told %+v", d)
	}
	page := r.get(got.Header.Get("Location"))
	if !strings.Contains(page.body, "LOA.i/0123456789abcdeb is now blocked.") {
		t.Error("the page after it does not say what was done")
	}
	if strings.Contains(r.get(got.Header.Get("Location")).body, "is now blocked.") {
		t.Error("the notice is shown twice")
	}
	want(t, r.post("/devices/status", "key", r.control.devices[0].Key, "status", "approved"), http.StatusSeeOther)
	want(t, r.post("/devices/status", "key", "no/such", "status", "approved"), http.StatusNotFound)
}

// A device that a database governs shows what stands there, escaped, and offers no
// approval unless there is a refusal to take back.
func TestGovernedDevices(t *testing.T) {
	r := newRig(t)
	r.enroll()
	for i := range r.control.devices {
		r.control.devices[i].Source, r.control.devices[i].There = "database", "pending"
	}
	r.control.devices[0].There = `"` + evil + `"`
	for _, path := range []string{"/devices", "/devices/item?key=" + url.QueryEscape(r.control.devices[0].Key)} {
		got := r.get(path)
		if !strings.Contains(got.body, "database: ") || strings.Contains(got.body, `value="approved"`) || strings.Contains(got.body, "<img src=x") {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	r.control.devices[0].Veto, r.control.devices[0].Status = haechi.Blocked, haechi.Blocked
	if got := r.get("/devices/item?key=" + url.QueryEscape(r.control.devices[0].Key)); !strings.Contains(got.body, `value="approved"`) {
		t.Error("a refusal cannot be taken back")
	}
}

func TestAddDevice(t *testing.T) {
	r := newRig(t)
	r.enroll()
	for _, bad := range []string{"", "nobot", "/id", "bot/", "a\u202eb/1"} {
		want(t, r.post("/devices/add", "key", bad, "service", "bots"), http.StatusBadRequest)
	}
	got := r.post("/devices/add", "key", "LOA.i/77", "service", "bots")
	want(t, got, http.StatusSeeOther)
	want(t, r.get(got.Header.Get("Location")), http.StatusOK)
}

func TestUndo(t *testing.T) {
	r := newRig(t)
	r.enroll()
	if !strings.Contains(r.get("/audit").body, `name="entry" value="2"`) {
		t.Error("the page offers no undo")
	}
	want(t, r.post("/audit/undo", "entry", "2"), http.StatusSeeOther)
	want(t, r.post("/audit/undo", "entry", "3"), http.StatusNotFound)
	want(t, r.post("/audit/undo", "entry", "x"), http.StatusBadRequest)
}

func TestKeyIsShownOnce(t *testing.T) {
	r := newRig(t)
	r.enroll()
	key := r.control.devices[1].Key
	got := r.post("/devices/key", "key", key)
	want(t, got, http.StatusOK)
	if !strings.Contains(got.body, "c2VjcmV0LXNlY3JldC1zZWNyZXQ") || got.Header.Get("Cache-Control") != "no-store" {
		t.Error("the new key is not shown, or may be cached")
	}
	for name, v := range r.settings.values {
		if strings.Contains(string(v), "c2VjcmV0") {
			t.Errorf("setting %s keeps the secret", name)
		}
	}
	if strings.Contains(r.get("/devices/item?key="+key).body, "c2VjcmV0") {
		t.Error("the key is shown again")
	}
	want(t, r.post("/devices/key/retire", "key", key, "id", "k1"), http.StatusSeeOther)
}

func TestDecisionActions(t *testing.T) {
	r := newRig(t)
	r.enroll()
	want(t, r.post("/decisions", "scope", "192.0.2.9", "action", "deny", "for", "1h"), http.StatusBadRequest)
	want(t, r.post("/decisions", "scope", "192.0.2.999", "action", "deny", "for", "1h", "reason", "x"), http.StatusBadRequest)
	want(t, r.post("/decisions", "scope", "192.0.2.9", "action", "deny", "for", "-1h", "reason", "x"), http.StatusBadRequest)
	if len(r.control.decisions) != 1 {
		t.Fatal("a bad form decided")
	}
	got := r.post("/decisions", "scope", "192.0.2.9", "action", "deny", "mode", "shadow", "for", "1h", "reason", "scans us")
	want(t, got, http.StatusSeeOther)
	d := r.control.decisions[1]
	if d.Scope.String() != "ip:192.0.2.9" || d.Action != haechi.Deny || d.Mode != haechi.Shadow || d.Until.Sub(d.From) != time.Hour ||
		d.By != "minji" || d.Origin != haechi.OriginOperator {
		t.Errorf("decided %+v", d)
	}
	want(t, r.get(got.Header.Get("Location")), http.StatusOK)
	want(t, r.post("/decisions/lift", "id", "7K29Q-XM4TC"), http.StatusBadRequest)
	want(t, r.post("/decisions/lift", "id", "7K29Q-XM4TC", "reason", "mistake"), http.StatusSeeOther)
	if l := r.control.decisions[0]; l.LiftReason != "mistake" || l.LiftedBy != "minji" {
		t.Errorf("lifted %+v", l)
	}
}

func TestErrorsOnPages(t *testing.T) {
	r := newRig(t)
	r.enroll()
	want(t, r.get("/nowhere"), http.StatusNotFound)
	want(t, r.get("/devices/item?key=no/such"), http.StatusNotFound)
	r.control.fail = &haechi.Error{Kind: haechi.Unavailable, Op: "ask the store", Msg: "it does not answer", Hint: "see haechi status"}
	got := r.get("/devices")
	want(t, got, http.StatusServiceUnavailable)
	if !strings.Contains(got.body, "it does not answer") || !strings.Contains(got.body, "see haechi status") {
		t.Error("the page does not say what is wrong and what to do")
	}
	r.control.fail = &haechi.Error{Kind: haechi.Internal, Op: "x", Msg: "password=hunter2"}
	got = r.get("/devices")
	want(t, got, http.StatusInternalServerError)
	if strings.Contains(got.body, "hunter2") {
		t.Error("the text of an internal error is shown")
	}
}

func TestLanguage(t *testing.T) {
	r := newRig(t)
	r.enroll()
	if got := r.get("/", "Accept-Language", "ko-KR,ko;q=0.9"); !strings.Contains(got.body, "인증 실패") {
		t.Error("the browser's language is not used")
	}
	for next, wanted := range map[string]string{"/devices": "/devices", "https://evil.example/": "/", "//evil.example": "/", `/\evil.example`: "/", "": "/"} {
		got := r.post("/language", "lang", "ko", "next", next)
		want(t, got, http.StatusSeeOther)
		if got.Header.Get("Location") != wanted {
			t.Errorf("next %q leads to %q", next, got.Header.Get("Location"))
		}
	}
	if got := r.get("/", "Accept-Language", "en"); !strings.Contains(got.body, "인증 실패") {
		t.Error("the chosen language is forgotten")
	}
	r.post("/language", "lang", "xx", "next", "/")
	if got := r.get("/"); !strings.Contains(got.body, "인증 실패") {
		t.Error("an unknown language is taken")
	}
}
