package demo

import (
	"bytes"
	"strings"
	"time"
)

// Fault is one way in which a frame or a connection can be wrong.
type Fault uint8

// The faults.
const (
	NoFault      Fault = iota
	NoAuth             // a message without auth
	BadSignature       // the last digit of the signature is another
	UpperKey           // "SIGNATURE" beside the real "signature"
	DuplicateKey       // "signature" twice
	ForeignBot         // the body names another bot than auth does
	BigLine            // a line of 2 MiB
	OldFrame           // signed an hour ago
	// Replay sends a frame of one connection again, to the byte, as the proof of
	// another; Graft answers the ping of another connection with the captured auth.
	Replay
	Graft
	BareHandshake // names a device and then says nothing
)

// Faults are all of them, in order.
func Faults() []Fault {
	return []Fault{NoAuth, BadSignature, UpperKey, DuplicateKey, ForeignBot, BigLine, OldFrame, Replay, Graft, BareHandshake}
}

// String names the fault.
func (f Fault) String() string {
	names := []string{"none", "no auth", "bad signature", "upper-cased key", "duplicate key", "foreign bot name",
		"2 MiB line", "old frame", "replay on another connection", "graft on another connection", "bare handshake"}
	if int(f) < len(names) {
		return names[f]
	}
	return "unknown"
}

const bigLine = 2 << 20

// spoiled is a chat message with the fault in it. Faults of whole connections
// leave the message good.
func (id Identity) spoiled(f Fault, ip, room, text string, now time.Time) []byte {
	a, bot := id.auth(ip, now), id.Bot
	switch f {
	case NoAuth:
		a = nil
	case BadSignature:
		a.Signature = flip(a.Signature)
	case ForeignBot:
		bot += "-other"
	case BigLine:
		text = strings.Repeat("가", bigLine/3+1)
	case OldFrame:
		a = id.auth(ip, now.Add(-time.Hour))
	}
	frame := id.chat(a, bot, room, text, now)
	switch f {
	case UpperKey:
		return beside(frame, `"SIGNATURE":"`+strings.Repeat("0", 64)+`"`)
	case DuplicateKey:
		return beside(frame, `"signature":"`+strings.Repeat("0", 64)+`"`)
	}
	return frame
}

// beside puts another member in front of the signature.
func beside(frame []byte, member string) []byte {
	return bytes.Replace(frame, []byte(`"signature":`), []byte(member+`,"signature":`), 1)
}

func flip(signature string) string {
	last := byte('0')
	if strings.HasSuffix(signature, "0") {
		last = '1'
	}
	return signature[:len(signature)-1] + string(last)
}
