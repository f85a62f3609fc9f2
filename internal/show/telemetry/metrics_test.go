package telemetry_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/show/telemetry"
)

func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func wants(t *testing.T, body string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(body, "\n"+l+"\n") {
			t.Errorf("missing %q", l)
		}
	}
}

func TestTap(t *testing.T) {
	m := telemetry.New()
	for _, e := range []haechi.Event{
		{Kind: haechi.KindAuth, Outcome: haechi.Failure, Reason: haechi.ReasonHMACFailed, Verdict: haechi.Deny, Count: 3},
		{Kind: haechi.KindAuth, Outcome: haechi.Failure, Reason: haechi.ReasonLogin, Verdict: haechi.Deny}, // the console's own
		{Kind: haechi.KindAuth, Outcome: haechi.Success},                                                   //
		{Kind: haechi.KindMessage, Outcome: haechi.Failure, Reason: haechi.ReasonRateLimit, Verdict: haechi.Throttle},
		{Kind: haechi.KindRequest, Outcome: haechi.Failure, Reason: haechi.ReasonRateLimit, Verdict: haechi.Deny},
		{Kind: haechi.KindRequest, Outcome: haechi.Success, Reason: haechi.ReasonRateLimit, Verdict: haechi.Deny, Shadow: true},
		{Kind: haechi.KindRequest, Outcome: haechi.Failure, Reason: "from-a-peer", Verdict: haechi.Deny},
		{Kind: haechi.KindMessage, Outcome: haechi.Success, Duration: 3 * time.Microsecond},
		{Kind: haechi.KindMessage, Outcome: haechi.Success, Duration: 3 * time.Millisecond},
		{Kind: haechi.KindRequest, Outcome: haechi.Success, Duration: time.Second},                               // no message
		{Kind: haechi.KindClose, Outcome: haechi.Failure, Reason: haechi.ReasonHMACFailed, Verdict: haechi.Deny}, // of a refusal counted above
		{Kind: 99, Outcome: 99},
	} {
		m.Tap(&e)
	}
	body := scrape(t, m)
	wants(t, body,
		"kakaobot_auth_failures_total 3",
		"kakaobot_rate_limit_hits_total 2",
		"kakaobot_message_processing_duration_seconds_count 2",
		`kakaobot_message_processing_duration_seconds_bucket{le="5e-06"} 1`,
		`haechi_events_total{kind="auth",outcome="failure"} 4`,
		`haechi_refusals_total{reason="hmac_failed"} 3`,
		`haechi_refusals_total{reason="rate_limit"} 2`,
		`haechi_refusals_total{reason="other"} 1`)
	if strings.Contains(body, "from-a-peer") {
		t.Error("a label takes a value from outside")
	}
}

// TestReasonsAreComplete: a reason of the dictionary never counts as "other".
func TestReasonsAreComplete(t *testing.T) {
	src, err := os.ReadFile("../../../reason.go")
	if err != nil {
		t.Fatal(err)
	}
	body := scrape(t, telemetry.New())
	all := regexp.MustCompile(`Reason\w+\s+Reason = "(\w+)"`).FindAllStringSubmatch(string(src), -1)
	if len(all) < 30 {
		t.Fatalf("only %d reasons found", len(all))
	}
	for _, r := range all {
		wants(t, body, `haechi_refusals_total{reason="`+r[1]+`"} 0`)
	}
}

// TestNoAddressInLabels taps an event full of a peer's words and looks for them.
func TestNoAddressInLabels(t *testing.T) {
	m := telemetry.New()
	m.Tap(&haechi.Event{Kind: haechi.KindRequest, Service: "peerword", Reason: "peerword", Rule: "peerword", Room: "peerword", Host: "peerword", Path: "/peerword",
		Class: "peerword", Verdict: haechi.Deny, Actor: haechi.Actor{Addr: netip.MustParseAddr("203.0.113.77"), Device: "peerword/1"}})
	if body := scrape(t, m); strings.Contains(body, "peerword") || strings.Contains(body, "203.0.113.77") {
		t.Error("a peer's word is in the metrics")
	}
}

func TestSources(t *testing.T) {
	m := telemetry.New()
	live := 3.0
	for _, err := range []error{
		m.Gauge("kakaobot_active_connections", "Live device connections.", func() float64 { return live }),
		m.Count("haechi_drift_repaired_total", "Repairs.", func() float64 { return 2 }),
		m.Bounds("pipeline", func() []haechi.Counter {
			return []haechi.Counter{{Name: "queue_dropped", Value: 4}, {Name: "queue_dropped", Value: 1}, {Name: "coalesced"}}
		}),
		m.Bounds("limits", func() []haechi.Counter { return []haechi.Counter{{Name: "overflow", Value: 7}} }),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	live = 5
	wants(t, scrape(t, m), "kakaobot_active_connections 5", "haechi_drift_repaired_total 2",
		`haechi_bounds{bound="queue_dropped",part="pipeline"} 5`, `haechi_bounds{bound="coalesced",part="pipeline"} 0`,
		`haechi_bounds{bound="overflow",part="limits"} 7`)
	err := m.Gauge("kakaobot_active_connections", "Live device connections.", func() float64 { return 0 })
	if haechi.KindOf(err) != haechi.Conflict {
		t.Errorf("registered twice: %v", err)
	}
}

func TestTapDoesNotAllocate(t *testing.T) {
	m := telemetry.New()
	e := haechi.Event{Kind: haechi.KindMessage, Outcome: haechi.Failure, Reason: haechi.ReasonRateLimit, Verdict: haechi.Deny, Duration: time.Microsecond, BytesIn: 10, BytesOut: 20}
	if n := testing.AllocsPerRun(1000, func() { m.Tap(&e) }); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
}

func BenchmarkTap(b *testing.B) {
	m := telemetry.New()
	e := haechi.Event{Kind: haechi.KindMessage, Outcome: haechi.Success, Duration: time.Microsecond, BytesIn: 300}
	b.ReportAllocs()
	for b.Loop() {
		m.Tap(&e)
	}
}
