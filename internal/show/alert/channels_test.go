package alert_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/show/alert"
)

// server is a loopback receiver that keeps the last body.
func server(t *testing.T, status int) (urlFile string, body *string) {
	t.Helper()
	body = new(string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		*body = r.Method + " " + r.Header.Get("Content-Type") + " " + string(b)
		w.Header().Set("Retry-After", "7")
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return file(t, s.URL+"/hook/SECRET"), body
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func update() *alert.Update {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	return &alert.Update{Kind: alert.Opened, Time: at, Incident: haechi.Incident{
		ID: "7K29Q-XM4TC", Rule: "auth/source-failures", Service: "bots", Severity: haechi.Critical, Mode: haechi.Enforce,
		About: haechi.Scope{Kind: haechi.ScopeFingerprint, Value: "<!channel> \x1b[31m & co"}, Start: at, Last: at, Findings: 3, Peak: 11,
	}}
}

func TestWebhook(t *testing.T) {
	url, body := server(t, http.StatusNoContent)
	c, err := alert.NewWebhook(url)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Deliver(context.Background(), update()); err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(*body, "POST application/json ")
	if !ok {
		t.Fatalf("got %q", *body)
	}
	var got struct {
		Kind, Title, Message string
		Incident             haechi.Incident
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if got.Kind != "opened" || got.Incident.ID != "7K29Q-XM4TC" || !strings.Contains(got.Message, "haechi why 7K29Q-XM4TC") || strings.Contains(got.Message, "\x1b") {
		t.Fatalf("got %+v", got)
	}
}

func TestSlack(t *testing.T) {
	url, body := server(t, http.StatusOK)
	c, err := alert.NewSlack(url)
	if err != nil {
		t.Fatal(err)
	}
	send := func(u *alert.Update) string {
		t.Helper()
		if err := c.Deliver(context.Background(), u); err != nil {
			t.Fatal(err)
		}
		return *body
	}
	got := send(update())
	if !strings.Contains(got, `"color":"danger"`) {
		t.Errorf("got %s", got)
	}
	var m struct{ Attachments []struct{ Text string } }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(got, "POST application/json ")), &m); err != nil {
		t.Fatal(err)
	}
	if text := m.Attachments[0].Text; !strings.Contains(text, "&lt;!channel&gt; ?[31m &amp; co") {
		t.Errorf("what a peer chose reached Slack as markup: %q", text)
	}
	u := update()
	u.Kind = alert.Cleared
	if got := send(u); !strings.Contains(got, `"color":"good"`) {
		t.Errorf("got %s", got)
	}
	d := &alert.Update{Kind: alert.Flood, Digest: &alert.Digest{Opened: 3, Worst: haechi.Medium, Rules: []alert.RuleCount{{Rule: "a", Count: 2}}, Other: 1}}
	if got := send(d); !strings.Contains(got, `"color":"warning"`) || !strings.Contains(got, "a 2, other rules 1") {
		t.Errorf("got %s", got)
	}
}

func TestStatuses(t *testing.T) {
	for status, final := range map[int]bool{301: true, 302: true, 307: true, 400: true, 403: true, 404: true, 410: true,
		408: false, 429: false, 500: false, 503: false} {
		url, _ := server(t, status)
		c, err := alert.NewWebhook(url)
		if err != nil {
			t.Fatal(err)
		}
		err = c.Deliver(context.Background(), update())
		var r *alert.Refused
		if !errors.As(err, &r) || r.Final != final || r.Status != status || r.After != 7*time.Second {
			t.Errorf("status %d: %v, %+v", status, err, r)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	reached := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			reached = true
		}
		http.Redirect(w, r, "/internal", http.StatusTemporaryRedirect)
	}))
	defer s.Close()
	c, err := alert.NewSlack(file(t, s.URL))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Deliver(context.Background(), update()); err == nil || reached {
		t.Fatalf("%v, reached %v", err, reached)
	}
}

func TestTheAddressIsInNoError(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	name := file(t, s.URL+"/SECRET")
	c, err := alert.NewWebhook(name)
	if err != nil {
		t.Fatal(err)
	}
	s.Close() // nobody listens any more
	err = c.Deliver(context.Background(), update())
	if err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Fatalf("got %v", err)
	}
	for _, bad := range []string{"", "SECRET", "file:///SECRET", "http://", "https://exa mple/SECRET", "http://%zz/SECRET"} {
		_, err := alert.NewSlack(file(t, bad))
		if haechi.KindOf(err) != haechi.Invalid || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := alert.NewSlack(filepath.Join(t.TempDir(), "none")); haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestTheAddressIsReadAnew(t *testing.T) {
	url, body := server(t, http.StatusOK)
	c, err := alert.NewWebhook(url)
	if err != nil {
		t.Fatal(err)
	}
	other, otherBody := server(t, http.StatusOK)
	b, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(url, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Deliver(context.Background(), update()); err != nil || *body != "" || *otherBody == "" {
		t.Fatalf("%v, %q, %q", err, *body, *otherBody)
	}
}
