package haechi

import "time"

// Incident is what belongs together: findings of one rule about one scope, with
// a start, a peak and an end. Alerts are about incidents, never about events.
type Incident struct {
	ID       Reference `json:"haechi.incident.id"`
	Rule     string    `json:"rule.id"`
	Service  string    `json:"service.name,omitempty"`
	About    Scope     `json:"haechi.scope"`
	Severity Severity  `json:"haechi.severity"`
	Mode     Mode      `json:"haechi.mode"`
	Start    time.Time `json:"event.start"`
	Last     time.Time `json:"haechi.last"`
	End      time.Time `json:"event.end,omitzero"` // zero while it goes on
	Findings uint64    `json:"haechi.count"`
	Peak     float64   `json:"haechi.peak"` // the highest observed value
	Decision Reference `json:"haechi.decision.id,omitempty"`
}
