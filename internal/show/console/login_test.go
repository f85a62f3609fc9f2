package console_test

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/show/console"
)

func TestNothingWithoutSession(t *testing.T) {
	r := newRig(t)
	for _, path := range append(pages(), "/nowhere") {
		got := r.get(path)
		if path == "/overview/part" {
			want(t, got, http.StatusUnauthorized)
			continue
		}
		want(t, got, http.StatusSeeOther)
		if !strings.HasPrefix(got.Header.Get("Location"), "/login") {
			t.Errorf("%s leads to %s", path, got.Header.Get("Location"))
		}
	}
	for _, path := range []string{"/devices/status", "/devices/key", "/decisions", "/decisions/lift", "/reload", "/audit/verify", "/logout", "/api/v1/reload"} {
		want(t, r.post(path, "key", "LOA.i/0123456789abcdeb", "status", "blocked", "reason", "x"), http.StatusUnauthorized)
	}
	want(t, r.get("/api/v1/devices"), http.StatusUnauthorized)
	if r.control.devices[1].Status != haechi.Approved {
		t.Error("a change went through without a session")
	}
}

func TestFirstLoginOnce(t *testing.T) {
	r := newRig(t)
	some, err := r.console.HasOperator(t.Context())
	if err != nil || some {
		t.Fatalf("HasOperator = %v, %v", some, err)
	}
	if got := r.get("/login"); !strings.Contains(got.body, "one-time link") {
		t.Error("the login page does not say how to begin")
	}
	link := r.console.LoginLink()
	want(t, r.get(link), http.StatusOK)
	want(t, r.get(link), http.StatusOK) // looking does not use it up
	want(t, r.first(link, "minji", "short"), http.StatusUnprocessableEntity)
	want(t, r.first(link, "min ji", password), http.StatusUnprocessableEntity)
	want(t, r.first("/login/first?token=wrong", "minji", password), http.StatusForbidden)
	want(t, r.first(link, "minji", password), http.StatusSeeOther)
	want(t, r.get("/"), http.StatusOK)
	want(t, r.first(link, "second", password), http.StatusForbidden)
	want(t, r.get(link), http.StatusForbidden)
	if some, err := r.console.HasOperator(t.Context()); err != nil || !some {
		t.Errorf("HasOperator = %v, %v", some, err)
	}
	kept := string(r.settings.values["console/user/minji"])
	if !strings.HasPrefix(kept, "$argon2id$v=19$m=") || strings.Contains(kept, password) {
		t.Errorf("kept %q", kept)
	}
}

func TestFirstLoginExpires(t *testing.T) {
	r := newRig(t)
	link := r.console.LoginLink()
	*r.clock = r.clock.Add(15 * time.Minute)
	want(t, r.get(link), http.StatusForbidden)
	want(t, r.first(link, "minji", password), http.StatusForbidden)
	older := r.console.LoginLink()
	newer := r.console.LoginLink()
	want(t, r.get(older), http.StatusForbidden)
	want(t, r.get(newer), http.StatusOK)
}

// TestFirstLoginRace lets many use one link at once: one account comes of it.
func TestFirstLoginRace(t *testing.T) {
	r := newRig(t)
	link := r.console.LoginLink()
	var wg sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		wg.Go(func() { r.first(link, name, password) })
	}
	wg.Wait()
	names, err := r.settings.SettingNames(t.Context(), "console/user/")
	if err != nil || len(names) != 1 {
		t.Errorf("accounts: %v, %v", names, err)
	}
}

// TestFirstLoginGivenBack keeps the link when the account could not be written.
func TestFirstLoginGivenBack(t *testing.T) {
	r := newRig(t)
	link := r.console.LoginLink()
	r.settings.fail = &haechi.Error{Kind: haechi.Unavailable, Op: "write", Msg: "disk full"}
	want(t, r.first(link, "minji", password), http.StatusServiceUnavailable)
	r.settings.fail = nil
	want(t, r.first(link, "minji", password), http.StatusSeeOther)
}

