package framesign

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
)

// blank stands for the signature's value while the frame is hashed.
const blank = "0000000000000000000000000000000000000000000000000000000000000000"

// MAC signs and verifies with one key. It keeps the states of its hashes, so that
// using it allocates nothing.
type MAC struct {
	mac, sha hash.Hash
	zeros    []byte
	buf      []byte
	sum      [sha256.Size]byte
	hex      [Size]byte
}

// NewMAC returns the MAC of a key: the bytes of the device's secret.
func NewMAC(secret []byte) *MAC {
	return &MAC{mac: hmac.New(sha256.New, secret), sha: sha256.New(), zeros: []byte(blank)}
}

// Canonical is the text to sign for the frame, in which the 64 characters from at
// on are the signature's value. It holds until the MAC is used again.
func (m *MAC) Canonical(t *Text, frame []byte, at int) ([]byte, Fault) {
	if f := t.Fault(); f != OK {
		return nil, f
	}
	if at < 1 || at+Size >= len(frame) || frame[at-1] != '"' || frame[at+Size] != '"' {
		return nil, BadForm
	}
	m.sha.Reset()
	m.sha.Write(frame[:at])
	m.sha.Write(m.zeros)
	m.sha.Write(frame[at+Size:])
	m.buf = t.append(m.buf[:0], m.sha.Sum(m.sum[:0]))
	return m.buf, OK
}

// Sign writes the signature into the frame, at its 64 characters from at on.
func (m *MAC) Sign(t *Text, frame []byte, at int) Fault {
	text, f := m.Canonical(t, frame, at)
	if f == OK {
		hex.Encode(frame[at:at+Size], m.of(text))
	}
	return f
}

// Verify tells whether the frame's signature is right, in time that does not
// depend on where it is wrong.
func (m *MAC) Verify(t *Text, frame []byte, at int) Fault {
	text, f := m.Canonical(t, frame, at)
	if f != OK {
		return f
	}
	got := frame[at : at+Size]
	if !lowerHex(got) {
		return BadForm
	}
	hex.Encode(m.hex[:], m.of(text))
	if subtle.ConstantTimeCompare(m.hex[:], got) != 1 {
		return Mismatch
	}
	return OK
}

func (m *MAC) of(text []byte) []byte {
	m.mac.Reset()
	m.mac.Write(text)
	return m.mac.Sum(m.sum[:0])
}

// lowerHex wants 64 of the sixteen digits: encoding/hex would take capitals, which
// other readers do not.
func lowerHex(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(b) == Size
}

// Legacy is the older signature of the messengerbot profile: the fields and then
// the salt, joined by "|". The protocol does not escape it, so a field that holds
// one is refused.
func (m *MAC) Legacy(salt []byte, fields ...[]byte) (string, Fault) {
	m.buf = m.buf[:0]
	for _, f := range fields {
		for _, c := range f {
			if c == '|' {
				return "", BadField
			}
		}
		m.buf = append(append(m.buf, f...), '|')
	}
	m.buf = append(m.buf, salt...)
	return hex.EncodeToString(m.of(m.buf)), OK
}
