package strictjson

// literal scans true, false or null.
func (s *Scanner) literal(i int, word string) (int, Fault) {
	rest := s.src[i:]
	if len(rest) < len(word) {
		if string(rest) == word[:len(rest)] {
			return len(s.src), Truncated
		}
		return i, Syntax
	}
	if string(rest[:len(word)]) != word {
		return i, Syntax
	}
	return i + len(word), OK
}

// number scans a number by RFC 8259, section 6. One beyond 64 bits is refused: some
// readers keep it, some round it, some fail.
func (s *Scanner) number(i int) (int, Fault) {
	src := s.src
	start, whole := i, true
	if i < len(src) && src[i] == '-' {
		i++
	}
	first := i
	switch {
	case i < len(src) && src[i] == '0':
		i++
	case i < len(src) && src[i] >= '1' && src[i] <= '9':
		i = s.digits(i)
	default:
		return s.broken(i)
	}
	size := i - first
	if i < len(src) && src[i] == '.' {
		from := i + 1
		if i = s.digits(from); i == from {
			return s.broken(i)
		}
		whole = false
	}
	if i < len(src) && src[i]|0x20 == 'e' {
		from := i + 1
		negative := from < len(src) && src[from] == '-'
		if from < len(src) && (src[from] == '+' || negative) {
			from++
		}
		if i = s.digits(from); i == from {
			return s.broken(i)
		}
		if !negative {
			size += power(src[from:i])
		}
		whole = false
	}
	if size > maxDigits && !s.limits.BigNumbers && beyond(src[start:i], size, whole) {
		return i, BigNumber
	}
	return i, OK
}

// Bounds of a number: the outermost integers of 64 bits, and digits before the point
// that a binary64 has room for.
const (
	maxDigits   = 18 // always fits
	most        = "18446744073709551615"
	least       = "-9223372036854775808"
	maxExponent = 308
)

// beyond reports whether a number does not fit 64 bits: an integer the integers of
// that size, any other the floating-point numbers.
func beyond(text []byte, size int, whole bool) bool {
	switch {
	case !whole:
		return size > maxExponent
	case text[0] == '-':
		return len(text) > len(least) || len(text) == len(least) && string(text) > least
	}
	return len(text) > len(most) || len(text) == len(most) && string(text) > most
}

// power is a positive exponent, as far as it matters.
func power(digits []byte) int {
	n := 0
	for _, c := range digits {
		if n = n*10 + int(c-'0'); n > maxExponent {
			return maxExponent
		}
	}
	return n
}

func (s *Scanner) digits(i int) int {
	for i < len(s.src) && s.src[i]-'0' <= 9 {
		i++
	}
	return i
}
