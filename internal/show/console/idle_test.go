package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"haechi/internal/show/catalogue"
	"haechi/internal/show/console"
)

// bubble is a console without a network, for tests with a fake clock.
type bubble struct {
	t        *testing.T
	handler  *console.Console
	settings *settings
	cookie   *http.Cookie
}

func newBubble(t *testing.T) *bubble {
	t.Helper()
	return newBubbleWith(t, nil)
}

func newBubbleWith(t *testing.T, api http.Handler) *bubble {
	t.Helper()
	ctl, kept := newControl(time.Now()), newSettings()
	h, err := console.New(console.Config{Assets: os.DirFS("../../../web")}, console.Deps{Watcher: ctl, Devices: ctl, Fleet: ctl, Enrolment: ctl, Decisions: ctl,
		Explainer: ctl, Keeper: ctl, Settings: kept, Sink: &sink{}, Texts: catalogue.New(), API: api})
	if err != nil {
		t.Fatal(err)
	}
	b := &bubble{t: t, handler: h, settings: kept}
	_, token, _ := strings.Cut(h.LoginLink(), "token=")
	form := url.Values{"token": {token}, "name": {"minji"}, "password": {password}, "again": {password}}
	req := httptest.NewRequest(http.MethodPost, "https://console/login/first", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "https://console")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	for _, c := range w.Result().Cookies() {
		if c.Name == "__Host-haechi" {
			b.cookie = c
		}
	}
	if b.cookie == nil {
		t.Fatalf("no session: %d %s", w.Code, w.Body)
	}
	return b
}

func (b *bubble) get(path string) int {
	b.t.Helper()
	req := httptest.NewRequest(http.MethodGet, "https://console"+path, nil)
	req.AddCookie(b.cookie)
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, req)
	return w.Code
}

func TestIdleSessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		time.Sleep(29 * time.Minute)
		if got := b.get("/rules"); got != http.StatusOK {
			t.Fatalf("after 29 min: %d", got)
		}
		time.Sleep(29 * time.Minute)
		if got := b.get("/rules"); got != http.StatusOK {
			t.Fatalf("after 29 min of a used session: %d", got)
		}
		time.Sleep(30*time.Minute + time.Second)
		if got := b.get("/rules"); got != http.StatusSeeOther {
			t.Errorf("after 30 idle min: %d", got)
		}
		if got := b.handler.LiveSessions(); len(got) != 0 {
			t.Errorf("an ended session protects %v", got)
		}
	})
}

// TestPollingIsNotUse: a page left open does not keep its session alive.
func TestPollingIsNotUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		for range 170 {
			time.Sleep(10 * time.Second)
			if got := b.get("/overview/part"); got != http.StatusOK {
				t.Fatalf("a poll answers %d", got)
			}
		}
		time.Sleep(101 * time.Second)
		if got := b.get("/overview/part"); got != http.StatusUnauthorized {
			t.Errorf("after 30 min of polls alone: %d", got)
		}
	})
}

func TestSessionEndsAfterTwelveHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		for range 35 {
			time.Sleep(20 * time.Minute)
			if got := b.get("/rules"); got != http.StatusOK {
				t.Fatalf("answers %d", got)
			}
		}
		time.Sleep(20*time.Minute + time.Second)
		if got := b.get("/rules"); got != http.StatusSeeOther {
			t.Errorf("after 12 h of use: %d", got)
		}
	})
}

// TestUseIsWrittenSeldom: the durable store is not written for each page.
func TestUseIsWrittenSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		before := b.settings.writes
		for range 120 {
			time.Sleep(time.Second)
			b.get("/rules")
		}
		if n := b.settings.writes - before; n < 1 || n > 3 {
			t.Errorf("%d writes in two minutes of use", n)
		}
	})
}
