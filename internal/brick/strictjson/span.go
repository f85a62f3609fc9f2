package strictjson

import "unicode/utf8"

// Kind is the JSON type of a value.
type Kind uint8

// The kinds. Missing is the zero value: the path does not exist.
const (
	Missing Kind = iota
	String
	Number
	True
	False
	Null
	Object
	Array
)

// Span is one extracted value. Raw aliases the scanned input: the literal text
// of a number, the text between the quotes of a string, an object or array with
// its brackets.
type Span struct {
	Raw []byte
	// At is where Raw begins in the input.
	At   uint32
	Kind Kind
	// Escaped is set on a string that holds escapes, so that Raw is not its text.
	Escaped bool
}

// Text returns the text of a string. It is Raw itself when there is nothing to
// unescape; otherwise the text is appended to *scratch and returned from there.
// Text of any other kind is Raw.
func (s Span) Text(scratch *[]byte) []byte {
	if !s.Escaped {
		return s.Raw
	}
	at := len(*scratch)
	*scratch = appendText(*scratch, s.Raw)
	return (*scratch)[at:len(*scratch):len(*scratch)]
}

// appendText unescapes a string that the scanner accepted.
func appendText(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			i++
			continue
		}
		r, n := unescape(raw[i:])
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return dst
}

// unescape decodes the valid escape at the start of b and returns its length; a
// surrogate pair is one escape of twelve bytes.
func unescape(b []byte) (rune, int) {
	switch c := b[1]; c {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r := hex4(b[2:])
		if isHigh(r) {
			return (r-highFirst)<<10 + (hex4(b[8:]) - lowFirst) + 0x10000, 12
		}
		return r, 6
	default:
		return rune(c), 2
	}
}

const (
	highFirst, highLast = 0xD800, 0xDBFF
	lowFirst, lowLast   = 0xDC00, 0xDFFF
)

func isHigh(r rune) bool { return r >= highFirst && r <= highLast }
func isLow(r rune) bool  { return r >= lowFirst && r <= lowLast }

// hex4 reads four hexadecimal digits, or returns -1.
func hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
