package transform

import (
	"unicode/utf8"
)

// hex returns the value of the n hexadecimal digits that src begins with.
func hex(src []byte, n int) (v rune, ok bool) {
	if len(src) < n {
		return 0, false
	}
	for _, b := range src[:n] {
		d, ok := digit(b)
		if !ok {
			return 0, false
		}
		v = v<<4 | rune(d)
	}
	return v, true
}

func digit(b byte) (byte, bool) {
	switch {
	case '0' <= b && b <= '9':
		return b - '0', true
	case 'a' <= b && b <= 'f':
		return b - 'a' + 10, true
	case 'A' <= b && b <= 'F':
		return b - 'A' + 10, true
	}
	return 0, false
}

// hexRun counts the hexadecimal digits that src begins with, at most limit.
func hexRun(src []byte, limit int) int {
	n := 0
	for n < limit && n < len(src) {
		if _, ok := digit(src[n]); !ok {
			break
		}
		n++
	}
	return n
}

// octal reads up to three octal digits.
func octal(src []byte) (v, n int) {
	for n < 3 && n < len(src) && '0' <= src[n] && src[n] <= '7' {
		v = v<<3 | int(src[n]-'0')
		n++
	}
	return v, n
}

// urlDecodeUni decodes %XX, %uXXXX as IIS knows it, and plus signs; what is not
// an escape stays.
func urlDecodeUni(dst, src []byte) []byte {
	for i := 0; i < len(src); i++ {
		switch b := src[i]; {
		case b == '+':
			dst = append(dst, ' ')
		case b != '%':
			dst = append(dst, b)
		case i+1 < len(src) && src[i+1]|0x20 == 'u':
			if code, ok := hex(src[i+2:], 4); ok {
				dst = append(dst, fit(code))
				i += 5
				continue
			}
			dst = append(dst, b, src[i+1])
			i++
		default:
			if v, ok := hex(src[i+1:], 2); ok {
				dst = append(dst, byte(v))
				i += 2
				continue
			}
			dst = append(dst, b)
		}
	}
	return dst
}

// fit returns the one byte that %uXXXX stands for: the best fit in ASCII if code
// page 20127 has one, else the low byte, full-width forms moved to ASCII.
func fit(code rune) byte {
	if b := bestFit(code); b != 0 {
		return b
	}
	return narrow(code)
}

func narrow(code rune) byte {
	low := byte(code)
	if low > 0 && low < 0x5f && code>>8 == 0xff {
		low += 0x20
	}
	return low
}

// jsDecode decodes the escapes of JavaScript strings.
func jsDecode(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		if src[i] != '\\' || i+1 == len(src) {
			dst = append(dst, src[i])
			i++
			continue
		}
		b, n := jsEscape(src[i+1:])
		dst = append(dst, b)
		i += 1 + n
	}
	return dst
}

// jsEscape returns the byte of the escape after the backslash, and its length.
func jsEscape(src []byte) (b byte, n int) {
	switch c := src[0]; {
	case c == 'u' && len(src) > 1 && src[1] == '{':
		digits := hexRun(src[2:], 6)
		if end := 2 + digits; digits > 0 && end < len(src) && src[end] == '}' {
			code, _ := hex(src[2:], digits)
			b = byte(code)
			if 0xff01 <= code && code <= 0xff5e {
				b += 0x20
			}
			return b, digits + 3
		}
	case c == 'u':
		if code, ok := hex(src[1:], 4); ok {
			return narrow(code), 5
		}
	case c == 'x':
		if code, ok := hex(src[1:], 2); ok {
			return byte(code), 3
		}
	case '0' <= c && c <= '7':
		v, n := octal(src)
		if v > 0xff {
			v, n = v>>3, 2
		}
		return byte(v), n
	}
	return control(src[0]), 1
}

// control returns the control character that a letter names after a backslash, or
// the letter.
func control(c byte) byte {
	switch c {
	case 'a':
		return '\a'
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'v':
		return '\v'
	}
	return c
}

// cssDecode decodes the escapes of CSS: up to six digits name a code point, one
// white space after them belongs to them.
func cssDecode(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		if src[i] != '\\' {
			dst = append(dst, src[i])
			i++
			continue
		}
		i++
		if i == len(src) {
			break
		}
		n := hexRun(src[i:], 6)
		switch {
		case n > 0:
			code, _ := hex(src[i:], n)
			dst = utf8.AppendRune(dst, cssRune(code))
			i += n
			if i < len(src) && (src[i] == ' ' || '\t' <= src[i] && src[i] <= '\r') {
				i++
			}
		case src[i] == '\n':
			i++
		default:
			dst = append(dst, src[i])
			i++
		}
	}
	return dst
}

func cssRune(code rune) rune {
	switch {
	case code == 0:
		return utf8.RuneError
	case 0xff01 <= code && code <= 0xff5e:
		return code - 0xfee0
	}
	return code
}

// escapeSeqDecode decodes the escapes of ANSI C.
func escapeSeqDecode(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		if src[i] != '\\' || i+1 == len(src) {
			dst = append(dst, src[i])
			i++
			continue
		}
		c := src[i+1]
		if c|0x20 == 'x' {
			if v, ok := hex(src[i+2:], 2); ok {
				dst = append(dst, byte(v))
				i += 4
				continue
			}
		}
		if v, n := octal(src[i+1:]); n > 0 {
			dst = append(dst, byte(v))
			i += 1 + n
			continue
		}
		dst = append(dst, control(c))
		i += 2
	}
	return dst
}

// base64Decode decodes up to the first byte that is not of the alphabet; line ends
// are passed over.
func base64Decode(dst, src []byte) []byte {
	x, n := 0, 0
	for _, b := range src {
		if b == '\r' || b == '\n' {
			continue
		}
		v := sextet(b)
		if v < 0 {
			break
		}
		x = x<<6 | v
		if n++; n == 4 {
			dst = append(dst, byte(x>>16), byte(x>>8), byte(x))
			x, n = 0, 0
		}
	}
	switch n {
	case 2:
		dst = append(dst, byte(x>>4))
	case 3:
		dst = append(dst, byte(x>>10), byte(x>>2))
	}
	return dst
}

func sextet(b byte) int {
	switch {
	case 'A' <= b && b <= 'Z':
		return int(b - 'A')
	case 'a' <= b && b <= 'z':
		return int(b-'a') + 26
	case '0' <= b && b <= '9':
		return int(b-'0') + 52
	case b == '+':
		return 62
	case b == '/':
		return 63
	}
	return -1
}
