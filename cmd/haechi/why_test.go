package main

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"haechi"
)

func newExplainer(t *testing.T, lang string) (*explainer, *bytes.Buffer) {
	t.Helper()
	p, out := newTestPrinter(noEnv)
	p.lang = lang
	title, sentence := p.shipped()
	return &explainer{printer: p, now: time.Unix(1_790_000_000, 0), title: title, sentence: sentence, held: map[haechi.Reference]bool{}}, out
}

// TestMeasure names the window of a limit, and none where nothing was counted over
// time.
func TestMeasure(t *testing.T) {
	e, _ := newExplainer(t, "en")
	for _, tc := range []struct {
		v    haechi.Event
		want string
	}{
		{haechi.Event{Reason: haechi.ReasonRateLimit, Observed: 301, Threshold: 300, Window: time.Minute}, "301 against a limit of 300 within 1 min"},
		{haechi.Event{Reason: haechi.ReasonOversize, Observed: 5, Threshold: 4}, "5 against a limit of 4"},
		{haechi.Event{Reason: haechi.ReasonDecision, Observed: 5, Threshold: 4, Window: time.Minute}, ""},
		{haechi.Event{Reason: haechi.ReasonReplay}, ""},
	} {
		if got := e.counted(&tc.v); got != tc.want {
			t.Errorf("%+v: %q", tc.v, got)
		}
	}
}

// TestEveryRefusalIsExplained wants a whole explanation for every reason and kind, in
// both languages.
func TestEveryRefusalIsExplained(t *testing.T) {
	reasons := []haechi.Reason{haechi.ReasonHMACFailed, haechi.ReasonRateLimit, haechi.ReasonDecision, haechi.ReasonAccess,
		haechi.ReasonPending, haechi.ReasonUnknownHost, haechi.ReasonReplay, haechi.ReasonOversize, haechi.ReasonInternal}
	kinds := []haechi.Kind{haechi.KindConnect, haechi.KindHandshake, haechi.KindAuth, haechi.KindMessage, haechi.KindRequest, haechi.KindClose, haechi.KindAdmin}
	for _, lang := range []string{"en", "ko"} {
		first, out := newExplainer(t, lang) // which loads all rules for their titles
		for _, r := range reasons {
			for _, k := range kinds {
				e := *first
				e.held = map[haechi.Reference]bool{}
				out.Reset()
				ev := haechi.Event{Time: e.now, Kind: k, Reason: r, Rule: "gate/x", Ref: "7K29Q-XM4TC", Verdict: haechi.Deny, Service: "bots",
					Actor: haechi.Actor{Addr: netip.MustParseAddr("203.0.113.7"), Device: "봇/1"}, Observed: 11, Threshold: 10}
				e.explain(&haechi.Explanation{Query: "7K29Q-XM4TC", Refusals: []haechi.Event{ev}})
				got := out.String()
				for _, want := range []string{"7K29Q-XM4TC", "KST", "203.0.113.7", "봇/1", e.t("explain.advice"), e.t("explain.where"), e.t("explain.by")} {
					if !strings.Contains(got, want) {
						t.Errorf("%s %s %s: %q is missing in\n%s", lang, k, r, want, got)
					}
				}
				if strings.Contains(got, "[explain") || strings.Contains(got, "{0}") {
					t.Errorf("%s %s %s:\n%s", lang, k, r, got)
				}
			}
		}
	}
}

func TestGroup(t *testing.T) {
	ref := haechi.Reference("7K29Q-XM4TC")
	refused := haechi.Event{Kind: haechi.KindHandshake, Ref: ref, Verdict: haechi.Deny, Count: 3}
	closed := haechi.Event{Kind: haechi.KindClose, Ref: ref, Verdict: haechi.Deny}
	other := haechi.Event{Kind: haechi.KindClose, Ref: "00000-00000", Verdict: haechi.Deny}
	got := group([]haechi.Event{closed, refused, refused, other})
	if len(got) != 2 || got[0].times != 6 || got[0].Kind != haechi.KindHandshake || got[1].Ref != other.Ref {
		t.Errorf("%+v", got)
	}
}

// TestStateOfADecision is the truth about it: what is not found where it is enforced
// is never called in force.
func TestStateOfADecision(t *testing.T) {
	e, _ := newExplainer(t, "en")
	open := haechi.Decision{ID: "A", Mode: haechi.Enforce, From: e.now.Add(-time.Hour), Until: e.now.Add(time.Hour)}
	if got := e.stateOf(&open); !strings.Contains(got, "was not found") {
		t.Errorf("not held: %s", got)
	}
	e.held["A"] = true
	if got := e.stateOf(&open); !strings.Contains(got, "in force, read back") {
		t.Errorf("held: %s", got)
	}
	shadow := open
	shadow.Mode = haechi.Shadow
	if got := e.stateOf(&shadow); got != "in shadow" || e.point(&shadow) != "" {
		t.Errorf("shadow: %s, %s", got, e.point(&shadow))
	}
	over := open
	over.Until = e.now
	if got := e.stateOf(&over); got != "over" {
		t.Errorf("over: %s", got)
	}
	lifted := open
	lifted.LiftedAt, lifted.LiftedBy, lifted.LiftReason = e.now, "kim", "our office"
	if got := e.stateOf(&lifted); !strings.Contains(got, "by kim: our office") {
		t.Errorf("lifted: %s", got)
	}
}

// TestWhatADetectorFoundIsSaidInWords, with its numbers and in both languages.
func TestWhatADetectorFoundIsSaidInWords(t *testing.T) {
	for lang, want := range map[string]string{"en": "203.0.113.7 tried 1,200 ports on 1 hosts", "ko": "호스트 1대의 포트 1,200개"} {
		e, out := newExplainer(t, lang)
		e.explain(&haechi.Explanation{Query: "203.0.113.7", Findings: []haechi.Finding{{Time: e.now, Rule: "network/port-scan", Detector: "port_scan",
			Actor: haechi.Actor{Addr: netip.MustParseAddr("203.0.113.7")}, Reasons: [4]haechi.Fact{{Name: "contacts", Value: 1200},
				{Name: "ports", Value: 1200}, {Name: "hosts", Value: 1}, {Name: "failed_share", Value: 1, Unit: "share"}}}}})
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: no %q in\n%s", lang, want, out)
		}
	}
}
