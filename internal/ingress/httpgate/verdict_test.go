package httpgate_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

func constant(v haechi.Verdict) func(*haechi.Request) haechi.Verdict {
	return func(*haechi.Request) haechi.Verdict { return v }
}

func TestVerdicts(t *testing.T) { everyWay(t, verdicts) }

func verdicts(t *testing.T) {
	tests := []struct {
		name   string
		v      haechi.Verdict
		status int
		retry  string
	}{
		{"limit", haechi.Verdict{Action: haechi.Throttle, Reason: haechi.ReasonRateLimit, Delay: 1500 * time.Millisecond}, 429, "2"},
		{"limit as deny", haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonRateLimit}, 429, "1"},
		{"decision", haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonDecision, Ref: "AAAAA-BBBBB"}, 403, ""},
		{"access", haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonAccess}, 403, ""},
		{"challenge", haechi.Verdict{Action: haechi.Challenge, Reason: haechi.ReasonDecision}, 403, ""},
		{"overload", haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonOverload, Delay: time.Second}, 503, "1"},
		{"long wait", haechi.Verdict{Action: haechi.Throttle, Reason: haechi.ReasonDecision, Delay: time.Hour}, 429, "3600"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, httpgate.Config{}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the upstream was asked") }))
			tt.v.Rule, tt.v.Observed, tt.v.Threshold, tt.v.Detail = "rule/x", 11, 10, "internal detail"
			r.judge(constant(tt.v))
			a := r.get("shop.test/")
			e := r.refused(a, tt.status, tt.v.Reason)
			if got := a.Header.Get("Retry-After"); got != tt.retry {
				t.Errorf("Retry-After %q, want %q", got, tt.retry)
			}
			if e.Rule != "rule/x" || e.Observed != 11 || e.Threshold != 10 || e.Verdict != tt.v.Action || e.Outcome != haechi.Failure {
				t.Errorf("event %+v", e)
			}
			if tt.v.Ref != "" && e.Ref != tt.v.Ref {
				t.Errorf("reference %q", e.Ref)
			}
			if strings.Contains(a.text, "detail") || strings.Contains(a.text, "rule") || len(a.text) > 512 {
				t.Errorf("the refusal tells too much: %q", a.text)
			}
		})
	}
}

func TestRefusalPage(t *testing.T) {
	r := start(t, httpgate.Config{}, echo())
	r.judge(constant(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonDecision, Rule: "r"}))
	a := r.get("shop.test/", "Accept", "text/html,application/xhtml+xml")
	r.refused(a, 403, haechi.ReasonDecision)
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || !strings.HasPrefix(a.text, "<!doctype html>") {
		t.Errorf("%v %q", a.Header, a.text)
	}
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.Contains(a.Header.Get("Content-Security-Policy"), "'none'") {
		t.Errorf("headers %v", a.Header)
	}
	if a := r.do("127.0.0.2", "HEAD", "shop.test/", nil); a.text != "" || a.Header.Get(httpgate.RefHeader) == "" || a.StatusCode != 403 {
		t.Errorf("HEAD: %d %q", a.StatusCode, a.text)
	}
}

func TestShadowPasses(t *testing.T) {
	r := start(t, httpgate.Config{}, echo())
	r.judge(constant(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonDecision, Rule: "r", Ref: "AAAAA-BBBBB", Shadow: true}))
	if a := r.get("shop.test/"); a.StatusCode != 200 || a.Header.Get(httpgate.RefHeader) != "" {
		t.Errorf("a shadow verdict was applied: %d", a.StatusCode)
	}
	if e := r.next(t); !e.Shadow || e.Verdict != haechi.Deny || e.Rule != "r" || e.Ref == "" || e.Outcome != haechi.Success {
		t.Errorf("event %+v", e)
	}
}

func TestThrottleWaits(t *testing.T) {
	r := start(t, httpgate.Config{}, echo())
	const delay = 50 * time.Millisecond
	r.judge(constant(haechi.Verdict{Action: haechi.Throttle, Reason: haechi.ReasonDecision, Rule: "r", Delay: delay}))
	if a := r.get("shop.test/"); a.StatusCode != 200 {
		t.Errorf("status %d", a.StatusCode)
	}
	if e := r.next(t); e.Duration < delay || e.Verdict != haechi.Throttle {
		t.Errorf("event %+v", e)
	}
}

func TestAllowedIsNotInspected(t *testing.T) {
	r := start(t, httpgate.Config{}, echo())
	r.judge(constant(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonDecision, Rule: "r"}))
	a := r.do("127.0.0.8", "GET", "shop.test/", nil, "X-Forwarded-For", "203.0.113.200")
	if a.StatusCode != 200 || r.asked != 0 {
		t.Errorf("status %d, asked %d times", a.StatusCode, r.asked)
	}
	if e := r.next(t); !e.Allowed {
		t.Errorf("event %+v", e)
	}
}

// A limit on the proxy itself would hit everybody behind it.
func TestProxyItselfIsNotLimited(t *testing.T) {
	r := start(t, httpgate.Config{}, echo())
	r.judge(constant(haechi.Verdict{Action: haechi.Throttle, Reason: haechi.ReasonRateLimit, Rule: "limit/address", Delay: time.Second}))
	if a := r.do("127.0.0.8", "GET", "shop.test/", nil); a.StatusCode != 200 {
		t.Errorf("status %d", a.StatusCode)
	}
	if e := r.next(t); !e.Shadow || e.Rule != "limit/address" {
		t.Errorf("event %+v", e)
	}
	r.refused(r.do("127.0.0.8", "GET", "shop.test/", nil, "X-Forwarded-For", "203.0.113.7"), 429, haechi.ReasonRateLimit)
	r.proxies = append(r.proxies, "127.0.0.9") // one proxy before the other, and nobody before that one
	if a := r.do("127.0.0.8", "GET", "shop.test/", nil, "X-Forwarded-For", "127.0.0.9"); a.StatusCode != 200 {
		t.Errorf("a proxy before the proxy: status %d", a.StatusCode)
	}
}

func TestInspectorSeesTheRequest(t *testing.T) {
	r := start(t, httpgate.Config{}, echo())
	r.judge(func(q *haechi.Request) haechi.Verdict {
		saw := false
		for name, value := range q.Headers {
			saw = saw || name == "X-Probe" && value == "1"
		}
		if !saw || q.Kind != haechi.KindRequest || q.Service != "shop" || q.Method != "PUT" || q.Host != "shop.test" ||
			q.Path != "/a b" || q.RawQuery != "q=1" || q.Size != 3 || q.Actor.Addr.String() != "127.0.0.2" {
			t.Errorf("%+v, header seen: %v", q, saw)
		}
		return haechi.Verdict{}
	})
	r.do("127.0.0.2", "PUT", "shop.test/a%20b?q=1", strings.NewReader("abc"), "X-Probe", "1")
}
