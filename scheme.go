package haechi

import (
	"bytes"
	"time"
)

// Hash names the hash function of a MAC.
type Hash uint8

// The hashes. SHA1 and MD5 are weak; a profile has to say that it wants them.
const (
	SHA256 Hash = iota
	SHA512
	SHA1
	MD5
)

// Encoding says how a signature is written.
type Encoding uint8

// The encodings. HexLower refuses capital letters, as the public bot servers do;
// the base64 forms take text with and without padding.
const (
	HexLower Encoding = iota
	HexAny
	Base64
	Base64URL
)

// KeyForm says how the text of a secret becomes the bytes of a key.
type KeyForm uint8

// The forms.
const (
	KeyText KeyForm = iota // its UTF-8 bytes
	KeyHex
	KeyBase64
)

// Unit says how a timestamp is written.
type Unit uint8

// The units. Digits are exact, 13 for milliseconds and 10 for seconds: any other
// spelling of the same number would sign differently in another language.
const (
	Millis Unit = iota
	Seconds
	Layout
)

// SaltPart stands for the key's salt in the order of a [SignString].
const SaltPart = -1

// SignString is the order in which a claim's parts are signed.
type SignString struct {
	// Name is what [Key.Variant] names it by; the first of a scheme has none.
	Name string
	// Order are indices of the claim's parts, or SaltPart. Empty: all parts as they
	// stand, then the salt.
	Order []int
	// Labels are texts right before the part of the same place; empty: none.
	Labels []string
	// Delimiter joins the parts. No part may contain it, unless Ambiguous.
	Delimiter string
	Ambiguous bool
}

// Takes reports whether a part may stand in the string. Where the delimiter is a
// control character, no part may hold any.
func (s *SignString) Takes(part []byte) bool {
	switch {
	case s.Ambiguous || s.Delimiter == "":
		return true
	case s.Delimiter[0] < ' ':
		return !holdsControl(part)
	case len(s.Delimiter) == 1:
		return bytes.IndexByte(part, s.Delimiter[0]) < 0
	}
	return !bytes.Contains(part, []byte(s.Delimiter))
}

// holdsControl finds Unicode's control characters in valid UTF-8: below the space,
// delete, and U+0080 to U+009F, whose first byte is 0xC2.
func holdsControl(text []byte) bool {
	for i, c := range text {
		if c < ' ' || c == 0x7f || c == 0xc2 && i+1 < len(text) && text[i+1] < 0xa0 {
			return true
		}
	}
	return false
}

// Variant is the order of that name, nil if the scheme has none. The first order has
// no name.
func (s *Scheme) Variant(name string) *SignString {
	for i := range s.Strings {
		if s.Strings[i].Name == name {
			return &s.Strings[i]
		}
	}
	return nil
}

// Scheme says how the parts of a [Claim] are signed. It is part of a [Profile],
// immutable, and shared by all claims of a service.
type Scheme struct {
	Hash     Hash
	KeyForm  KeyForm
	Encoding Encoding
	Prefix   string // of the signature, for example "v0="
	// Strings are the orders to sign in: the first, unless the key names another.
	Strings []SignString
	// Unit is how the timestamp is written; Layout and Offset belong to the unit
	// Layout, Offset is in seconds east of UTC.
	Unit   Unit
	Layout string
	Offset int
	// Past and Future narrow the accepted skew of the clock; 0: the verifier's.
	Past, Future time.Duration
	// Strict takes no second frame under one signature, not even on the connection
	// that sent the first.
	Strict bool
	// Large says that a part may be as long as a frame.
	Large bool
	// Digest is the index of the part that hashes the whole frame, -1 if there is
	// none. Only such a signature binds what the frame says.
	Digest int
	// UUID, MAC and Addr are the indices of the parts by which a list of allowed
	// devices knows them, -1 if there is none.
	UUID, MAC, Addr int
	// Pin is the index of the part that a device is bound to, -1 if there is none.
	Pin int
}
