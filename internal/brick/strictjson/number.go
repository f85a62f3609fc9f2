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

// number scans a number by RFC 8259, section 6.
func (s *Scanner) number(i int) (int, Fault) {
	src := s.src
	if i < len(src) && src[i] == '-' {
		i++
	}
	switch {
	case i < len(src) && src[i] == '0':
		i++
	case i < len(src) && src[i] >= '1' && src[i] <= '9':
		i = s.digits(i)
	default:
		return s.broken(i)
	}
	if i < len(src) && src[i] == '.' {
		from := i + 1
		if i = s.digits(from); i == from {
			return s.broken(i)
		}
	}
	if i < len(src) && src[i]|0x20 == 'e' {
		from := i + 1
		if from < len(src) && (src[from] == '+' || src[from] == '-') {
			from++
		}
		if i = s.digits(from); i == from {
			return s.broken(i)
		}
	}
	return i, OK
}

func (s *Scanner) digits(i int) int {
	for i < len(s.src) && s.src[i]-'0' <= 9 {
		i++
	}
	return i
}
