package app_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	attack = "q=1%27+OR+%271%27%3D%271--"
	benign = "q=red+shoes&page=2"
)

// post sends a form and returns the status, 0 if there was no answer.
func post(c *http.Client, url, body string) int {
	req, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		return 0
	}
	req.Host = "shop.test" // an address adds to the score
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "*/*")
	req.Header.Set("User-Agent", "Mozilla/5.0")
	res, err := c.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// on is a client that keeps its connections.
func on(t *testing.T) *http.Client {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 2 * time.Minute} // rules are loaded meanwhile, under the race detector on a busy machine
}

func TestWAFJudgesByServiceAndRoute(t *testing.T) {
	r := newRig(t)
	if err := os.WriteFile(filepath.Join(filepath.Dir(r.config), "own.conf"),
		[]byte("SecRule REQUEST_FILENAME \"@streq /closed\" \"id:10001,phase:2,deny,log,msg:'closed'\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.write(t, `    limits: { mode: "off" }
    waf:
      mode: enforce
      threshold: 5
      rules: [own.conf]
      routes: [{ path: /shadow, mode: shadow }, { path: /free, mode: "off" }]
      exceptions:
        - { rule: 942100, path: /sql, variable: "ARGS:q", owner: kim, expires: 2100-01-01 }
        - { rule: 942100, path: /past, variable: "ARGS:q", owner: kim, expires: 2020-01-01 }
`)
	r.start(t)
	c := on(t)
	for path, want := range map[string][2]int{
		"/":       {403, 200},
		"/shadow": {200, 200},
		"/free":   {200, 200},
		"/FREE":   {403, 200}, // not that route word for word: the strictest
		"//free":  {403, 200},
		"/sql":    {200, 200},
		"/past":   {403, 200},
		"/closed": {403, 403},
	} {
		if got := [2]int{post(c, "http://"+r.web+path, attack), post(c, "http://"+r.web+path, benign)}; got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

// TestRulesReloadUnderLoad: while rules are loaded again and again, every attack is
// refused, every other request is answered, and the second load takes less than half a
// second.
func TestRulesReloadUnderLoad(t *testing.T) {
	for _, engine := range []string{"fast", "oracle"} {
		t.Run(engine, func(t *testing.T) { reloadUnderLoad(t, engine) })
	}
}

func reloadUnderLoad(t *testing.T, engine string) {
	r := newRig(t)
	write := func(n int) {
		text := strings.Repeat("SecRule ARGS:none \"@streq x\" \"id:1000"+string(rune('0'+n))+",phase:2,deny,log\"\n", 1)
		if err := os.WriteFile(filepath.Join(filepath.Dir(r.config), "own.conf"), []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	write(0)
	r.write(t, "    limits: { mode: \"off\" }\n    waf: { mode: enforce, threshold: 5, rules: [own.conf], sample: 3, engine: "+engine+" }\n")
	a, _ := r.start(t)
	var stop atomic.Bool
	var asked, wrong atomic.Int64
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			c := on(t)
			for !stop.Load() {
				for body, want := range map[string]int{attack: 403, benign: 200} {
					asked.Add(1)
					if got := post(c, "http://"+r.web+"/", body); got != want {
						wrong.Add(1)
						t.Errorf("%s: status %d, want %d", body, got, want)
					}
				}
			}
		})
	}
	var slowest time.Duration
	for n := 1; n <= 4; n++ {
		write(n) // other rules: another engine
		start := time.Now()
		if err := a.Control().Reload(t.Context(), kim); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > slowest {
			slowest = took
		}
	}
	stop.Store(true)
	all.Wait()
	t.Logf("%d requests, %d wrong, slowest reload %v", asked.Load(), wrong.Load(), slowest)
	if limit := 500 * time.Millisecond; slowest > limit && os.Getenv("HAECHI_LONG") == "1" {
		t.Errorf("a reload took %v", slowest)
	}
	if asked.Load() < 20 {
		t.Errorf("only %d requests", asked.Load())
	}
	if got := post(on(t), "http://"+r.web+"/", benign); got != 200 { // the last engine is new, and counts from 0
		t.Errorf("status %d", got)
	}
	if n := counter(t, a, "waf_cleared"); (n > 0) != (engine == "fast") || counter(t, a, "waf_differed") != 0 {
		t.Errorf("%d cleared, %d differed", n, counter(t, a, "waf_differed"))
	}
}
