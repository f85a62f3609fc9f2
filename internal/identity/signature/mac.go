package signature

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"hash/maphash"

	"haechi"
)

// mac is the kept hash state of one key: what HMAC makes of the key before it sees the
// message (RFC 2104 section 4), which is half of its work.
type mac struct {
	next    *mac
	id      string
	print   uint64 // of the secret and the salt: an id may be given again to another secret
	lastUse int64  // Unix milliseconds, 0: never
	state   *state // nil while the device is silent
	hash    haechi.Hash
	form    haechi.KeyForm
	usable  bool // the secret is a key in this form
}

// state is, of SHA-256, which nearly every device signs with, the two chaining values and
// no more.
type state struct {
	inner, outer [sha256.Size]byte
	other        hash.Hash // of another hash; nil: SHA-256
}

// recall makes the state again, if it was forgotten.
func (m *mac) recall(w *work, k *haechi.Key) {
	if m.state != nil || !m.usable {
		return
	}
	key, ok := KeyBytes(m.form, k.Secret)
	if m.usable = ok; !ok {
		return
	}
	m.state = new(state)
	if m.hash != haechi.SHA256 || !w.chain(&m.state.inner, &m.state.outer, key) {
		m.state.other = hmac.New(hasher(m.hash), key)
	}
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

// verify tells whether want is the MAC of the claim, in time that does not
// depend on want.
func (m *mac) verify(w *work, c *haechi.Claim, s *haechi.SignString, salt haechi.Secret, want []byte) bool {
	if !m.usable || s == nil {
		return false
	}
	h, ok := m.begin(w)
	if !ok {
		return false
	}
	if c.Scheme.Large {
		pieces(h, s, salt, c.Parts[:c.N])
	} else {
		w.buf = signString(w.buf[:0], salt, s, c.Parts[:c.N])
		h.Write(w.buf)
	}
	sum, ok := m.end(w, h)
	return subtle.ConstantTimeCompare(sum, want) == 1 && ok
}

// begin is the hash that takes the message.
func (m *mac) begin(w *work) (h hash.Hash, ok bool) {
	if other := m.state.other; other != nil {
		other.Reset()
		return other, true
	}
	return w.sha, w.resume(&m.state.inner)
}

// end is the MAC of what was written.
func (m *mac) end(w *work, h hash.Hash) (sum []byte, ok bool) {
	sum = h.Sum(w.sum[:0])
	if m.state.other != nil {
		return sum, true
	}
	if ok = w.resume(&m.state.outer); ok {
		h.Write(sum)
	}
	return h.Sum(w.sum[:0]), ok
}

// pieces hashes what may be as long as a frame without putting it together.
func pieces(h hash.Hash, s *haechi.SignString, salt haechi.Secret, parts [][]byte) {
	for i, at := range s.Order {
		if i > 0 {
			h.Write([]byte(s.Delimiter))
		}
		if i < len(s.Labels) {
			h.Write([]byte(s.Labels[i]))
		}
		if at == haechi.SaltPart {
			h.Write(salt)
		} else {
			h.Write(parts[at])
		}
	}
}

// forget wipes what is as good as the secret; the state itself is garbage then.
func (m *mac) forget() {
	if m.state != nil {
		*m.state = state{}
		m.state = nil
	}
}

// The form in which crypto/sha256 writes its state down: a mark, the chaining value,
// the block under way, how much was hashed.
const (
	shaMark  = "sha\x03"
	shaBlock = len(shaMark) + sha256.Size
	shaSize  = shaBlock + sha256.BlockSize
)

// work is the working memory of verifying. It serves one claim at a time.
type work struct {
	seed  maphash.Seed
	sha   hash.Hash
	state encoding.BinaryUnmarshaler // sha itself
	text  [shaSize + 8]byte          // a state after one block, all but the chaining value
	buf   []byte                     // the string to sign
	sum   [maxSum]byte
}

func newWork(seed maphash.Seed) *work {
	w := &work{seed: seed, sha: sha256.New(), buf: make([]byte, 0, 256)}
	w.state = w.sha.(encoding.BinaryUnmarshaler)
	copy(w.text[:], shaMark)
	binary.BigEndian.PutUint64(w.text[shaSize:], sha256.BlockSize)
	return w
}

// resume goes on behind the block of a key. False means that crypto/sha256 does not
// take the state.
func (w *work) resume(chain *[sha256.Size]byte) bool {
	copy(w.text[len(shaMark):], chain[:])
	return w.state.UnmarshalBinary(w.text[:]) == nil
}

// chain finds the chaining values behind the two blocks of a key (RFC 2104 section 2).
// False means that crypto/sha256 writes its state in another form than this package
// knows.
func (w *work) chain(inner, outer *[sha256.Size]byte, key []byte) bool {
	if len(key) > sha256.BlockSize {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	return w.block(inner, key, 0x36) && w.block(outer, key, 0x5c)
}

func (w *work) block(to *[sha256.Size]byte, key []byte, pad byte) bool {
	var block [sha256.BlockSize]byte
	copy(block[:], key)
	for i := range block {
		block[i] ^= pad
	}
	w.sha.Reset()
	w.sha.Write(block[:])
	text, err := w.sha.(encoding.BinaryAppender).AppendBinary(nil)
	if err != nil || len(text) != len(w.text) {
		return false
	}
	copy(to[:], text[len(shaMark):shaBlock])
	copy(w.text[len(shaMark):], to[:])
	known := bytes.Equal(text, w.text[:])
	clear(text)
	return known
}

// print tells keys apart that bear one id. It is not cryptographic: whoever gives keys
// out does not attack them, and two of one device alike by chance in 64 bits there are
// not.
func (w *work) print(k *haechi.Key) uint64 {
	return maphash.Bytes(w.seed, k.Secret) ^ maphash.Bytes(w.seed, k.Salt)*3
}
