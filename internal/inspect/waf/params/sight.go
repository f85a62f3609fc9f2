package params

import (
	"bytes"
	"math"
)

const (
	// maxScan is how much of a value is looked at, in bytes; what is longer is text at
	// least.
	maxScan = 1024
	// headSize is of how much of a value the order of its bytes is known.
	headSize = 48
)

// traits are what bytes of a value are.
type traits uint32

const (
	digits traits = 1 << iota
	hexes         // a to f
	letters
	highs // beyond ASCII
	dashes
	dots
	marks // _ ~
	colons
	commas
	ats
	slashes
	pluses
	equals
	blanks
	mild    // in sentences: ! ? *
	queries // of addresses: & # %
	codes
	inner // = that is not at the end
	climb // .. before a slash
)

// trait is what a byte is.
func trait(c byte) traits {
	switch {
	case c >= '0' && c <= '9':
		return digits
	case c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F':
		return hexes
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		return letters
	case c >= 0x80:
		return highs
	}
	if i := bytes.IndexByte([]byte("-._~:,@/+= \t\n\r!?*&#%"), c); i >= 0 {
		return [...]traits{dashes, dots, marks, marks, colons, commas, ats, slashes, pluses, equals,
			blanks, blanks, blanks, blanks, mild, mild, mild, queries, queries, queries}[i]
	}
	return codes
}

// sight is what was seen of one value, which comes decoded, byte by byte.
type sight struct {
	of      *[256]traits
	seen    traits
	n       int // bytes, without blanks around
	pending int // blanks that may be at the end
	a, b    byte
	head    [headSize]byte
}

func (s *sight) begin() { s.seen, s.n, s.pending, s.a, s.b = 0, 0, 0, 0, 0 }

func (s *sight) add(c byte) {
	t := s.of[c]
	if t == blanks {
		if s.n > 0 {
			s.pending++
		}
		return
	}
	for ; s.pending > 0; s.pending-- {
		s.put(' ')
		s.seen |= blanks
	}
	switch {
	case s.b == '=' && c != '=':
		t |= inner
	case (c == '/' || c == '\\') && s.a == '.' && s.b == '.':
		t |= climb
	}
	s.put(c)
	s.seen, s.a, s.b = s.seen|t, s.b, c
}

func (s *sight) put(c byte) {
	if s.n < headSize {
		s.head[s.n] = c
	}
	s.n++
}

// length is the value's, as far as it was looked at.
func (s *sight) length() uint16 { return uint16(min(s.n, math.MaxUint16)) }

// only reports whether nothing but these was seen.
func (s *sight) only(t traits) bool { return s.seen&^t == 0 }

const (
	alphabet = digits | hexes | letters
	plain    = alphabet | highs | dashes | dots | marks | colons
)

// kind is the narrowest that fits.
func (s *sight) kind() Kind {
	switch {
	case s.n == 0:
		return None
	case s.seen&(codes|climb) != 0:
		return Code
	case s.n > maxScan:
		return Text
	case s.seen&blanks != 0:
		if s.only(plain|blanks|pluses) && s.isDate() {
			return Date
		}
		return Text
	case s.address():
		return URL
	case s.seen&(queries|inner) != 0:
		return Code
	case s.only(digits|dashes|dots|commas|pluses) && s.seen&digits != 0:
		return s.numeric()
	case s.only(plain|pluses) && s.isDate():
		return Date
	}
	return s.worded()
}

// numeric is of digits and what stands among them.
func (s *sight) numeric() Kind {
	signed := s.head[0] == '-' || s.head[0] == '+'
	rest := s.unsigned(signed)
	switch {
	case rest == digits && s.n <= 20:
		return Integer
	case rest == digits:
		return Hex
	case s.isDate():
		return Date
	case rest == digits|dots && s.n <= headSize && bytes.Count(s.head[:s.n], []byte{'.'}) == 1:
		return Number
	case s.seen&commas != 0:
		return List
	}
	return Slug
}

// unsigned is what was seen, without the sign at the beginning.
func (s *sight) unsigned(signed bool) (t traits) {
	if !signed {
		return s.seen
	}
	for _, c := range s.head[1:min(s.n, headSize)] {
		t |= s.of[c]
	}
	if s.n > headSize {
		return s.seen
	}
	return t
}

// worded is of one word or place.
func (s *sight) worded() Kind {
	switch {
	case s.isUUID():
		return UUID
	case s.only(digits|hexes) && s.seen&digits != 0 && s.n >= 8:
		return Hex
	case s.only(hexes | letters | highs):
		return Word
	case s.only(plain):
		return Slug
	case s.seen&ats != 0 && s.only(plain|pluses|ats):
		return Email
	case s.only(plain | commas):
		return List
	case s.only(alphabet|marks|dashes|dots|pluses|slashes|equals) && s.seen&(pluses|equals) != 0:
		return Token
	case s.seen&slashes != 0 && s.only(plain|slashes|commas|ats|pluses):
		return Path
	}
	return Text
}

// address reports the beginning of a URL. What its query holds is its own.
func (s *sight) address() bool {
	h := s.head[:min(s.n, headSize)]
	return bytes.HasPrefix(h, []byte("https://")) || bytes.HasPrefix(h, []byte("http://"))
}

// isUUID reports 8-4-4-4-12 (RFC 9562).
func (s *sight) isUUID() bool {
	if s.n != 36 || !s.only(digits|hexes|dashes) {
		return false
	}
	for i, c := range s.head[:36] {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') {
			return false
		}
	}
	return true
}

// isDate reports a day as 2026-11-29, 2026.11.29 or 2026/11/29, perhaps with a time, and
// a time as 09:30.
func (s *sight) isDate() bool {
	if s.n > headSize {
		return false
	}
	h := s.head[:s.n]
	if len(h) >= 10 && s.numbers(h[:4]) && s.numbers(h[5:7]) && s.numbers(h[8:10]) && h[4] == h[7] && (h[4] == '-' || h[4] == '.') {
		return len(h) == 10 || (h[10] == 'T' || h[10] == ' ') && s.clock(h[11:])
	}
	return len(h) <= 8 && s.clock(h)
}

// clock reports 09:30, 09:30:00, and with what follows: fractions and a zone.
func (s *sight) clock(h []byte) bool {
	return len(h) >= 5 && s.numbers(h[:2]) && h[2] == ':' && s.numbers(h[3:5]) && len(bytes.Trim(h[5:], ":.+-Z0123456789")) == 0
}

func (s *sight) numbers(h []byte) bool {
	for _, c := range h {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
