package talk

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
)

// The messages of NTLM (MS-NLMP section 2.2).
const (
	ntlmNegotiate    = 1
	ntlmChallenge    = 2
	ntlmAuthenticate = 3
)

// ntlmUser finds an NTLM message in b, wherever it begins: which one it is, 0 for none, and
// of the third the user.
func ntlmUser(b []byte) (user string, step int) {
	i := bytes.Index(b, []byte("NTLMSSP\x00"))
	if i < 0 || len(b) < i+12 {
		return "", 0
	}
	b = b[i:]
	step = int(binary.LittleEndian.Uint32(b[8:]))
	const userAt, flagsAt = 36, 60
	if step != ntlmAuthenticate || len(b) < flagsAt+4 {
		return "", step
	}
	n, at := int(binary.LittleEndian.Uint16(b[userAt:])), int(binary.LittleEndian.Uint32(b[userAt+4:]))
	if at > len(b) || n > len(b)-at {
		return "", step
	}
	if binary.LittleEndian.Uint32(b[flagsAt:])&1 != 0 {
		return utf16Text(b[at : at+n]), step
	}
	return text(b[at : at+n]), step
}

// utf16Text reads little-endian UTF-16.
func utf16Text(b []byte) string {
	out := make([]byte, 0, min(len(b)/2, MaxText))
	for len(b) >= 2 && len(out) < MaxText {
		r := rune(binary.LittleEndian.Uint16(b))
		b = b[2:]
		if utf16.IsSurrogate(r) && len(b) >= 2 {
			r = utf16.DecodeRune(r, rune(binary.LittleEndian.Uint16(b)))
			b = b[2:]
		}
		out = append(out, string(r)...)
	}
	return text(out)
}
