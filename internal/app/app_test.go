package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/app"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop is a web service behind the gateway.
func shop(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello "+r.URL.Path) }),
		ReadHeaderTimeout: time.Second}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return "http://" + l.Addr().String()
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

type rig struct{ dir, config, console, web string }

func newRig(t *testing.T) *rig {
	dir := t.TempDir()
	return &rig{dir: filepath.Join(dir, "state"), config: filepath.Join(dir, "haechi.yaml"), console: free(t), web: free(t)}
}

func (r *rig) write(t *testing.T, extra string) {
	t.Helper()
	text := fmt.Sprintf("state: %s\nconsole: { listen: %q }\nservices:\n  shop:\n    kind: http\n    hosts: [127.0.0.1, shop.test]\n    listen: [%q]\n    upstream: %s\n%s",
		r.dir, r.console, r.web, shop(t), extra)
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// start runs the gateway until the test ends.
func (r *rig) start(t *testing.T) (*app.App, app.Started) {
	t.Helper()
	started := make(chan app.Started, 1)
	a, err := app.New(t.Context(), app.Options{ConfigPath: r.config, Version: "test", Started: func(s app.Started) { started <- s }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the gateway did not stop cleanly: %v", err)
		}
	})
	return a, <-started
}

func get(t *testing.T, url string) int {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

var kim = haechi.Operator{Name: "kim", Via: "test"}

func TestReloadBuildsTheNewWorldOrKeepsTheOld(t *testing.T) {
	r := newRig(t)
	r.write(t, "")
	a, started := r.start(t)
	if started.LoginLink == "" || !strings.HasPrefix(started.LoginLink, "https://") {
		t.Errorf("login link %q", started.LoginLink)
	}
	if got := get(t, "http://"+r.web+"/a"); got != http.StatusOK {
		t.Fatalf("status %d", got)
	}
	r.write(t, "    limits: { adress: 1/s }\n")
	err := a.Control().Reload(t.Context(), kim)
	if err == nil || !strings.Contains(err.Error(), "adress") {
		t.Errorf("a misspelt key was loaded: %v", err)
	}
	if got := get(t, "http://"+r.web+"/b"); got != http.StatusOK {
		t.Errorf("the old world is gone: %d", got)
	}
	r.write(t, "    access: { deny: [127.0.0.0/8] }\n")
	if err := a.Control().Reload(t.Context(), kim); err != nil {
		t.Fatal(err)
	}
	if _, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + r.web + "/c"); err == nil {
		t.Error("the new access list does not apply")
	}
}

func TestReloadRefusesWhatNeedsARestart(t *testing.T) {
	r := newRig(t)
	r.write(t, "")
	a, _ := r.start(t)
	r.console = free(t)
	r.write(t, "")
	err := a.Control().Reload(t.Context(), kim)
	if haechi.KindOf(err) != haechi.Conflict || !strings.Contains(err.Error(), "console") {
		t.Errorf("got %v", err)
	}
}

func TestFailedStartLeavesNothingBehind(t *testing.T) {
	r := newRig(t)
	r.write(t, "")
	l, err := net.Listen("tcp", r.web)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.New(t.Context(), app.Options{ConfigPath: r.config}); err == nil {
		t.Fatal("started on a port that is taken")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, _ = r.start(t) // the state folder, the console's port and the socket are free again
	if got := get(t, "http://"+r.web+"/"); got != http.StatusOK {
		t.Errorf("status %d", got)
	}
}

func TestSecondInstanceOnTheSameStateIsRefused(t *testing.T) {
	r := newRig(t)
	r.write(t, "")
	_, _ = r.start(t)
	other := &rig{dir: r.dir, config: r.config + ".2", console: free(t), web: free(t)}
	other.write(t, "")
	if _, err := app.New(t.Context(), app.Options{ConfigPath: other.config}); haechi.KindOf(err) != haechi.Conflict {
		t.Errorf("want conflict, got %v", err)
	}
}

// The local socket names its caller by the kernel's word, in every audit entry.
func TestLocalSocketNamesTheOperator(t *testing.T) {
	r := newRig(t)
	r.write(t, "")
	_, started := r.start(t)
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", started.Socket)
	}}}
	resp, err := c.Post("http://haechi/api/v1/reload", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	resp, err = c.Get("http://haechi/api/v1/audit")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct{ Items []haechi.AuditEntry }
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if len(got.Items) == 0 || got.Items[0].By == "" || got.Items[0].Via != "cli" {
		t.Errorf("audit %+v", got.Items)
	}
	if st, err := os.Stat(started.Socket); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("socket mode %v, %v", st.Mode(), err)
	}
}

// An operator can never rule against this machine, whatever the words.
func TestOwnAddressesAreProtected(t *testing.T) {
	r := newRig(t)
	r.write(t, "allow: [192.0.2.0/24]\n")
	a, _ := r.start(t)
	for _, text := range []string{"ip:127.0.0.1", "ip:::1", "prefix:127.0.0.0/8", "prefix:0.0.0.0/0", "ip:192.0.2.9", "prefix:192.0.0.0/16"} {
		s, err := haechi.ParseScope(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.Control().AddDecision(t.Context(), kim, haechi.Decision{Scope: s, Action: haechi.Deny, Mode: haechi.Enforce, Reason: "x"})
		if k := haechi.KindOf(err); k != haechi.Denied && k != haechi.Invalid {
			t.Errorf("%s: want a refusal, got %v", text, err)
		}
	}
	s, _ := haechi.ParseScope("ip:127.0.0.2")
	if _, err := a.Control().AddDecision(t.Context(), kim, haechi.Decision{Scope: s, Action: haechi.Deny, Mode: haechi.Enforce, Reason: "x"}); err != nil {
		t.Errorf("the rest of 127.0.0.0/8 is not own: %v", err)
	}
}
