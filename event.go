package haechi

import "time"

// Kind says what was observed, and thereby which fields of an [Event] are set.
type Kind uint8

// The kinds of events.
const (
	KindConnect   Kind = iota + 1 // a peer connected to a service, or was refused at accept
	KindHandshake                 // a device or TLS handshake completed or failed
	KindAuth                      // an identity was proved, or not
	KindMessage                   // one device frame
	KindRequest                   // one HTTP request with its answer
	KindFlow                      // one network flow
	KindQuery                     // one database query
	KindHello                     // one TLS client hello
	KindAdmin                     // an operator did something
	KindClose                     // a connection ended
	KindSystem                    // the gateway itself: start, reload, upstream down, degraded
	KindLookup                    // one DNS question, with its answer if there was one
	KindCall                      // one call of a remote service seen on the wire: DCE/RPC, SMB, WinRM, LDAP
	KindTurn                      // in an open conversation the initiator spoke after a pause: BytesIn is the segment that ended it, BytesOut what the other side said in the turn before
	KindCounted                   // what the kernel counted since the last time: Type says what, Count or the amounts how much, Duration over how long
	KindAnswer                    // what a server behind answered to one HTTP request, where the WAF found something in it
	KindAlert                     // what another sensor says that it found: Rule is its signature's id, Class the signature's category, Text its name, Type a technique of ATT&CK
)

func kindNames() []string {
	return []string{"none", "connect", "handshake", "auth", "message", "request", "flow", "query", "hello", "admin", "close", "system", "lookup", "call", "turn", "counted", "answer", "alert"}
}

// String names the kind.
func (k Kind) String() string { return enumText(kindNames(), k) }

// MarshalText implements encoding.TextMarshaler.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *Kind) UnmarshalText(b []byte) (err error) {
	*k, err = parseEnum[Kind]("kind", kindNames(), string(b))
	return err
}

// Outcome is ECS event.outcome.
type Outcome uint8

// The outcomes.
const (
	Unknown Outcome = iota
	Success
	Failure
)

func outcomeNames() []string { return []string{"unknown", "success", "failure"} }

// String names the outcome.
func (o Outcome) String() string { return enumText(outcomeNames(), o) }

// MarshalText implements encoding.TextMarshaler.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *Outcome) UnmarshalText(b []byte) (err error) {
	*o, err = parseEnum[Outcome]("outcome", outcomeNames(), string(b))
	return err
}

// Severity orders findings, events and incidents.
type Severity uint8

// The severities.
const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

func severityNames() []string { return []string{"info", "low", "medium", "high", "critical"} }

// String names the severity.
func (s Severity) String() string { return enumText(severityNames(), s) }

// MarshalText implements encoding.TextMarshaler.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Severity) UnmarshalText(b []byte) (err error) {
	*s, err = parseEnum[Severity]("severity", severityNames(), string(b))
	return err
}

// Event is one normalised observation. It is flat and holds no message body,
// key or signature. Which fields beyond the first group are set depends on Kind.
// Strings that a peer chose are bounded by whoever fills them.
type Event struct {
	// Time is when it happened, UTC. Detectors know no other clock.
	Time    time.Time `json:"@timestamp"`
	Kind    Kind      `json:"event.action"`
	Outcome Outcome   `json:"event.outcome"`
	// Severity is Info unless somebody should look.
	Severity Severity `json:"haechi.severity,omitempty"`
	// Service is the name under services: in the configuration.
	Service string `json:"service.name,omitempty"`
	// Reason says why, on a failure: one of the Reason constants.
	Reason Reason `json:"event.reason,omitempty"`
	// Count is how many observations this event stands for; 0 means 1. It is
	// above 1 where a full queue coalesced equal events.
	Count uint64 `json:"haechi.count,omitempty"`
	// Distinct estimates how many different actors a coalesced event stands for.
	Distinct uint64 `json:"haechi.distinct,omitempty"`

	Actor

	// Port is the peer's source port, LocalPort the one it reached.
	Port      uint16 `json:"source.port,omitempty"`
	LocalPort uint16 `json:"destination.port,omitempty"`
	// Session numbers the connection within one run of the gateway.
	Session uint64 `json:"haechi.session,omitempty"`
	// Provoked marks a connect or close that the gateway itself caused (reload,
	// upstream down, approval changed); it is never held against the device.
	Provoked bool `json:"haechi.provoked,omitempty"`
	// TLS says that the peer's connection was encrypted when it happened. On the
	// events of a device, its absence means plain text.
	TLS bool `json:"tls.established,omitempty"`

	// Action, Verb: what the gateway answered in-band, and by which rule.
	Verdict   Action    `json:"haechi.verdict,omitempty"`
	Rule      string    `json:"rule.id,omitempty"`
	Ref       Reference `json:"event.reference,omitempty"`
	Observed  float64   `json:"haechi.observed,omitempty"`
	Threshold float64   `json:"haechi.threshold,omitempty"`
	// Window is the time the observed value was counted over, 0 if none.
	Window time.Duration `json:"haechi.window,omitempty"`
	// Shadow marks a verdict that was recorded but not applied.
	Shadow bool `json:"haechi.shadow,omitempty"`

	// Message: the frame's event name ("message", "analyze", "pong", "ping"),
	// the room and the log line for a person. Room is a name chosen by the peer.
	Frame string `json:"haechi.frame,omitempty"`
	Room  string `json:"haechi.room,omitempty"`

	// Request.
	Method    string `json:"http.request.method,omitempty"`
	Host      string `json:"url.domain,omitempty"`
	Path      string `json:"url.path,omitempty"`
	Status    int    `json:"http.response.status_code,omitempty"`
	Class     string `json:"haechi.class,omitempty"`
	UserAgent string `json:"user_agent.original,omitempty"`
	// Hits is the form of [Hits]: which rules of the WAF matched which variables.
	Hits string `json:"haechi.waf.hits,omitempty"`

	// BytesIn is what the peer sent, BytesOut what it was sent, in bytes.
	BytesIn  int64 `json:"source.bytes,omitempty"`
	BytesOut int64 `json:"destination.bytes,omitempty"`
	// Duration is how long the gateway and upstream worked on it, in nanoseconds.
	Duration time.Duration `json:"event.duration,omitempty"`

	// Flow is set by the sensors; of a connection that came over UDP, Transport by a gate.
	Flow

	// Text is one line for a person, on admin and system events and alerts. It is not
	// parsed by anything.
	Text string `json:"message,omitempty"`
}

// N is how many observations the event stands for, at least 1.
func (e *Event) N() uint64 {
	if e.Count == 0 {
		return 1
	}
	return e.Count
}

// Refusal reports whether the event is a refusal that was applied. The end of a
// connection that was refused is not another one: the close repeats the verdict and
// the reference of what it followed from.
func (e *Event) Refusal() bool {
	return !e.Shadow && e.Kind != KindClose && (e.Verdict >= Challenge || e.Verdict == Throttle && e.Outcome == Failure)
}
