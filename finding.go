package haechi

import (
	"net/netip"
	"time"
)

// Mode is off, shadow or enforce: every rule, list, limit and policy has one.
type Mode uint8

// The modes. ModeUnset lets a default through.
const (
	ModeUnset Mode = iota
	Off
	Shadow
	Enforce
)

func modeNames() []string { return []string{"", "off", "shadow", "enforce"} }

// String names the mode.
func (m Mode) String() string { return enumText(modeNames(), m) }

// MarshalText implements encoding.TextMarshaler.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Mode) UnmarshalText(b []byte) (err error) {
	*m, err = parseEnum[Mode]("mode", modeNames(), string(b))
	return err
}

// Finding is a detector's belief about an actor, with what it rests on.
type Finding struct {
	Time time.Time `json:"@timestamp"`
	// Rule is the detector's id, for example "device/rapid-reconnect"; Version
	// counts its changes.
	Rule    string `json:"rule.id"`
	Version int    `json:"rule.version"`
	// Pattern is the source documents' name for it (pattern_type), if they have one.
	Pattern string `json:"haechi.pattern,omitempty"`
	Service string `json:"service.name,omitempty"`
	// About is whom the rule grouped by.
	About Scope `json:"haechi.scope"`
	Actor
	Severity Severity `json:"haechi.severity"`
	// Technique is the MITRE ATT&CK id, for example "T1110".
	Technique string `json:"threat.technique.id,omitempty"`
	// Observed exceeded Threshold within Window ("limit N": N is allowed, N+1 fires).
	Observed  float64       `json:"haechi.observed"`
	Threshold float64       `json:"haechi.threshold"`
	Window    time.Duration `json:"haechi.window"`
	// First and Last are the event times of the evidence.
	First time.Time `json:"event.start"`
	Last  time.Time `json:"event.end"`
	// Detector is the class of what was found, for example "port_scan"; empty for a
	// threshold rule.
	Detector string `json:"haechi.detector,omitempty"`
	// Target is whom it happened to, an address or a prefix; invalid when there are
	// many. Targets is how many there were.
	Target  netip.Prefix `json:"destination.prefix,omitzero"`
	Targets uint64       `json:"haechi.targets,omitempty"`
	// Incident is the same for all findings of one attack: its start, updates and end.
	// It is empty where the decider alone groups findings.
	Incident Reference `json:"haechi.incident.id,omitempty"`
	// Over marks the last finding of an incident.
	Over bool `json:"haechi.over,omitempty"`
	// Reasons are numbers that explain it, most telling first; see [Fact].
	Reasons [4]Fact `json:"haechi.facts,omitzero"`
	// Evidence is a handful of the events, newest last.
	Evidence []Event `json:"haechi.evidence,omitempty"`
	// Spoofable evidence never leads to a decision about a source.
	Spoofable bool `json:"haechi.spoofable,omitempty"`
	Mode      Mode `json:"haechi.mode"`
	// Score is what the finding adds to the actor's score.
	Score float64 `json:"haechi.score"`
	// Want is the action the rule itself asks for, and For how long; Pass leaves
	// it to the score.
	Want Action        `json:"haechi.want,omitempty"`
	For  time.Duration `json:"haechi.for,omitempty"`
	Ref  Reference     `json:"event.reference"`
}

// Fact is one number behind a finding, for the sentence that explains it. Name is a
// key of the catalogue ("ports", "targets", "failed_share", "entropy", …).
type Fact struct {
	Name  string  `json:"name,omitempty"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"` // "", "bytes", "s", "share"
}
