package quicinitial

import "encoding/binary"

// The versions that are known by their salts.
const (
	V1 = 0x00000001
	V2 = 0x6b3343cf

	draft23 = 0xff000017
	draft28 = 0xff00001c
	draft32 = 0xff000020
)

// Header is what the head of a long-header packet says in clear. Its bytes lie in the packet.
type Header struct {
	Version uint32
	// Initial says that it is the kind that this package opens.
	Initial    bool
	DCID, SCID []byte
	// number is where the packet's number is, end where the packet ends: another may follow.
	number, end int
}

// End is where the packet ends in the datagram, in bytes; another may follow.
func (h *Header) End() int { return h.end }

const mostID = 20

// Read reads the head of the long-header packet at the beginning of b. It returns false
// for anything else, for versions that it does not know, and for cut ones.
func Read(b []byte) (h Header, ok bool) {
	if len(b) < 7 || b[0]&0xc0 != 0xc0 {
		return h, false
	}
	h.Version = binary.BigEndian.Uint32(b[1:])
	if _, known := salt(h.Version); !known {
		return h, false
	}
	at := 5
	if h.DCID, at, ok = id(b, at); !ok {
		return h, false
	}
	if h.SCID, at, ok = id(b, at); !ok {
		return h, false
	}
	kind := b[0] >> 4 & 3
	if h.Version == V2 {
		kind = (kind + 3) & 3 // Initial is 1 there, and Retry 0
	}
	h.Initial = kind == 0
	if kind == 3 { // Retry, which has no length
		h.end = len(b)
		return h, true
	}
	if h.Initial {
		token, next, ok := varint(b, at)
		if !ok || token > uint64(len(b)-next) {
			return h, false
		}
		at = next + int(token)
	}
	length, at, ok := varint(b, at)
	if !ok || length > uint64(len(b)-at) {
		return h, false
	}
	h.number, h.end = at, at+int(length)
	return h, true
}

func id(b []byte, at int) (out []byte, next int, ok bool) {
	if at >= len(b) || int(b[at]) > mostID || at+1+int(b[at]) > len(b) {
		return nil, 0, false
	}
	n := int(b[at])
	return b[at+1 : at+1+n], at + 1 + n, true
}

// varint reads a number of 1, 2, 4 or 8 bytes (RFC 9000 section 16).
func varint(b []byte, at int) (v uint64, next int, ok bool) {
	if at >= len(b) {
		return 0, at, false
	}
	n := 1 << (b[at] >> 6)
	if at+n > len(b) {
		return 0, at, false
	}
	v = uint64(b[at] & 0x3f)
	for _, c := range b[at+1 : at+n] {
		v = v<<8 | uint64(c)
	}
	return v, at + n, true
}
