package quicinitial

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Keys open the Initial packets that a client sends.
type Keys struct {
	aead cipher.AEAD
	mask cipher.Block
	iv   [12]byte
}

// salt returns the salt of a version, in hexadecimal.
func salt(version uint32) (s string, ok bool) {
	switch {
	case version == V1:
		return "38762cf7f55934b34d179ae6a4c80cadccbb7f0a", true
	case version == V2:
		return "0dede3def700a6db819381be6e269dcbf9bd2ed9", true
	case version > draft28 && version <= draft32:
		return "afbfec289993d24c9e9786f19c6111e04390a899", true
	case version >= draft23 && version <= draft28:
		return "c3eef712c72ebb5a11a7d2432bb46365bef9f502", true
	}
	return "", false
}

// ForClient derives the keys of the client's Initial packets from the connection number
// that the client chose for the server. ok is false for a version that is not known.
func ForClient(version uint32, dcid []byte) (k *Keys, ok bool) {
	text, ok := salt(version)
	if !ok {
		return nil, false
	}
	s, _ := hex.DecodeString(text)
	secret, err := hkdf.Extract(sha256.New, dcid, s)
	if err != nil {
		return nil, false
	}
	prefix := "quic "
	if version == V2 {
		prefix = "quicv2 "
	}
	secret = expand(secret, "client in", 32)
	k = &Keys{}
	copy(k.iv[:], expand(secret, prefix+"iv", len(k.iv)))
	if k.mask, err = aes.NewCipher(expand(secret, prefix+"hp", 16)); err != nil {
		return nil, false
	}
	block, err := aes.NewCipher(expand(secret, prefix+"key", 16))
	if err != nil {
		return nil, false
	}
	k.aead, err = cipher.NewGCM(block)
	return k, err == nil
}

// expand is HKDF-Expand-Label of RFC 8446 with an empty context.
func expand(secret []byte, label string, n int) []byte {
	label = "tls13 " + label
	info := make([]byte, 0, 4+len(label))
	info = binary.BigEndian.AppendUint16(info, uint16(n))
	info = append(append(append(info, byte(len(label))), label...), 0)
	out, err := hkdf.Expand(sha256.New, secret, string(info), n)
	if err != nil { // n is far below what HKDF gives
		return make([]byte, n)
	}
	return out
}

// Open opens a packet that Read read as Initial. The frames lie in dst, which should have
// the packet's size for room. The packet is not changed.
func (k *Keys) Open(dst, packet []byte, h *Header) (frames []byte, ok bool) {
	const sample, longest = 16, 4
	if !h.Initial || h.end > len(packet) || h.number+longest+sample > h.end {
		return nil, false
	}
	var mask [aes.BlockSize]byte
	k.mask.Encrypt(mask[:], packet[h.number+longest:h.number+longest+sample])
	first := packet[0] ^ mask[0]&0x0f
	n := int(first&3) + 1
	head := append(make([]byte, 0, 128), packet[:h.number+n]...)
	head[0] = first
	nonce := k.iv
	for i := range n {
		c := packet[h.number+i] ^ mask[1+i]
		head[h.number+i] = c
		nonce[len(nonce)-n+i] ^= c
	}
	frames, err := k.aead.Open(dst[:0], nonce[:], packet[h.number+n:h.end], head)
	return frames, err == nil
}
