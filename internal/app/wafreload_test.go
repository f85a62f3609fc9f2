package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"haechi/internal/app"
)

// marker is in every attack of the test: the server behind must never see it.
const marker = "union select password from users"

// strict is a server behind a gateway that counts what it gets.
type strict struct{ got, attacks atomic.Int64 }

func (s *strict) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.got.Add(1)
	if strings.Contains(strings.ReplaceAll(r.URL.RawQuery+string(body), "+", " "), marker) {
		s.attacks.Add(1)
	}
}

// reloading is a gateway whose rules are loaded again and again.
type reloading struct {
	*rig
	app    *app.App
	behind strict
}

// rules writes one rule of one's own, which refuses ?v=n, and a level.
func (r *reloading) rules(t *testing.T, upstream string, n, paranoia int) {
	t.Helper()
	own := filepath.Join(filepath.Dir(r.config), "own.conf")
	text := fmt.Sprintf("SecRule ARGS:v \"@streq %d\" \"id:%d,phase:2,deny,log,msg:'v'\"\n", n, 10000+n)
	config := fmt.Sprintf("state: %s\nconsole: { listen: %q }\nservices:\n  shop:\n    kind: http\n    hosts: [shop.test]\n    listen: [%q]\n    upstream: %s\n"+
		"    limits: { mode: \"off\", connections: 1000 }\n    timeouts: { body: 2m, upstream: 2m }\n    waf: { mode: enforce, rules: [own.conf], sample: 5, paranoia: %d }\n", r.dir, r.console, r.web, upstream, paranoia)
	for path, text := range map[string]string{own: text, r.config: config} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// mixed are the requests of the load; none of them looks at v.
func mixed() []asked {
	form, json := "application/x-www-form-urlencoded", "application/json"
	return []asked{
		{"page", "GET", "/item?id=17", "", "", 200},
		{"form", "POST", "/login", form, "user=minsu&next=%2Faccount", 200},
		{"JSON", "POST", "/api", json, `{"order":"A-1027","items":[{"id":1,"name":"coat"}]}`, 200},
		{"attack", "GET", "/search?q=1%27+" + strings.ReplaceAll(marker, " ", "+") + "--", "", "", 403},
		{"attack in a form", "POST", "/login", form, "user=1%27+" + strings.ReplaceAll(marker, " ", "+") + "--", 403},
		{"attack in JSON", "POST", "/api", json, `{"q":"1' ` + marker + `--"}`, 403},
	}
}

// halves sends an attack in two halves, with what between them, and returns the status.
func (r *reloading) halves(t *testing.T, between func()) int {
	t.Helper()
	body, rest := io.Pipe()
	go func() {
		_, _ = io.WriteString(rest, "user=1%27+union+sel") // the gateway reads the body whole, or the test fails
		between()
		_, _ = io.WriteString(rest, "ect+password+from+users--")
		_ = rest.Close()
	}()
	req, err := http.NewRequest("POST", "http://"+r.web+"/login", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "shop.test"
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := on(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// TestReloadLeavesNoRequestUnjudged reloads rules and configuration under load. Attacks
// are refused and never reach the server behind, everything else is answered, a rule counts
// from the moment on that the reload is over, and rules that are broken change nothing.
func TestReloadLeavesNoRequestUnjudged(t *testing.T) {
	r := &reloading{rig: newRig(t)}
	behind := httptest.NewServer(&r.behind)
	defer behind.Close()
	r.rules(t, behind.URL, 0, 1)
	r.app, _ = r.start(t)
	var stop atomic.Bool
	var sent, passed atomic.Int64
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			c := on(t)
			for !stop.Load() {
				for _, q := range mixed() {
					sent.Add(1)
					if got := q.send(t, c, "http://"+r.web); got != q.status {
						t.Errorf("%s: status %d, want %d", q.name, got, q.status)
					}
					if q.status == 200 {
						passed.Add(1)
					}
				}
			}
		})
	}
	for n := 1; n <= 6; n++ {
		if status := r.halves(t, func() { r.step(t, behind.URL, n, &passed) }); status != 403 {
			t.Errorf("an attack in two halves around reload %d: status %d", n, status)
		}
	}
	stop.Store(true)
	all.Wait()
	if got := r.behind.got.Load(); got != passed.Load() || r.behind.attacks.Load() != 0 || sent.Load() < 36 {
		t.Errorf("the server behind got %d of %d requests, and %d attacks", got, passed.Load(), r.behind.attacks.Load())
	}
	if n := counter(t, r.app, "waf_failed") + counter(t, r.app, "waf_differed"); n != 0 {
		t.Errorf("%d not judged, or judged differently", n)
	}
	t.Logf("%d requests", sent.Load())
}

// step reloads the nth rules, of another level each second time and broken each third.
func (r *reloading) step(t *testing.T, upstream string, n int, passed *atomic.Int64) {
	before := n - 1
	if n%3 == 1 && n > 1 {
		before-- // the one before was broken
	}
	r.rules(t, upstream, n, 1+n%2)
	broken := n%3 == 0
	if broken {
		if err := os.WriteFile(filepath.Join(filepath.Dir(r.config), "own.conf"), []byte("SecRule ARGS:v \"@nothing x\" \"id:1,phase:2,deny\"\n"), 0o600); err != nil {
			t.Error(err)
		}
	}
	if err := r.app.Control().Reload(t.Context(), kim); (err != nil) != broken {
		t.Errorf("reload %d: %v", n, err)
	}
	want := map[int]int{n: 403, before: 200}
	if broken {
		want = map[int]int{n: 200, before: 403}
	}
	for v, status := range want {
		q := asked{"own rule", "GET", fmt.Sprintf("/item?v=%d", v), "", "", status}
		if got := q.send(t, on(t), "http://"+r.web); got != status {
			t.Errorf("after reload %d: v=%d has status %d, want %d", n, v, got, status)
		}
		if status == 200 {
			passed.Add(1)
		}
	}
}