func TestLoginAndLogout(t *testing.T) {
	r := newRig(t)
	r.enroll()
	old := r.session()
	want(t, r.post("/logout"), http.StatusSeeOther)
	want(t, r.get("/"), http.StatusSeeOther)
	req, err := http.NewRequest(http.MethodGet, r.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(&http.Cookie{Name: "__Host-haechi", Value: old})
	want(t, r.do(req), http.StatusSeeOther) // the old token is worth nothing
	got := r.login("minji", password)
	want(t, got, http.StatusSeeOther)
	if got.Header.Get("Location") != "/devices" {
		t.Errorf("goes on to %s", got.Header.Get("Location"))
	}
	cookie := got.Header.Get("Set-Cookie")
	for _, part := range []string{"__Host-haechi=", "Path=/", "HttpOnly", "Secure", "SameSite=Strict"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("cookie %q lacks %s", cookie, part)
		}
	}
	if got := r.get("/api/v1/status"); got.body != "minji console" {
		t.Errorf("the interface sees %q", got.body)
	}
	last := r.sink.all[len(r.sink.all)-1]
	if last.Kind != haechi.KindAuth || last.Outcome != haechi.Success || last.User != "minji" {
		t.Errorf("emitted %+v", last)
	}
}

// TestFixation plants a token before the login: it must not become a session.
func TestFixation(t *testing.T) {
	r := newRig(t)
	r.enroll()
	r.client = r.browser()
	const planted = "attacker-chosen-token-attacker-chosen-token"
	req, err := http.NewRequest(http.MethodPost, r.URL+"/login", strings.NewReader("name=minji&password="+strings.ReplaceAll(password, " ", "+")))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", r.URL)
	req.AddCookie(&http.Cookie{Name: "__Host-haechi", Value: planted})
	want(t, r.do(req), http.StatusSeeOther)
	if s := r.session(); s == "" || s == planted {
		t.Fatalf("session token %q", s)
	}
	for name := range r.settings.values {
		if strings.Contains(name, r.session()) {
			t.Error("the token itself is kept")
		}
	}
	r.client = r.browser()
	req, err = http.NewRequest(http.MethodGet, r.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(&http.Cookie{Name: "__Host-haechi", Value: planted})
	want(t, r.do(req), http.StatusSeeOther)
}

func TestLoginLimit(t *testing.T) {
	r := newRig(t)
	r.enroll()
	r.client = r.browser()
	for i := range 5 {
		got := r.login([]string{"minji", "nobody", "min ji"}[i%3], "wrong password")
		want(t, got, http.StatusForbidden)
		if !strings.Contains(got.body, "The name or the password is wrong.") || got.Header.Get("X-Haechi-Ref") == "" {
			t.Error("the refusal says more or less than the others")
		}
	}
	got := r.login("minji", password)
	want(t, got, http.StatusTooManyRequests)
	if got.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	var failures int
	for _, e := range r.sink.all {
		if e.Outcome == haechi.Failure {
			failures++
			if e.Kind != haechi.KindAuth || e.Reason != haechi.ReasonLogin || e.Ref == "" || e.User != "" || e.Client != netip.MustParsePrefix("127.0.0.1/32") {
				t.Errorf("emitted %+v", e)
			}
		}
	}
	if failures != 6 {
		t.Errorf("%d failures emitted, want 6", failures)
	}
	*r.clock = r.clock.Add(5*time.Minute + time.Second)
	want(t, r.login("minji", password), http.StatusSeeOther)
}

// TestGoodLoginsAreNotCounted: an operator who logs in often is no attacker.
func TestGoodLoginsAreNotCounted(t *testing.T) {
	r := newRig(t)
	r.enroll()
	for range 7 {
		r.client = r.browser()
		want(t, r.login("minji", password), http.StatusSeeOther)
	}
}

func TestNewPasswordEndsSessions(t *testing.T) {
	r := newRig(t)
	r.enroll()
	first := r.client
	r.client = r.browser()
	want(t, r.first(r.console.LoginLink(), "minji", "another long password"), http.StatusSeeOther)
	want(t, r.get("/"), http.StatusOK)
	r.client = first
	want(t, r.get("/"), http.StatusSeeOther)
}

func TestSessionSurvivesRestart(t *testing.T) {
	kept := newSettings()
	a := newRigWith(t, console.Config{}, kept)
	a.enroll()
	b := newRigWith(t, console.Config{}, kept)
	req, err := http.NewRequest(http.MethodGet, b.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(&http.Cookie{Name: "__Host-haechi", Value: a.session()})
	want(t, b.do(req), http.StatusOK)
	if got := b.console.LiveSessions(); len(got) != 1 || got[0].String() != "127.0.0.1" {
		t.Errorf("live sessions: %v", got)
	}
}

func TestLiveSessions(t *testing.T) {
	r := newRig(t)
	if got := r.console.LiveSessions(); len(got) != 0 {
		t.Errorf("before the login: %v", got)
	}
	r.login("nobody", "x")
	if got := r.console.LiveSessions(); len(got) != 0 {
		t.Errorf("after a failed login: %v", got)
	}
	r.enroll()
	r.get("/")
	if got := r.console.LiveSessions(); len(got) != 1 || got[0].String() != "127.0.0.1" {
		t.Errorf("after the login: %v", got)
	}
	r.post("/logout")
	if got := r.console.LiveSessions(); len(got) != 0 {
		t.Errorf("after the logout: %v", got)
	}
}

// TestSettingsDown fails closed: no page, no login.
func TestSettingsDown(t *testing.T) {
	r := newRig(t)
	r.enroll()
	r.settings.fail = &haechi.Error{Kind: haechi.Unavailable, Op: "read", Msg: "the store is locked"}
	want(t, r.get("/devices"), http.StatusServiceUnavailable)
	want(t, r.login("minji", password), http.StatusServiceUnavailable)
}

func TestForeignPostsAreRefused(t *testing.T) {
	r := newRig(t)
	r.enroll()
	for _, origin := range []string{"https://evil.example", "null", strings.Replace(r.URL, "https", "http", 1), r.URL + "0", ""} {
		got := r.postFrom(origin, "/devices/status", "key", r.control.devices[1].Key, "status", "blocked", "reason", "x")
		want(t, got, http.StatusForbidden)
	}
	want(t, r.postFrom("https://evil.example", "/login", "name", "minji", "password", password), http.StatusForbidden)
	want(t, r.postFrom("https://evil.example", "/api/v1/reload"), http.StatusForbidden)
	for _, site := range []string{"cross-site", "same-site", "none"} {
		want(t, r.postFrom(r.URL, "/devices/status", "Sec-Fetch-Site", site), http.StatusForbidden)
	}
	if r.control.devices[1].Status != haechi.Approved {
		t.Error("a foreign page changed a device")
	}
}

// TestBrowsersFormIsTaken: under the referrer policy, browsers send Origin: null.
func TestBrowsersFormIsTaken(t *testing.T) {
	r := newRig(t)
	r.enroll()
	want(t, r.postFrom("null", "/devices/status", "Sec-Fetch-Site", "same-origin",
		"key", r.control.devices[1].Key, "status", "blocked", "reason", "x"), http.StatusSeeOther)
}

// TestStrangersReadNoInternals: what a part behind the console says when it fails
// is for the log and for operators.
func TestStrangersReadNoInternals(t *testing.T) {
	const secret = "SQLITE_BUSY /var/lib/haechi/state.db"
	for _, fail := range []error{
		&haechi.Error{Kind: haechi.Unavailable, Op: "read a setting", Err: errors.New(secret)},
		&haechi.Error{Kind: haechi.Unavailable, Op: "read a setting", Msg: secret},
		&haechi.Error{Kind: haechi.Invalid, Op: "read a setting", Msg: "x " + secret, Err: errors.New(secret)},
	} {
		r := newRig(t)
		r.enroll()
		r.settings.mu.Lock()
		r.settings.fail = fail
		r.settings.mu.Unlock()
		for _, got := range []reply{r.get("/login"), r.get("/rules"), r.login("minji", password)} {
			if got.StatusCode < 400 || strings.Contains(got.body, "SQLITE") || strings.Contains(got.body, "read a setting") {
				t.Errorf("%s answers %d: %.900s", got.Request.URL.Path, got.StatusCode, got.body)
			}
		}
	}
}
