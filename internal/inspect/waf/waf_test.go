package waf_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/inspect/waf"
)

// sent is a request as the gate hands it over.
func sent(contentType, body string, more ...string) *haechi.Request {
	r := &haechi.Request{Kind: haechi.KindRequest, Service: "shop", Method: "POST", Host: "shop.example.com", Path: "/a", Target: "/a", Protocol: "HTTP/1.1",
		Actor: &haechi.Actor{Addr: netip.MustParseAddr("203.0.113.9"), Client: netip.MustParsePrefix("203.0.113.9/32")},
		Size:  int64(len(body)), Body: bytes.NewBufferString(body)}
	fields := append([]string{"User-Agent", "Mozilla/5.0", "Accept", "*/*", "Content-Type", contentType, "Content-Length", fmt.Sprint(len(body))}, more...)
	r.Headers = func(yield func(name, value string) bool) {
		for i := 0; i < len(fields); i += 2 {
			if !yield(fields[i], fields[i+1]) {
				return
			}
		}
	}
	return r
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func newWaf(t testing.TB, s waf.Service) *waf.Waf {
	t.Helper()
	w, err := waf.New(waf.Config{Services: map[string]waf.Service{"shop": s}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// laughs would be a gigabyte if its entities were expanded; the parser expands none.
const laughs = `<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><l>&b;&b;&b;</l>`

const form = "application/x-www-form-urlencoded"

// TestBadBodies: what cannot be judged is refused, each within bounded time and memory.
func TestBadBodies(t *testing.T) {
	enforce := waf.Policy{Mode: haechi.Enforce}
	whole := newWaf(t, waf.Service{Policy: enforce})
	inflating := newWaf(t, waf.Service{Policy: enforce, Rules: waf.Ruleset{Inflated: true}})
	partial := newWaf(t, waf.Service{Policy: enforce, Partial: true, Rules: waf.Ruleset{MaxBody: 1000}})
	strict := newWaf(t, waf.Service{Policy: waf.Policy{Mode: haechi.Enforce, Threshold: 3}, Rules: waf.Ruleset{UTF8: true}})
	long := strings.Repeat("a=b&", 300)
	cutOff := sent(form, long)
	cutOff.Cut = true
	for name, tt := range map[string]struct {
		w      *waf.Waf
		r      *haechi.Request
		rule   string // "" passes, "waf/" any rule of SecLang
		reason haechi.Reason
	}{
		"benign form":           {whole, sent(form, "a=b"), "", ""},
		"deep JSON":             {whole, sent("application/json", strings.Repeat(`[`, 10_000)+strings.Repeat(`]`, 10_000)), "waf/200002", haechi.ReasonWAF},
		"deep JSON objects":     {whole, sent("application/json", strings.Repeat(`{"a":`, 10_000)+"1"+strings.Repeat(`}`, 10_000)), "waf/200002", haechi.ReasonWAF},
		"broken JSON":           {whole, sent("application/json", `{"a":1`), "waf/200002", haechi.ReasonWAF},
		"deep XML":              {whole, sent("text/xml", strings.Repeat(`<a>`, 10_000)+strings.Repeat(`</a>`, 10_000)), "", ""},
		"100,000 parameters":    {whole, sent(form, strings.Repeat("a=b&", 100_000)), "waf/", haechi.ReasonWAF},
		"multipart without end": {whole, sent("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nno end"), "waf/200003", haechi.ReasonWAF},
		"no boundary":           {whole, sent("multipart/form-data", "--x\r\n"), "waf/", haechi.ReasonWAF},
		"two content types":     {whole, sent(form, "a=b", "Content-Type", "text/plain"), waf.RuleContentType, haechi.ReasonMalformed},
		"strange charset":       {whole, sent(form+"; charset=utf-7", "a=b"), "waf/", haechi.ReasonWAF},
		"null byte":             {whole, sent(form, "a=%00"), "waf/", haechi.ReasonWAF},
		// At paranoia 1 no rule decodes overlong UTF-8 in a parameter.
		"overlong UTF-8":          {whole, sent(form, "a=..%c0%af..%c0%af..%c0%afetc%c0%afpasswd"), "", ""},
		"overlong UTF-8 counted":  {strict, sent(form, "a=..%c0%af..%c0%af..%c0%afetc%c0%afpasswd"), "waf/920250", haechi.ReasonWAF},
		"XML that expands":        {whole, sent("text/xml", laughs), "", ""},
		"compressed":              {whole, sent(form, zipped("a=b"), "Content-Encoding", "gzip"), waf.RuleEncoding, haechi.ReasonEncoding},
		"longer than judged":      {whole, sent(form, strings.Repeat("x", 2<<20)), waf.RuleBody, haechi.ReasonOversize},
		"inflated":                {inflating, sent(form, zipped("a=b"), "Content-Encoding", "gzip"), "", ""},
		"inflated attack":         {inflating, sent(form, zipped("q=1%27+OR+%271%27%3D%271--"), "Content-Encoding", "gzip"), "waf/", haechi.ReasonWAF},
		"zip bomb":                {inflating, sent(form, strings.Repeat(zipped(strings.Repeat("a", 10<<20)), 20), "Content-Encoding", "gzip"), waf.RuleBody, haechi.ReasonOversize},
		"no gzip":                 {inflating, sent(form, "a=b", "Content-Encoding", "gzip"), waf.RuleEncoding, haechi.ReasonEncoding},
		"twice compressed":        {inflating, sent(form, zipped(zipped("a=b")), "Content-Encoding", "gzip", "Content-Encoding", "gzip"), waf.RuleEncoding, haechi.ReasonEncoding},
		"brotli":                  {inflating, sent(form, "a=b", "Content-Encoding", "br"), waf.RuleEncoding, haechi.ReasonEncoding},
		"partly judged":           {partial, cutOff, "", ""},
		"attack in the part":      {partial, sent(form, "q=1%27+OR+%271%27%3D%271--&"+long), "waf/", haechi.ReasonWAF},
		"cut JSON":                {partial, sent("application/json", `{"a":"`+strings.Repeat("b", 2000)+`"}`), "waf/", haechi.ReasonWAF},
		"compressed and too long": {partial, sent(form, zipped(long), "Content-Encoding", "gzip"), waf.RuleEncoding, haechi.ReasonEncoding},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		v := tt.w.Inspect(tt.r, start)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if ok := v.Reason == tt.reason && strings.HasPrefix(v.Rule, tt.rule) && v.Refuses() == (tt.rule != ""); !ok {
			t.Errorf("%s: %+v", name, v)
		}
		if v.Refuses() && v.Ref == "" {
			t.Errorf("%s: no reference", name)
		}
		if alloc := after.TotalAlloc - before.TotalAlloc; alloc > 400<<20 || took > 3*time.Minute { // a busy machine, and the race detector
			t.Errorf("%s: %v and %d MiB", name, took, alloc>>20)
		}
		t.Logf("%-24s %8.1f ms  %s", name, float64(took.Microseconds())/1000, v.Rule)
	}
}

func TestShadowAndAllowed(t *testing.T) {
	w := newWaf(t, waf.Service{Policy: waf.Policy{Mode: haechi.Shadow}})
	v := w.Inspect(sent(form, "q=1%27+OR+%271%27%3D%271--"), time.Now())
	if v.Refuses() || !v.Shadow || v.Action != haechi.Deny || v.Hits == "" || v.Threshold != 5 || v.Observed < 5 {
		t.Errorf("%+v", v)
	}
	r := sent(form, "q=1%27+OR+%271%27%3D%271--")
	r.Actor.Allowed = true
	if v := w.Inspect(r, time.Now()); v != (haechi.Verdict{}) {
		t.Errorf("an allowed client: %+v", v)
	}
	other := sent(form, "a=b")
	other.Service = "blog"
	if w.Wants(other) != 0 || w.Wants(r) != waf.DefaultMaxBody {
		t.Errorf("wants %d and %d", w.Wants(other), w.Wants(r))
	}
}

// broken fails every request.
type broken struct{ waf.Engine }

func (broken) Judge(*waf.View, *waf.Result) error { return io.ErrUnexpectedEOF }

func TestAnEngineThatFailsRefuses(t *testing.T) {
	for _, open := range []bool{false, true} {
		w, err := waf.New(waf.Config{Services: map[string]waf.Service{"shop": {Policy: waf.Policy{Mode: haechi.Enforce}, Open: open,
			Engine: func(waf.Ruleset) (waf.Engine, error) { return broken{}, nil }}}})
		if err != nil {
			t.Fatal(err)
		}
		if v := w.Inspect(sent(form, "a=b"), time.Now()); v.Refuses() == open || !open && v.Rule != waf.RuleError {
			t.Errorf("open %v: %+v", open, v)
		}
	}
}

func TestOwnRulesMustNotChangeTheEngine(t *testing.T) {
	for _, line := range []string{"SecRuleEngine Off", "  secruleengine\tDetectionOnly", "SecRequestBodyAccess Off", "Include /etc/passwd", "SecRxPreFilter On"} {
		if _, err := waf.NewOracle(waf.Ruleset{After: "# mine\n" + line + "\n"}); haechi.KindOf(err) != haechi.Invalid {
			t.Errorf("%q: %v", line, err)
		}
	}
}
