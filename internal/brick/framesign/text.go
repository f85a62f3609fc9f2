package framesign

import (
	"encoding/hex"
	"unicode"
	"unicode/utf8"
)

const (
	// Version is the first line of the text to sign.
	Version = "haechi-sign/1"
	// Size is the length of a signature in characters.
	Size = 64
	// MaxText bounds the text to sign, in bytes.
	MaxText = 4096
	// TimeDigits is the exact length of a timestamp in Unix milliseconds: any
	// other spelling of the number would sign differently here and there.
	TimeDigits = 13
)

// Direction is who speaks.
type Direction uint8

// The directions.
const (
	Up   Direction = iota // device to server
	Down                  // server to device
)

// String is the word that is signed.
func (d Direction) String() string {
	if d == Down {
		return "down"
	}
	return "up"
}

// Text is what is signed beside the frame itself: decoded texts, and the literal
// digits of the timestamp.
type Text struct {
	KeyID, Device []byte
	Direction     Direction
	Nonce         []byte
	Timestamp     []byte
	Event         []byte
}

// Fault is why the values cannot be signed.
func (t *Text) Fault() Fault {
	size := len(Version) + len("down") + 2*Size
	for _, v := range [...][]byte{t.KeyID, t.Device, t.Nonce, t.Timestamp, t.Event} {
		size += len(v)
		if !plain(v) || size > MaxText {
			return BadField
		}
	}
	if !digits(t.Timestamp) || len(t.Timestamp) != TimeDigits {
		return BadTime
	}
	return OK
}

// append writes the text to sign; hash is that of the blanked frame.
func (t *Text) append(dst, hash []byte) []byte {
	dst = append(append(dst, Version...), '\n')
	dst = append(append(dst, t.KeyID...), '\n')
	dst = append(append(dst, t.Device...), '\n')
	dst = append(append(dst, t.Direction.String()...), '\n')
	dst = append(append(dst, t.Nonce...), '\n')
	dst = append(append(dst, t.Timestamp...), '\n')
	dst = append(append(dst, t.Event...), '\n')
	return hex.AppendEncode(dst, hash)
}

// plain reports whether the value is a text that may stand on a line of its own:
// not empty, valid UTF-8, without control characters (Unicode's Cc).
func plain(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	for i := 0; i < len(b); {
		if c := b[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 || unicode.IsControl(r) {
			return false
		}
		i += n
	}
	return true
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}
