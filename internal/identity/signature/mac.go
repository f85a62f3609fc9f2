package signature

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"hash"

	"haechi"
)

// mac is the kept hash state of one key. Resetting it costs half of making it,
// and allocates nothing.
type mac struct {
	id           string
	secret, salt []byte
	h            hash.Hash
	lastUse      int64 // Unix milliseconds, 0: never
}

func newMAC(k *haechi.Key) *mac {
	return &mac{
		id: k.ID, secret: bytes.Clone(k.Secret), salt: bytes.Clone(k.Salt),
		h: hmac.New(sha256.New, k.Secret),
	}
}

// is reports whether the state belongs to exactly this key: an id may be given
// again to another secret.
func (m *mac) is(k *haechi.Key) bool {
	return m.id == k.ID && subtle.ConstantTimeCompare(m.secret, k.Secret) == 1 &&
		subtle.ConstantTimeCompare(m.salt, k.Salt) == 1
}

// verify tells whether want is the MAC of the claim, in time that does not
// depend on want. buf and sum are scratch that belongs to the caller.
func (m *mac) verify(c *haechi.Claim, want *[32]byte, buf []byte, sum *[32]byte) (bool, []byte) {
	buf = signString(buf[:0], m.salt, c.Parts[:c.N])
	m.h.Reset()
	m.h.Write(buf)
	m.h.Sum(sum[:0])
	return subtle.ConstantTimeCompare(sum[:], want[:]) == 1, buf
}

// forget wipes the copies of the secret; the state itself is garbage then.
func (m *mac) forget() {
	clear(m.secret)
	clear(m.salt)
}
