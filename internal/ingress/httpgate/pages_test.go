package httpgate_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

// site answers with a page for each path.
type site map[string]string

func (s site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if how, rest, ok := strings.Cut(s[r.URL.Path], "|"); ok {
		for line := range strings.SplitSeq(how, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Set(name, value)
		}
		_, _ = io.WriteString(w, rest)
		return
	}
	_, _ = io.WriteString(w, s[r.URL.Path])
}

// told asks for a page and returns what is told of it beside the request; the next
// page's request event shows that there was nothing more.
func (r *rig) told(url string) *haechi.Event {
	r.t.Helper()
	r.get(url)
	if e := r.next(r.t); e.Kind != haechi.KindRequest {
		r.t.Fatalf("%s: %+v", url, e)
	}
	select {
	case e := <-r.events:
		return &e
	case <-time.After(50 * time.Millisecond): // the event follows its request's at once
		return nil
	}
}

// eachWay runs a test on lanes and with net/http, with a policy, for which every page is
// read, and without, where a lane would pass it on unread.
func eachWay(t *testing.T, run func(t *testing.T, csp httpgate.CSP)) {
	everyWay(t, func(t *testing.T) {
		t.Run("policy", func(t *testing.T) { run(t, httpgate.CSP{Policy: "default-src 'self'", ReportOnly: true}) })
		t.Run("none", func(t *testing.T) { run(t, httpgate.CSP{}) })
	})
}

func TestMixedContentIsTold(t *testing.T) {
	eachWay(t, func(t *testing.T, csp httpgate.CSP) {
		r := start(t, guarded(t, csp), site{
			"/script": `<p>A page<script src="http://u:p@cdn.test/x.js?key=1#f"></script><img src="http://cdn.test/i">`,
			"/image":  `<img src="http://cdn.test/i.png">`,
			"/login":  `<form action="http://shop.test/login" method=post><input type=password>`,
		})
		e := r.told("https:shop.test/script?secret=1")
		if e == nil || e.Kind != haechi.KindSystem || e.Reason != haechi.ReasonMixedContent || e.Rule != httpgate.RuleMixed ||
			e.Service != "shop" || e.Host != "shop.test" || e.Path != "/script" || e.Severity != haechi.Medium || e.Ref == "" ||
			e.Text != "script http://cdn.test/x.js, 1 more" || e.Addr.IsValid() || e.Refusal() {
			t.Errorf("told %+v", e)
		}
		if e := r.told("https:shop.test/image"); e == nil || e.Severity != haechi.Low || e.Reason != haechi.ReasonMixedImage || e.Rule != httpgate.RuleMixedImage || e.Text != "img http://cdn.test/i.png" {
			t.Errorf("told %+v", e)
		}
		if e := r.told("https:shop.test/login"); e == nil || e.Reason != haechi.ReasonMixedContent || e.Text != "form http://shop.test/login" {
			t.Errorf("told %+v", e)
		}
		if e := r.told("https:shop.test/script"); e != nil {
			t.Errorf("told twice within an hour: %+v", e)
		}
	})
}

func TestPlainLoginIsTold(t *testing.T) {
	eachWay(t, func(t *testing.T, csp httpgate.CSP) {
		cfg := guarded(t, csp)
		cfg.TLS = nil
		r := start(t, cfg, site{"/login": `<form action="https://shop.test/login"><input name=p type=password></form>`,
			"/news": `<img src="http://cdn.test/i.png"><input type=text>`})
		if e := r.told("shop.test/news"); e != nil {
			t.Errorf("a page without TLS may load without: %+v", e)
		}
		e := r.told("shop.test/login")
		if e == nil || e.Kind != haechi.KindSystem || e.Reason != haechi.ReasonPlainLogin || e.Rule != httpgate.RulePlainLogin ||
			e.Path != "/login" || e.Severity != haechi.Medium || e.TLS || e.Ref == "" {
			t.Errorf("told %+v", e)
		}
		// The visitor's own connection counts, by the word of a trusted proxy.
		r.do("127.0.0.8", "GET", "shop.test/login", nil, "X-Forwarded-Proto", "https", "X-Forwarded-For", "203.0.113.9")
		r.next(t)
		if e := r.told("shop.test/news"); e != nil {
			t.Errorf("told %+v", e)
		}
	})
}

