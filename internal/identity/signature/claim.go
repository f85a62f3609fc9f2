package signature

import (
	"bytes"

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
	size, signed := 0, false
	for _, p := range c.Parts[:c.N] {
		size += len(p) + 1
		signed = signed || bytes.Equal(p, c.Timestamp)
		if size > maxSigned || bytes.IndexByte(p, delimiter) >= 0 {
			return 0, haechi.ReasonMalformed
		}
	}
	ms, ok := milliseconds(c.Timestamp)
	if !ok || !signed {
		return 0, haechi.ReasonMalformed
	}
	return ms, ""
}

// milliseconds reads exactly 13 decimal digits.
func milliseconds(text []byte) (ms int64, ok bool) {
	if len(text) != digits {
		return 0, false
	}
	for _, d := range text {
		if d < '0' || d > '9' {
			return 0, false
		}
		ms = ms*10 + int64(d-'0')
	}
	return ms, true
}

// lowerHex decodes 64 lower-case hex characters. The servers behind compare the
// text, so upper-case hex, which encoding/hex would take, is no signature.
func lowerHex(dst *[32]byte, text []byte) bool {
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
