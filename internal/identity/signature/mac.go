package signature

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"

	"haechi"
)

// mac is the kept hash state of one key. Resetting it costs half of making it,
// and allocates nothing.
type mac struct {
	id           string
	secret, salt []byte
	hash         haechi.Hash
	form         haechi.KeyForm
	h            hash.Hash // nil: the secret is no key in this form
	lastUse      int64     // Unix milliseconds, 0: never
}

func newMAC(k *haechi.Key, s *haechi.Scheme) *mac {
	m := &mac{id: k.ID, secret: bytes.Clone(k.Secret), salt: bytes.Clone(k.Salt), hash: s.Hash, form: s.KeyForm}
	if key, ok := KeyBytes(s.KeyForm, k.Secret); ok {
		m.h = hmac.New(hasher(s.Hash), key)
	}
	return m
}

func hasher(h haechi.Hash) func() hash.Hash {
	switch h {
	case haechi.SHA512:
		return sha512.New
	case haechi.SHA1:
		return sha1.New
	case haechi.MD5:
		return md5.New
	}
	return sha256.New
}

// KeyBytes are the bytes of a secret in that form; ok is false if it is none.
func KeyBytes(form haechi.KeyForm, secret haechi.Secret) (key []byte, ok bool) {
	var err error
	switch form {
	case haechi.KeyHex:
		key, err = hex.AppendDecode(nil, secret)
	case haechi.KeyBase64:
		key, err = base64.RawStdEncoding.AppendDecode(nil, bytes.TrimRight(secret, "="))
	default:
		key = secret
	}
	return key, err == nil && len(key) > 0
}

// is reports whether the state belongs to exactly this key: an id may be given
// again to another secret.
func (m *mac) is(k *haechi.Key) bool {
	return m.id == k.ID && subtle.ConstantTimeCompare(m.secret, k.Secret) == 1 &&
		subtle.ConstantTimeCompare(m.salt, k.Salt) == 1
}

// verify tells whether want is the MAC of the claim, in time that does not
// depend on want. buf and sum are scratch that belongs to the caller.
func (m *mac) verify(c *haechi.Claim, s *haechi.SignString, want, buf []byte, sum *[maxSum]byte) (bool, []byte) {
	if m.h == nil || s == nil {
		return false, buf
	}
	m.h.Reset()
	if c.Scheme.Large {
		m.pieces(s, c.Parts[:c.N])
	} else {
		buf = signString(buf[:0], m.salt, s, c.Parts[:c.N])
		m.h.Write(buf)
	}
	return subtle.ConstantTimeCompare(m.h.Sum(sum[:0]), want) == 1, buf
}

// pieces hashes what may be as long as a frame without putting it together.
func (m *mac) pieces(s *haechi.SignString, parts [][]byte) {
	for i, at := range s.Order {
		if i > 0 {
			m.h.Write([]byte(s.Delimiter))
		}
		if i < len(s.Labels) {
			m.h.Write([]byte(s.Labels[i]))
		}
		if at == haechi.SaltPart {
			m.h.Write(m.salt)
		} else {
			m.h.Write(parts[at])
		}
	}
}

// forget wipes the copies of the secret; the state itself is garbage then.
func (m *mac) forget() {
	clear(m.secret)
	clear(m.salt)
}
