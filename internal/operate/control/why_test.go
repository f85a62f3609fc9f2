package control_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"haechi"
)

// story is a world in which an address failed again and again: a rule found it, an
// incident was opened, a decision made, and a connection refused because of it.
func story(t *testing.T) (*world, func(query string) haechi.Explanation) {
	w, c := newWorld()
	about := scope(t, "ip:203.0.113.7")
	client := netip.MustParsePrefix("203.0.113.7/32")
	actor := haechi.Actor{Addr: client.Addr(), Client: client, Assurance: haechi.Handshaken}
	w.findings = []haechi.Finding{
		{Ref: "11111-11111", Rule: "auth/brute-force", About: about, First: w.now, Last: w.now.Add(time.Minute)},
		{Ref: "22222-22222", Rule: "device/failed-auth", About: about, First: w.now, Last: w.now.Add(time.Minute)},
		{Ref: "33333-33333", Rule: "auth/brute-force", About: about, First: w.now.Add(-3 * time.Hour), Last: w.now.Add(-2 * time.Hour)},
	}
	w.decisions["DDDDD-DDDDD"] = haechi.Decision{ID: "DDDDD-DDDDD", Scope: about, Action: haechi.Deny, Mode: haechi.Enforce,
		From: w.now, Until: w.now.Add(time.Hour), Findings: []haechi.Reference{"11111-11111"}}
	w.incidents = []haechi.Incident{
		{ID: "AAAAA-AAAAA", Rule: "auth/brute-force", About: about, Start: w.now, Decision: "DDDDD-DDDDD"},
		{ID: "BBBBB-BBBBB", Rule: "auth/brute-force", About: scope(t, "ip:203.0.113.8"), Start: w.now},
	}
	w.events = []haechi.Event{
		{Time: w.now, Kind: haechi.KindSystem, Ref: "AAAAA-AAAAA", Actor: actor, Text: "incident began"},
		{Time: w.now, Kind: haechi.KindConnect, Outcome: haechi.Failure, Verdict: haechi.Deny, Ref: "DDDDD-DDDDD", Reason: haechi.ReasonDecision, Actor: actor},
	}
	return w, func(query string) haechi.Explanation {
		t.Helper()
		x, err := c.Why(t.Context(), query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return x
	}
}

// TestWhyIncident resolves an incident's id to its own findings and its decision.
func TestWhyIncident(t *testing.T) {
	_, why := story(t)
	x := why("AAAAA-AAAAA")
	if len(x.Incidents) != 1 || len(x.Decisions) != 1 || len(x.Findings) != 1 || x.Findings[0].Ref != "11111-11111" {
		t.Errorf("%+v", x)
	}
	if len(x.Refusals) != 0 {
		t.Errorf("the gateway's own event is no refusal: %+v", x.Refusals)
	}
	if !slices.Contains(x.Lift, "haechi decisions lift DDDDD-DDDDD --reason 'false alarm'") {
		t.Errorf("lift %v", x.Lift)
	}
	if x := why("BBBBB-BBBBB"); len(x.Incidents) != 1 || len(x.Findings)+len(x.Decisions) != 0 {
		t.Errorf("an incident without more: %+v", x)
	}
}

// TestWhyOfAPage: what the gateway found wrong by itself has a reference too.
func TestWhyOfAPage(t *testing.T) {
	w, why := story(t)
	w.events = append(w.events, haechi.Event{Time: w.now, Kind: haechi.KindSystem, Outcome: haechi.Failure, Service: "shop", Ref: "PAGE0-PAGE0",
		Reason: haechi.ReasonPlainLogin, Rule: "page/plain-login", Host: "shop.test", Path: "/login"})
	if x := why("PAGE0-PAGE0"); len(x.Refusals) != 1 || x.Refusals[0].Path != "/login" {
		t.Errorf("%+v", x)
	}
}

// TestWhyTakesEverySpelling: what other commands print can be asked about as it is.
func TestWhyTakesEverySpelling(t *testing.T) {
	_, why := story(t)
	for _, query := range []string{"203.0.113.7", "ip:203.0.113.7", "203.0.113.7/32", " 203.0.113.7 ", "::ffff:203.0.113.7", "[203.0.113.7]"} {
		x := why(query)
		if len(x.Refusals) != 1 || len(x.Decisions) != 1 || len(x.Incidents) != 1 || len(x.Findings) != 3 {
			t.Errorf("%q: %d refusals, %d decisions, %d incidents, %d findings", query, len(x.Refusals), len(x.Decisions), len(x.Incidents), len(x.Findings))
		}
	}
	for _, query := range []string{"203.0.113.0/24", "prefix:203.0.113.0/24"} {
		if x := why(query); len(x.Refusals) != 1 {
			t.Errorf("%q: %+v", query, x.Refusals)
		}
	}
	for _, query := range []string{"bot/1", "device:bot/1"} {
		if x := why(query); x.Device == nil {
			t.Errorf("%q: no device", query)
		}
	}
	if x := why("DDDDD-DDDDD"); len(x.Decisions) != 1 || len(x.Refusals) != 1 || len(x.Findings) != 1 {
		t.Errorf("the decision: %+v", x)
	}
	if x := why("22222-22222"); len(x.Findings) != 1 {
		t.Errorf("the finding: %+v", x)
	}
}

// TestWhyDeviceNamedLikeANetwork: a registered device is found by its name, whatever
// that looks like.
func TestWhyDeviceNamedLikeANetwork(t *testing.T) {
	w, why := story(t)
	w.devices["10.0.0.0/8"] = haechi.Device{Key: "10.0.0.0/8", Bot: "10.0.0.0", Serial: "8"}
	if x := why("10.0.0.0/8"); x.Device == nil {
		t.Errorf("%+v", x)
	}
}

// TestWhyShowsRefusalsFirst: a flood of failed logins, which the gateway let through,
// does not hide the one refusal; without any refusal they are what there is to show.
func TestWhyShowsRefusalsFirst(t *testing.T) {
	w, why := story(t)
	failed := haechi.Event{Time: w.now, Kind: haechi.KindRequest, Outcome: haechi.Failure, Reason: haechi.ReasonUnauthorized,
		Actor: haechi.Actor{Addr: netip.MustParseAddr("203.0.113.7"), Client: netip.MustParsePrefix("203.0.113.7/32")}}
	w.events = append(slices.Repeat([]haechi.Event{failed}, 100), w.events...)
	if x := why("203.0.113.7"); len(x.Refusals) != 1 || x.Refusals[0].Verdict != haechi.Deny {
		t.Errorf("%d refusals", len(x.Refusals))
	}
	w.events = w.events[:100]
	if x := why("203.0.113.7"); len(x.Refusals) != 20 {
		t.Errorf("%d failures", len(x.Refusals))
	}
}