func TestHonestPagesAreNotTold(t *testing.T) {
	const bad = `<script src="http://cdn.test/x.js"></script>`
	var coded bytes.Buffer
	z := gzip.NewWriter(&coded)
	_, _ = io.WriteString(z, bad)
	_ = z.Close()
	eachWay(t, func(t *testing.T, csp httpgate.CSP) {
		pages := site{
			"/good":     `<script src="https://cdn.test/x.js"></script><img src="//cdn.test/i"><a href="http://old.test/">old</a><!-- ` + bad + ` --><input type=password>`,
			"/upgraded": "Content-Security-Policy: upgrade-insecure-requests; default-src 'self'|" + bad,
			"/meta":     `<meta http-equiv="Content-Security-Policy" content="upgrade-insecure-requests">` + bad,
			"/text":     "Content-Type: text/plain|" + bad,
			"/json":     "Content-Type: application/json|" + bad,
			"/coded":    "Content-Encoding: gzip|" + coded.String(),
			"/far":      strings.Repeat("<p>", 30<<10) + bad,
		}
		r := start(t, guarded(t, csp), pages)
		for path := range pages {
			if e := r.told("https:shop.test" + path); e != nil {
				t.Errorf("%s: told %+v", path, e)
			}
		}
		r.do("127.0.0.2", "HEAD", "https:shop.test/good", nil)
		r.next(t)
	})
}

// TestPagesPassAsTheyAre: looking changes nothing of a page, in pieces or whole, and the
// connection goes on.
func TestPagesPassAsTheyAre(t *testing.T) {
	page := strings.Repeat(`<p>A line of a page.</p><img src="http://cdn.test/i">`+"\n", 4000)
	r := start(t, guarded(t, httpgate.CSP{}), http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if q.URL.Path == "/whole" {
			w.Header().Set("Content-Length", strconv.Itoa(len(page)))
		}
		for rest := page; rest != ""; rest = rest[min(len(rest), 7000):] {
			_, _ = io.WriteString(w, rest[:min(len(rest), 7000)])
		}
	}))
	for _, path := range []string{"/whole", "/pieces", "/whole", "/pieces"} {
		if a := r.get("https:shop.test" + path); a.text != page {
			t.Errorf("%s: %d bytes of %d", path, len(a.text), len(page))
		}
	}
}

// TestPageIsLookedAtOnceAnHour: and again when the hour is over; a table that is full
// takes no more, and room comes with time.
func TestPageIsLookedAtOnceAnHour(t *testing.T) {
	var now atomic.Int64
	clock := func() time.Time { return time.Unix(1_800_000_000+now.Load(), 0) }
	cfg := guarded(t, httpgate.CSP{})
	r := startAt(t, cfg, says(`<script src="http://cdn.test/x.js">`, "Content-Type", "text/html"), clock)
	for i, want := range []bool{true, false, true} {
		now.Store(int64(i) * 1801)
		if e := r.told("https:shop.test/"); (e != nil) != want {
			t.Errorf("at %d s: told %+v", now.Load(), e)
		}
	}
	c := r.client("127.0.0.2")
	for i := range 1030 { // one of them is known
		r.doBy(c, "GET", "https:shop.test/"+strconv.Itoa(i), nil)
	}
	looked, passed := r.counter("http_pages_looked_at"), r.counter("http_pages_not_looked_at")
	if looked != 2+1023 || passed != 7 {
		t.Errorf("%d looked at, %d not", looked, passed)
	}
	for len(r.events) > 0 {
		<-r.events
	}
	now.Add(3700)
	if e := r.told("https:shop.test/2000"); e == nil {
		t.Error("no room after an hour")
	}
}
