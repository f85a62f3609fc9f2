package haechi

import (
	"slices"
	"strconv"
	"time"
)

// Profile is a device protocol as data. It is written as YAML, which
// docs/profiles.md explains; this is the form in which the gate takes it. Paths are
// dotted member names from the top of a frame.
type Profile struct {
	Name    string
	Framing Framing
	// Event is the path of a frame's event name.
	Event string
	// Handshakes are the forms of a handshake; the first that fits is taken.
	Handshakes []Handshake
	// SameBot and SameDevice are paths that must equal the handshake's identity
	// wherever they are present.
	SameBot, SameDevice []string
	// Require are texts that every frame with a proof must have.
	Require []Equal
	Auth    Auth
	// Sign is the signature of every frame, Bind a second one that covers all of it,
	// nil if the profile has none; see [Binding].
	Sign Signing
	Bind *Signing
	Keys KeySource
	// Sequence is the path of a number that must rise from frame to frame of one
	// connection; empty: there is none.
	Sequence string
	Live     Liveness
	Refusal  Refusal
	// Messages are the events that a person sent, Room the paths of the room's name;
	// the first that is a text counts.
	Messages, Room []string
	// Queries are the frames that ask the server behind for data.
	Queries []Query
}

// FrameKind says how frames follow each other in a stream.
type FrameKind uint8

// The kinds of framing.
const (
	Lines        FrameKind = iota // one object a line
	LinesTail                     // with raw text behind the object
	LengthPrefix                  // the length of the object before it
	JSONStream                    // one object after the other
)

// Framing is how the bytes of a connection become frames, both ways.
type Framing struct {
	Kind FrameKind
	// Tail are the characters of a raw tail, TailEvents the events that may have one.
	Tail       string
	TailEvents []string
	// PrefixBytes is the size of a length prefix, 2 or 4.
	PrefixBytes  int
	LittleEndian bool
}

// Handshake is one form of handshake.
type Handshake struct {
	// Equals, Exists and Missing mark it; Foreign are paths that must not exist
	// beside it, so that no frame can be read as two handshakes.
	Equals                   []Equal
	Exists, Missing, Foreign []string
	// Bot is the path of the bot's name, unless BotLiteral is the name itself.
	Bot, BotLiteral         string
	Device, Version, Client string
	// Fields are all bounded texts of the handshake.
	Fields []Field
}

// Equal wants a text at a path to read so, or, if Bare, a number, true or false.
type Equal struct {
	Path, Text string
	Bare       bool
}

// Field bounds one text of a handshake.
type Field struct {
	Path     string
	Max      int    // characters
	Pattern  string // regular expression (RE2) that it must match; empty: any
	Required bool
}

// Auth is where the proof of a frame lies.
type Auth struct {
	At string // path of an object that must be there; empty: none
	// Handshake says that the handshake is signed too.
	Handshake bool
	// Exempt are events that need no proof.
	Exempt []string
}

// PartKind says what is signed.
type PartKind uint8

// The kinds of parts.
const (
	PartField       PartKind = iota // the text at a path
	PartLiteral                     // a text of the profile
	PartRaw                         // the raw tail
	PartBody                        // the JSON at a path, as sent
	PartBodySHA256                  // its SHA-256, in lower-case hex
	PartFrameSHA256                 // that of the frame, the signature's characters replaced by 0
	PartRemoteIP                    // the client's address
	PartDevice                      // the device key
)

// SignPart is one part of a string to sign. Text is the path or the literal.
type SignPart struct {
	Kind     PartKind
	Text     string
	Optional bool // may be missing, and is empty then
}

// Signing is one signature of a frame: where it lies and what it covers.
type Signing struct {
	// Signature and KeyID are paths; KeyID may be empty.
	Signature, KeyID string
	// Timestamp is the path of the time, one of the parts; Nonce, if any, too. A
	// nonce is 16 to 64 letters, digits, dashes and underscores.
	Timestamp, Nonce string
	Parts            []SignPart
	Scheme           *Scheme
}

// KeySource says whose the keys are.
type KeySource uint8

// The sources.
const (
	KeysOfDevice KeySource = iota // the registry's, one for each device
	KeysOfBot                     // the service's key file, one for each bot
	KeysGlobal                    // the service's key file, one for all
)

// Liveness is how a device shows that it is there now.
type Liveness struct {
	// Send is the frame that the gate sends, with {bot} {device} {stamp} {nonce};
	// empty: the signed handshake is the proof.
	Send string
	// StampUnit, StampLayout and StampOffset write {stamp}; the offset is in seconds
	// east of UTC.
	StampUnit   Unit
	StampLayout string
	StampOffset int
	// Answers are the events that answer it. Echo is the path by which an answer
	// returns {nonce}, if EchoNonce, or {stamp}; MustEcho refuses one that does not.
	Answers             []string
	Echo                string
	EchoNonce, MustEcho bool
}

// After says what follows a refusal.
type After uint8

// What may follow.
const (
	AfterReason After = iota // held or closed by the reason, see docs/device-gate.md
	AfterClose
	AfterHold
	AfterSilence // closed without a word
)

// Refusal is what a refused device is told.
type Refusal struct {
	Send  string // the frame, with {code} {text} {reference}
	After After
}

// Query marks a frame that asks the server behind for data.
type Query struct {
	Event string
	Where []Equal
}

// Binding says whether a service wants the second signature, which covers the whole
// frame.
type Binding uint8

// The bindings.
const (
	BindOff     Binding = iota
	BindAccept          // verified where there is one; once begun, every frame needs it
	BindRequire         // every frame needs it
)

// PinMode says to what a service binds its devices beyond their keys.
type PinMode uint8

// The modes.
const (
	PinFirst PinMode = iota // the identity that the first proved session signed
	PinEqual                // that, and it has to be the device id of the handshake
	PinOff
)

// Moment writes a time by a unit.
func (u Unit) Moment(t time.Time, layout string, offset int) string {
	switch u {
	case Millis:
		return strconv.FormatInt(t.UnixMilli(), 10)
	case Seconds:
		return strconv.FormatInt(t.Unix(), 10)
	}
	return t.In(time.FixedZone("", offset)).Format(layout)
}

// Paths lists every path of the profile once, in an order of its own.
func (p *Profile) Paths() []string {
	var out []string
	add := func(paths ...string) {
		for _, path := range paths {
			if path != "" && !slices.Contains(out, path) {
				out = append(out, path)
			}
		}
	}
	equals := func(list []Equal) {
		for _, e := range list {
			add(e.Path)
		}
	}
	add(p.Event, p.Auth.At, p.Sequence, p.Live.Echo)
	for i := range p.Handshakes {
		h := &p.Handshakes[i]
		equals(h.Equals)
		add(h.Exists...)
		add(h.Missing...)
		add(h.Foreign...)
		add(h.Bot, h.Device, h.Version, h.Client)
		for _, f := range h.Fields {
			add(f.Path)
		}
	}
	p.Sign.paths(add)
	if p.Bind != nil {
		p.Bind.paths(add)
	}
	add(p.SameBot...)
	add(p.SameDevice...)
	add(p.Room...)
	equals(p.Require)
	for _, q := range p.Queries {
		equals(q.Where)
	}
	return out
}

func (s *Signing) paths(add func(...string)) {
	add(s.Signature, s.KeyID, s.Timestamp, s.Nonce)
	for _, part := range s.Parts {
		if part.Kind != PartLiteral {
			add(part.Text)
		}
	}
}
