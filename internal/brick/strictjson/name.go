package strictjson

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode"
	"unicode/utf8"
)

// MaxName bounds a member name, in bytes as written.
const MaxName = 128

// name is one member name of an object that is still open.
type name struct {
	hash       uint64 // of the folded name
	start, end uint32
	flags      uint8
}

const (
	mixer    = 0x9E3779B97F4A7C15
	caseBits = ones * 0x20
)

// hash hashes a name so that names equal under folding hash alike. Setting the
// case bit makes ASCII letters alike at eight bytes a step; what it makes alike
// besides is told apart by comparing. The seed keeps strangers from choosing
// names that collide.
func hash(b []byte, seed uint64) uint64 {
	n := len(b)
	h := seed ^ uint64(n)*mixer
	if n < 8 {
		return mix(h ^ (short(b) | caseBits))
	}
	for i := 0; i+8 < n; i += 8 {
		h = mix(h ^ (binary.LittleEndian.Uint64(b[i:]) | caseBits))
	}
	return mix(h ^ (binary.LittleEndian.Uint64(b[n-8:]) | caseBits))
}

func mix(x uint64) uint64 {
	hi, lo := bits.Mul64(x, mixer)
	return hi ^ lo
}

// short packs fewer than eight bytes into a word, one to one for a given length.
func short(b []byte) uint64 {
	n := len(b)
	switch {
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<32
	case n > 0:
		return uint64(b[0]) | uint64(b[n>>1])<<8 | uint64(b[n-1])<<16
	}
	return 0
}

// room reports whether one more name may come.
func (s *Scanner) room() Fault {
	if s.open == len(s.names) || s.members == s.limits.Members {
		return TooMany
	}
	return OK
}

// note records a name.
func (s *Scanner) note(n name) {
	s.names[s.open] = n
	s.open++
	s.members++
}

// bit is one of 64 for a hash.
func bit(h uint64) uint64 { return 1 << (h >> 58) }

// enter records the name src[start:end] of an object and returns its hash and its
// text.
func (s *Scanner) enter(o *members, start, end int, flags uint8) (uint64, []byte, Fault) {
	raw := s.src[start:end]
	if len(raw) > MaxName {
		return 0, nil, LongName
	}
	if f := s.room(); f != OK {
		return 0, nil, f
	}
	text, folded := raw, raw
	if flags != 0 {
		text = s.plain(raw, flags)
		folded = appendFolded(s.folded[0][:0], text)
	}
	h := hash(folded, s.paths.seed)
	// One bit of a small filter spares the walk for nearly every new name.
	if o.seen&bit(h) != 0 && s.alike(s.names[o.base:s.open], h, folded) {
		return 0, nil, Duplicate
	}
	o.seen |= bit(h)
	s.note(name{hash: h, start: uint32(start), end: uint32(end), flags: flags})
	return h, text, OK
}

// plain is the text of a name; of an escaped one in a buffer of the scanner's.
func (s *Scanner) plain(raw []byte, flags uint8) []byte {
	if flags&hasEscape == 0 {
		return raw
	}
	return appendText(s.text[:0], raw)
}

// alike reports whether one of the names equals the folded one but for case.
func (s *Scanner) alike(names []name, h uint64, folded []byte) bool {
	for i := range names {
		n := &names[i]
		if n.hash == h && s.same(n, folded) {
			return true
		}
	}
	return false
}

func (s *Scanner) same(n *name, folded []byte) bool {
	old := s.src[n.start:n.end]
	if n.flags&hasEscape != 0 {
		old = appendText(s.other[:0], old)
	}
	a := appendFolded(s.folded[1][:0], old)
	// The newcomer may be plain ASCII and not folded yet.
	b := appendFolded(s.folded[2][:0], folded)
	return bytes.Equal(a, b)
}

// appendFolded appends the text with every rune replaced by the smallest of its
// case orbit, so that equal results mean equal but for case. The smallest rune is
// never the longest in UTF-8, so the result is no longer than the text.
func appendFolded(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			if c >= 'a' && c <= 'z' {
				c -= 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		dst = utf8.AppendRune(dst, smallest(r))
		i += n
	}
	return dst
}

func smallest(r rune) rune {
	if r == 'İ' || r == 'ı' { // Java's toUpperCase and toLowerCase make an i of them
		return 'I'
	}
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}
