package signature

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"time"

	"haechi"
)

const (
	// maxSigned bounds the string to sign; an honest one has about 120 bytes.
	maxSigned = 4096
	// digits is the exact length of a timestamp in Unix milliseconds. Any other
	// spelling of the same number would sign differently here and there.
	digits = 13
)

// wellFormed reports why a claim cannot be judged at all, and its timestamp in
// Unix milliseconds.
func wellFormed(c *haechi.Claim) (ms int64, why haechi.Reason) {
	if len(c.Signature) == 0 || c.N == 0 {
		return 0, haechi.ReasonAuthMissing
	}
	if c.N < 0 || c.N > haechi.MaxClaimParts {
		return 0, haechi.ReasonMalformed
	}
	size, signed := 0, c.Scheme.Digest >= 0 // who hashes the frame signs all of it
	only := len(c.Scheme.Strings) == 1
	for _, p := range c.Parts[:c.N] {
		size += len(p) + 1
		signed = signed || bytes.Equal(p, c.Timestamp)
		if size > maxSigned && !c.Scheme.Large || only && !c.Scheme.Strings[0].Takes(p) {
			return 0, haechi.ReasonMalformed
		}
	}
	ms, ok := moment(c)
	if !ok || !signed {
		return 0, haechi.ReasonMalformed
	}
	return ms, ""
}

// takes reports whether no part could be read as two.
func takes(s *haechi.SignString, c *haechi.Claim) bool {
	for _, p := range c.Parts[:c.N] {
		if !s.Takes(p) {
			return false
		}
	}
	return true
}

// moment reads a claim's timestamp, in Unix milliseconds.
func moment(c *haechi.Claim) (ms int64, ok bool) {
	switch s := c.Scheme; s.Unit {
	case haechi.Seconds:
		sec, ok := digitsOf(c.Timestamp, 10)
		return sec * 1000, ok
	case haechi.Layout:
		t, err := time.Parse(s.Layout, string(c.Timestamp))
		return t.UnixMilli() - int64(s.Offset)*1000, err == nil
	}
	return digitsOf(c.Timestamp, digits)
}

// digitsOf reads exactly n decimal digits.
func digitsOf(text []byte, n int) (v int64, ok bool) {
	if len(text) != n {
		return 0, false
	}
	for _, d := range text {
		if d < '0' || d > '9' {
			return 0, false
		}
		v = v*10 + int64(d-'0')
	}
	return v, true
}

// maxSum is the length of the longest MAC, in bytes.
const maxSum = sha512.Size

// decode reads a signature as the scheme writes it.
func decode(dst *[maxSum]byte, s *haechi.Scheme, text []byte) (sum []byte, ok bool) {
	if !bytes.HasPrefix(text, []byte(s.Prefix)) {
		return nil, false
	}
	text, sum = text[len(s.Prefix):], dst[:sumSize(s.Hash)]
	switch s.Encoding {
	case haechi.HexLower:
		return sum, lowerHex(sum, text)
	case haechi.HexAny:
		if len(text) != 2*len(sum) {
			return nil, false
		}
		_, err := hex.Decode(sum, text)
		return sum, err == nil
	}
	enc := base64.RawStdEncoding
	if s.Encoding == haechi.Base64URL {
		enc = base64.RawURLEncoding
	}
	text = bytes.TrimRight(text, "=")
	if len(text) != enc.EncodedLen(len(sum)) {
		return nil, false
	}
	n, err := enc.Decode(dst[:enc.DecodedLen(len(text))], text)
	return sum, err == nil && n == len(sum)
}

func sumSize(h haechi.Hash) int {
	switch h {
	case haechi.SHA512:
		return sha512.Size
	case haechi.SHA1:
		return 20
	case haechi.MD5:
		return 16
	}
	return 32
}

// lowerHex decodes lower-case hex characters, two for each byte. The servers behind compare the
// text, so upper-case hex, which encoding/hex would take, is no signature.
func lowerHex(dst, text []byte) bool {
	if len(text) != 2*len(dst) {
		return false
	}
	for i := range dst {
		hi, lo := nibble(text[2*i]), nibble(text[2*i+1])
		if hi > 15 || lo > 15 {
			return false
		}
		dst[i] = hi<<4 | lo
	}
	return true
}

func nibble(c byte) byte { return nibbles[c] }

// nibbles is the value of each lower-case hex digit, 0xff for every other byte. A
// table takes a tenth of the time of comparing: what a signature's next digit is,
// no branch predictor can guess.
const nibbles = "" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\x0a\x0b\x0c\x0d\x0e\x0f\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
	"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
