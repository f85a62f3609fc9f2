package app

import (
	"net/netip"
	"testing"
	"time"

	"haechi"
)

func TestIncidentEvent(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	source := haechi.Scope{Kind: haechi.ScopeAddress, Prefix: netip.MustParsePrefix("203.0.113.7/32")}
	in := haechi.Incident{ID: "7K29Q-XM4TC", Rule: "auth/flood-of-failures", Service: "bots", About: source, Severity: haechi.Critical,
		Mode: haechi.Enforce, Start: now, Findings: 1, Peak: 101}
	e := incidentEvent(&in, now)
	if e.Severity != haechi.Critical || e.Addr != source.Prefix.Addr() || e.Text != "incident began" || e.Ref != in.ID || !e.Provoked {
		t.Errorf("%+v", e)
	}
	if e.Outcome == haechi.Failure || e.Verdict != haechi.Pass {
		t.Error("an incident is no refusal of its own and must not be counted as one")
	}
	in.End, in.Mode = now, haechi.Shadow
	if e := incidentEvent(&in, now); e.Severity != haechi.Info || e.Text != "incident ended" || !e.Shadow {
		t.Errorf("at its end: %+v", e)
	}
	in.About = haechi.Scope{Kind: haechi.ScopeDevice, Value: "bot/1"}
	if e := incidentEvent(&in, now); e.Device != "bot/1" || e.Assurance == haechi.Authenticated {
		t.Errorf("about a device: %+v", e)
	}
}
