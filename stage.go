package haechi

import "time"

// Stage is how the whole gateway stands while an attack goes on. Each holds what those
// before it hold.
type Stage uint8

// The stages, the mildest first.
const (
	StageWatch   Stage = iota // everything as usual
	StageTighten              // what one source may begin is limited, the same for each
	StageCookies              // the kernel answers SYNs by cookies, and drops answers that nobody asked for
	StageKnown                // new connections of clients that came before the attack only
	StageClosed               // new connections of the allow list only: for operators
)

func stageNames() []string { return []string{"watch", "tighten", "cookies", "known", "closed"} }

// String names the stage.
func (s Stage) String() string { return enumText(stageNames(), s) }

// ParseStage reads what String writes.
func ParseStage(text string) (Stage, error) { return parseEnum[Stage]("stage", stageNames(), text) }

// MarshalText implements encoding.TextMarshaler.
func (s Stage) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Stage) UnmarshalText(b []byte) (err error) {
	*s, err = ParseStage(string(b))
	return err
}

// AttackStatus says at which stage the gateway is, and why.
type AttackStatus struct {
	Stage Stage     `json:"stage"`
	Mode  Mode      `json:"mode"` // Shadow: what an attack alone raises is only shown
	Since time.Time `json:"since,omitzero"`
	// Until is when the operator's stage ends; zero where attacks decide.
	Until time.Time `json:"until,omitzero"`
	// Next is when it steps down if nothing else happens; zero while it stays.
	Next time.Time `json:"next,omitzero"`
	By   string    `json:"by,omitempty"` // the operator, or the rule that raised it last
	// Raised is the stage that attacks ask for, whoever decides.
	Raised  Stage    `json:"raised"`
	Attacks []Attack `json:"attacks"`
	// Held says what is in force at this stage, and why something is not.
	Held []Measure `json:"held"`
	// Cookies is the kernel's own setting (net.ipv4.tcp_syncookies): 0 never, 1 when the
	// queue is full, 2 always; -1 unknown.
	Cookies int       `json:"cookies"`
	Dropped []Counter `json:"dropped,omitempty"`
}

// Attack is a flood that goes on.
type Attack struct {
	ID       Reference `json:"id"`
	Rule     string    `json:"rule"`
	Detector string    `json:"detector"`
	Severity Severity  `json:"severity"`
	Start    time.Time `json:"start"`
	Last     time.Time `json:"last"`
	Peak     float64   `json:"peak"`
	Limit    float64   `json:"limit"`
	Asks     Stage     `json:"asks"` // for at least this stage
}

// Measure is one thing that a stage does. Name is a key of the catalogue.
type Measure struct {
	Name string `json:"name"`
	On   bool   `json:"on"`
	Note string `json:"note,omitempty"` // why not, or what else there is to say
}
