package strictjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// What a string holds besides plain ASCII.
const (
	hasEscape = 1 << iota
	hasUnicode
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks, in the high bit of each byte, where a word holds a quote, a
// backslash, a control character or a byte beyond ASCII. The lowest mark is
// exact; a borrow can only add false marks above it.
func special(w uint64) uint64 {
	quote := w ^ ones*'"'
	slash := w ^ ones*'\\'
	return ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*0x20)&^w | w) & highs
}

// str scans a string whose first byte after the quote is at i, and returns where
// its closing quote is.
func (s *Scanner) str(i int) (end int, flags uint8, f Fault) {
	src := s.src
	for {
		for i+8 <= len(src) {
			if m := special(binary.LittleEndian.Uint64(src[i:])); m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= len(src) {
			return i, 0, Truncated
		}
		switch c := src[i]; {
		case c == '"':
			return i, flags, OK
		case c == '\\':
			flags |= hasEscape
			i, f = s.escape(i)
		case c >= utf8.RuneSelf:
			flags |= hasUnicode
			i, f = s.runes(i)
		case c == 0:
			f = Encoding
		case c < ' ':
			f = Syntax
		default:
			i++ // in the last seven bytes, where no whole word can be loaded
		}
		if f != OK {
			return i, 0, f
		}
	}
}

// runes passes over text beyond ASCII.
func (s *Scanner) runes(i int) (int, Fault) {
	for i < len(s.src) && s.src[i] >= utf8.RuneSelf {
		r, n := utf8.DecodeRune(s.src[i:])
		if r == utf8.RuneError && n <= 1 {
			return i, Encoding
		}
		i += n
	}
	return i, OK
}

// escape passes over the escape at i.
func (s *Scanner) escape(i int) (int, Fault) {
	if i+1 >= len(s.src) {
		return i, Truncated
	}
	switch s.src[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, OK
	case 'u':
		return s.unicodeEscape(i)
	}
	return i, Syntax
}

func (s *Scanner) unicodeEscape(i int) (int, Fault) {
	r := hex4(s.src[i+2:])
	switch {
	case r < 0:
		return i, Syntax
	case r == 0 || isLow(r):
		return i, Encoding
	case !isHigh(r):
		return i + 6, OK
	}
	rest := s.src[i+6:]
	if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' || !isLow(hex4(rest[2:])) {
		return i, Encoding
	}
	return i + 12, OK
}
