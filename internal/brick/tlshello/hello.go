package tlshello

import "encoding/binary"

// Hello is what of a ClientHello counts, in the order of the wire.
type Hello struct {
	// Version is the hello's own, 0x0303 for all of TLS 1.2 and 1.3.
	Version uint16
	// Versions are those of supported_versions; of a hello without that extension,
	// its own version alone.
	Versions                       []uint16
	Suites, Extensions, Signatures []uint16
	// ALPN is the first protocol offered, Name the host of server_name; both as sent.
	ALPN, Name []byte
}

// Most is the size of the longest hello that is read, in bytes, with its header.
const Most = 1<<15 - 1

const (
	typeClientHello = 1
	headerSize      = 4

	extName       = 0
	extSignatures = 13
	extALPN       = 16
	extVersions   = 43
)

// reader takes lengths and values from the front of what is left. Once it was asked for
// more than there is, it is bad and gives nothing.
type reader struct {
	left []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.left) {
		r.left, r.bad = nil, true
		return nil
	}
	out := r.left[:n:n]
	r.left = r.left[n:]
	return out
}

func (r *reader) u8() int {
	if b := r.take(1); b != nil {
		return int(b[0])
	}
	return 0
}

func (r *reader) u16() int {
	if b := r.take(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

// Size returns the size of the handshake message at the beginning of b with its header,
// which may be more than len(b), and 0 for fewer bytes than a header. ok is false when it
// is no ClientHello, or longer than Most.
func Size(b []byte) (n int, ok bool) {
	if len(b) == 0 {
		return 0, true
	}
	if b[0] != typeClientHello {
		return 0, false
	}
	if len(b) < headerSize {
		return 0, true
	}
	n = headerSize + (int(b[1])<<16 | int(b[2])<<8 | int(b[3]))
	return n, n <= Most
}

// Read reads a whole ClientHello with its header into h, whose lists it uses again. It
// returns false for anything else, with h void.
func Read(msg []byte, h *Hello) bool {
	*h = Hello{Versions: h.Versions[:0], Suites: h.Suites[:0], Extensions: h.Extensions[:0], Signatures: h.Signatures[:0]}
	n, ok := Size(msg)
	if !ok || n == 0 || n > len(msg) {
		return false
	}
	r := reader{left: msg[headerSize:n]}
	h.Version = uint16(r.u16())
	r.take(32)     // random
	r.take(r.u8()) // session
	suites := r.u16()
	h.Suites = list(h.Suites, r.take(suites))
	r.take(r.u8()) // compression
	if r.bad || suites%2 != 0 || h.Version>>8 > 3 {
		return false
	}
	if len(r.left) > 0 {
		r = reader{left: r.take(r.u16()), bad: r.bad}
		for len(r.left) > 0 {
			kind := r.u16()
			h.extension(kind, r.take(r.u16()))
			if r.bad {
				return false
			}
		}
	}
	if len(h.Versions) == 0 {
		h.Versions = append(h.Versions, h.Version)
	}
	return !r.bad
}

// extension reads one extension. One that is itself malformed counts by its number.
func (h *Hello) extension(kind int, body []byte) {
	h.Extensions = append(h.Extensions, uint16(kind))
	r := reader{left: body}
	switch kind {
	case extVersions:
		if len(h.Versions) == 0 {
			h.Versions = list(h.Versions, r.take(r.u8()))
		}
	case extSignatures:
		if len(h.Signatures) == 0 {
			h.Signatures = list(h.Signatures, r.take(r.u16()))
		}
	case extALPN:
		r.take(2)
		if h.ALPN == nil {
			h.ALPN = r.take(r.u8())
		}
	case extName:
		r.take(2)
		if r.u8() == 0 && h.Name == nil { // host_name
			h.Name = r.take(r.u16())
		}
	}
}

func list(to []uint16, b []byte) []uint16 {
	for ; len(b) >= 2; b = b[2:] {
		to = append(to, binary.BigEndian.Uint16(b))
	}
	return to
}
