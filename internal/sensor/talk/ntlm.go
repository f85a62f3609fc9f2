package talk

import (
	"bytes"
	"encoding/binary"
)

// The messages of NTLM (MS-NLMP section 2.2).
const (
	NTLMNegotiate    = 1
	NTLMChallenge    = 2
	NTLMAuthenticate = 3
)

// NTLM finds an NTLM message in b, wherever it begins: which one it is, 0 for none, and
// of the third the user.
func NTLM(b []byte) (user string, step int) {
	i := bytes.Index(b, []byte("NTLMSSP\x00"))
	if i < 0 || len(b) < i+12 {
		return "", 0
	}
	b = b[i:]
	step = int(binary.LittleEndian.Uint32(b[8:]))
	const userAt, flagsAt = 36, 60
	if step != NTLMAuthenticate || len(b) < flagsAt+4 {
		return "", step
	}
	n, at := int(binary.LittleEndian.Uint16(b[userAt:])), int(binary.LittleEndian.Uint32(b[userAt+4:]))
	if at > len(b) || n > len(b)-at {
		return "", step
	}
	if binary.LittleEndian.Uint32(b[flagsAt:])&1 != 0 {
		return Wide(b[at : at+n]), step
	}
	return Text(b[at : at+n]), step
}
