package haechi

import (
	"net/netip"
	"time"
)

// Transport is the protocol above IP (ECS network.transport).
type Transport uint8

// The transports that are told apart.
const (
	TransportNone Transport = iota
	TCP
	UDP
	ICMP
	ICMPv6
	SCTP
	OtherTransport
)

func transportNames() []string {
	return []string{"", "tcp", "udp", "icmp", "ipv6-icmp", "sctp", "other"}
}

// String names the transport.
func (t Transport) String() string { return enumText(transportNames(), t) }

// MarshalText implements encoding.TextMarshaler.
func (t Transport) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Transport) UnmarshalText(b []byte) (err error) {
	*t, err = parseEnum[Transport]("transport", transportNames(), string(b))
	return err
}

// FlowPhase says at which point of its life a flow is told of.
type FlowPhase uint8

// The phases. A flow has one FlowBegin, at most a FlowUpdate every few seconds and
// one FlowEnd; amounts are since its begin, not since the last event.
const (
	FlowNone FlowPhase = iota
	FlowBegin
	FlowUpdate
	FlowEnd
)

func flowPhaseNames() []string { return []string{"", "begin", "update", "end"} }

// String names the phase.
func (p FlowPhase) String() string { return enumText(flowPhaseNames(), p) }

// MarshalText implements encoding.TextMarshaler.
func (p FlowPhase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *FlowPhase) UnmarshalText(b []byte) (err error) {
	*p, err = parseEnum[FlowPhase]("flow phase", flowPhaseNames(), string(b))
	return err
}

// FlowState is what became of a conversation so far.
type FlowState uint8

// The states. An address is believed (Assurance Handshaken) once a TCP handshake was
// completed by somebody who heard the other end; a question over UDP proves nothing, even
// where it is answered.
const (
	FlowUnknown     FlowState = iota
	FlowAttempt               // the initiator spoke, nobody answered
	FlowHalfOpen              // a SYN was answered by a SYN-ACK, and that by nothing
	FlowRejected              // answered by RST or ICMP unreachable
	FlowEstablished           // both sides spoke (UDP), or the handshake completed (TCP)
	FlowClosed                // ended by FIN of both sides, or idle (UDP)
	FlowReset                 // established, then ended by RST
	FlowMidstream             // its begin was not seen; who initiated is a guess
	FlowAnswerOnly            // only answers were seen: SYN-ACK, RST, unreachable; backscatter looks so
)

func flowStateNames() []string {
	return []string{"unknown", "attempt", "half_open", "rejected", "established", "closed", "reset", "midstream", "answer_only"}
}

// String names the state.
func (s FlowState) String() string { return enumText(flowStateNames(), s) }

// MarshalText implements encoding.TextMarshaler.
func (s FlowState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *FlowState) UnmarshalText(b []byte) (err error) {
	*s, err = parseEnum[FlowState]("flow state", flowStateNames(), string(b))
	return err
}

// Flow is what a sensor adds to an event: who was spoken to, and how. Actor.Addr is
// the initiator, Event.Port its port, Event.LocalPort the port it reached,
// Event.BytesIn what the initiator sent and Event.BytesOut what it was sent, both at
// the IP layer. It is zero on the events of the gates.
type Flow struct {
	// Sensor says who saw it: "capture", "conntrack", "netflow", "zeek", "suricata",
	// or "log:" and the name of the pattern.
	Sensor string `json:"observer.name,omitempty"`
	// Target is the address that was spoken to.
	Target    netip.Addr `json:"destination.ip,omitzero"`
	Transport Transport  `json:"network.transport,omitempty"`
	// Protocol is the application's, lower case: "ssh", "dns", "http", "tls", "smb",
	// "dcerpc", "ftp", …; empty when it is not known.
	Protocol string    `json:"network.protocol,omitempty"`
	Phase    FlowPhase `json:"haechi.flow.phase,omitempty"`
	State    FlowState `json:"haechi.flow.state,omitempty"`
	// Before is the state that was told last of this conversation, by a sensor that tells of
	// each change; FlowUnknown of its first event, and where the sensor does not know.
	Before FlowState `json:"-"`
	// Start is the time of the flow's first packet.
	Start time.Time `json:"event.start,omitzero"`
	// PacketsIn and PacketsOut go with BytesIn and BytesOut.
	PacketsIn  uint64 `json:"source.packets,omitempty"`
	PacketsOut uint64 `json:"destination.packets,omitempty"`
	// FlagsIn and FlagsOut are the TCP flags seen from the initiator and from the
	// target, or-ed together (FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32). First are
	// those of the first packet. For ICMP, First is the type. FlagsIn has 64 while the
	// initiator takes no more (its window is 0).
	FlagsIn  uint8 `json:"haechi.flow.flags_in,omitempty"`
	FlagsOut uint8 `json:"haechi.flow.flags_out,omitempty"`
	First    uint8 `json:"haechi.flow.first,omitempty"`
	// Fragments counts IP fragments, Malformed packets no honest stack makes (tiny or
	// overlapping fragments, LAND, impossible flags).
	Fragments uint32 `json:"haechi.flow.fragments,omitempty"`
	Malformed uint32 `json:"haechi.flow.malformed,omitempty"`
	// Name is what was asked for: the DNS name of a lookup, the SNI of a hello, the
	// share, pipe, service or interface of a call.
	Name string `json:"haechi.name,omitempty"`
	// Type is the kind of Name: a DNS type ("A", "TXT"), the operation of a call
	// ("svcctl.CreateServiceW").
	Type string `json:"haechi.type,omitempty"`
	// Headers says which of some telling headers an HTTP request had, see [Headers].
	Headers Headers `json:"haechi.headers,omitempty"`
	// Answers are the first addresses of a lookup's answer.
	Answers [2]netip.Addr `json:"haechi.answers,omitzero"`
}

// Headers is a set of HTTP request headers whose presence or absence tells what kind of
// client sent it. It is 0 when nobody looked, and has at least [HeadersRead] otherwise.
type Headers uint8

// The headers.
const (
	HeadersRead    Headers = 1 << iota // the head was read to its end
	HasAccept                          // Accept: every browser sends it
	HasLanguage                        // Accept-Language
	HasEncoding                        // Accept-Encoding
	HasReferer                         // Referer or Origin
	HasCookie                          // Cookie
	HasCredentials                     // Authorization or Proxy-Authorization
)
