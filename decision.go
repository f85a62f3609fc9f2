package haechi

import "time"

// Origin says where a decision comes from.
type Origin uint8

// The origins.
const (
	OriginRule Origin = iota + 1
	OriginOperator
	OriginList
	OriginPeer
)

func originNames() []string { return []string{"", "rule", "operator", "list", "peer"} }

// String names the origin.
func (o Origin) String() string { return enumText(originNames(), o) }

// MarshalText implements encoding.TextMarshaler.
func (o Origin) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *Origin) UnmarshalText(b []byte) (err error) {
	*o, err = parseEnum[Origin]("origin", originNames(), string(b))
	return err
}

// Decision is a durable ruling about a scope. There is at most one open decision
// for each (Scope, Service, Mode, Origin); a further finding extends or strengthens
// it. Were modes or origins mixed, a shadow finding could strengthen what is
// enforced, and a rule what an operator ruled.
type Decision struct {
	// ID is the decision's own reference: what a refusal because of it shows.
	ID      Reference `json:"haechi.decision.id"`
	Scope   Scope     `json:"haechi.scope"`
	Service string    `json:"service.name,omitempty"` // empty: every service
	Action  Action    `json:"haechi.action"`
	Mode    Mode      `json:"haechi.mode"`
	// Rule is the rule that decided, or the name of the list or peer (fail2ban/sshd);
	// empty for an operator.
	Rule   string `json:"rule.id,omitempty"`
	Reason string `json:"event.reason,omitempty"` // one line for a person
	Origin Origin `json:"haechi.origin"`
	By     string `json:"user.name,omitempty"` // the operator, for OriginOperator
	// Observed, Threshold and Window are those of the finding that decided.
	Observed  float64       `json:"haechi.observed,omitempty"`
	Threshold float64       `json:"haechi.threshold,omitempty"`
	Window    time.Duration `json:"haechi.window,omitempty"`
	Findings  []Reference   `json:"haechi.findings,omitempty"`
	// From and Until bound it; a zero Until has no end (operators and peers only).
	From  time.Time `json:"event.start"`
	Until time.Time `json:"event.end,omitzero"`
	// Repeat counts earlier decisions about the same scope; durations grow with it.
	Repeat int `json:"haechi.repeat,omitempty"`
	// LiftedAt, LiftedBy and LiftReason are set once somebody took it back.
	LiftedAt   time.Time `json:"haechi.lifted.at,omitzero"`
	LiftedBy   string    `json:"haechi.lifted.by,omitempty"`
	LiftReason string    `json:"haechi.lifted.reason,omitempty"`
}

// Open reports whether the decision is neither lifted nor over at the time.
func (d *Decision) Open(now time.Time) bool {
	return d.LiftedAt.IsZero() && (d.Until.IsZero() || now.Before(d.Until))
}

// Applies reports whether the decision is open and enforced, not shadow.
func (d *Decision) Applies(now time.Time) bool { return d.Mode == Enforce && d.Open(now) }
