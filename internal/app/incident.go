package app

import (
	"time"

	"haechi"
)

// incidentEvent puts an incident into the stream of events, beside what it is made
// of: without it the stream would never say how bad things are. It is Provoked, so
// that no rule counts what rules made.
func incidentEvent(in *haechi.Incident, now time.Time) haechi.Event {
	e := haechi.Event{
		Time: now.UTC(), Kind: haechi.KindSystem, Severity: in.Severity, Service: in.Service, Provoked: true,
		Rule: in.Rule, Ref: in.ID, Observed: in.Peak, Shadow: in.Mode == haechi.Shadow, Text: "incident goes on",
	}
	switch {
	case !in.End.IsZero():
		e.Severity, e.Text = haechi.Info, "incident ended"
	case in.Findings <= 1:
		e.Text = "incident began"
	}
	switch in.About.Kind {
	case haechi.ScopeDevice:
		e.Device = in.About.Value
	case haechi.ScopeUser:
		e.User = in.About.Value
	case haechi.ScopeAddress, haechi.ScopePrefix:
		e.Addr, e.Client = in.About.Prefix.Addr(), in.About.Prefix
	}
	return e
}
