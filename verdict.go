package haechi

import "time"

// Action is what is done about somebody: in-band as a verdict, durably as a
// decision. The order is the order of strength.
type Action uint8

// The actions. Pass and Hold are verdicts only; Watch and Drop are decisions only.
const (
	Pass      Action = iota // go on
	Watch                   // go on, and look closely
	Throttle                // slow down: a delay or Retry-After
	Challenge               // prove something first
	Hold                    // neither answer nor close: keep the peer waiting
	Deny                    // refuse, with a reference
	Drop                    // refuse in the kernel, silently
)

func actionNames() []string {
	return []string{"pass", "watch", "throttle", "challenge", "hold", "deny", "drop"}
}

// String names the action.
func (a Action) String() string { return enumText(actionNames(), a) }

// ParseAction reads what String writes.
func ParseAction(text string) (Action, error) {
	return parseEnum[Action]("action", actionNames(), text)
}

// MarshalText implements encoding.TextMarshaler.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Action) UnmarshalText(b []byte) (err error) {
	*a, err = ParseAction(string(b))
	return err
}

// Verdict is the in-band answer to one connection, request or message. The zero
// value passes.
type Verdict struct {
	Action Action
	// Delay is how long to wait before going on (Throttle), or the Retry-After of
	// a refusal.
	Delay  time.Duration
	Reason Reason
	// Detail completes the reason for the peer and the log, for example
	// "Rate limit exceeded: minute" (row A11). It holds nothing secret.
	Detail string
	// Rule is the id of the limit, rule or decision that spoke.
	Rule                string
	Ref                 Reference
	Observed, Threshold float64
	// Window is the time the observed value was counted over, 0 if none.
	Window time.Duration
	// Hits is the form of [Hits] of what matched in the request, also of one that
	// passes.
	Hits string
	// Shadow verdicts are recorded and not applied.
	Shadow bool
}

// Refuses reports whether the verdict ends the request, message or connection.
func (v *Verdict) Refuses() bool { return !v.Shadow && v.Action >= Challenge }
