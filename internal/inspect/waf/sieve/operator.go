package sieve

import (
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"path"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"

	"rsc.io/binaryregexp"

	"haechi/internal/brick/lazydfa"
	"haechi/internal/brick/required"
	"haechi/internal/brick/transform"
)

// operator is what a link asks of a value.
type operator struct {
	match func(value []byte) bool // exactly the oracle's answer, without the negation
	// needs are words without which match is false; empty if it must always be asked.
	needs required.Condition
	// plain are the needs for texts of plain characters only, and never says that none
	// of those matches.
	plain required.Condition
	never bool
	// folds says that the needs hold for a text only if it is not required.Exotic.
	folds bool
	// groups returns the submatches of the first match; nil if there is none to return.
	groups func(value []byte) [][]byte
	count  int // of groups
}

// operators builds the operators of one ruleset; expressions are shared.
type operators struct {
	files fs.FS
	made  map[string]*operator
}

// build returns the operator of a link whose argument has its macros expanded. An
// error says that the operator is not known here.
func (o *operators) build(l *link, argument string) (*operator, error) {
	key := l.operator + " " + l.dir + " " + argument
	if op := o.made[key]; op != nil {
		return op, nil
	}
	op, err := o.make(l, argument)
	if err != nil {
		return nil, err
	}
	o.made[key] = op
	return op, nil
}

func (o *operators) make(l *link, argument string) (*operator, error) {
	switch l.operator {
	case "rx":
		return rx(argument)
	case "pm":
		return phrases(strings.Split(argument, " "))
	case "pmfromfile", "pmf":
		words, err := readWords(o.files, path.Join(l.dir, argument))
		if err != nil {
			return nil, err
		}
		return phrases(words)
	case "validatebyterange":
		return byteRange(argument)
	case "ipmatch":
		return addresses(argument), nil
	case "detectsqli":
		return &operator{match: isSQLi}, nil
	case "detectxss":
		return &operator{match: isXSS}, nil
	case "validateurlencoding":
		return &operator{match: brokenEscape}, nil
	case "validateutf8encoding":
		return &operator{match: func(v []byte) bool { return !utf8.Valid(v) }}, nil
	case "unconditionalmatch":
		return &operator{match: func([]byte) bool { return true }}, nil
	case "nomatch":
		return &operator{match: func([]byte) bool { return false }}, nil
	}
	return plain(l.operator, argument)
}

// plain are the operators that compare with a text or number.
func plain(name, argument string) (*operator, error) {
	text := []byte(argument)
	word := func(match func([]byte) bool) (*operator, error) {
		return &operator{match: match, needs: wordNeeded(argument)}, nil
	}
	number, _ := strconv.Atoi(argument)
	compare := func(holds func(v int) bool) (*operator, error) {
		return &operator{match: func(v []byte) bool { n, _ := strconv.Atoi(string(v)); return holds(n) }}, nil
	}
	switch name {
	case "streq":
		return word(func(v []byte) bool { return bytes.Equal(v, text) })
	case "contains":
		return word(func(v []byte) bool { return bytes.Contains(v, text) })
	case "beginswith":
		return word(func(v []byte) bool { return bytes.HasPrefix(v, text) })
	case "endswith":
		return word(func(v []byte) bool { return bytes.HasSuffix(v, text) })
	case "within":
		return &operator{match: func(v []byte) bool { return bytes.Contains(text, v) }}, nil
	case "eq":
		return compare(func(v int) bool { return v == number })
	case "ge":
		return compare(func(v int) bool { return v >= number })
	case "gt":
		return compare(func(v int) bool { return v > number })
	case "le":
		return compare(func(v int) bool { return v <= number })
	case "lt":
		return compare(func(v int) bool { return v < number })
	}
	return nil, fmt.Errorf("operator @%s", name)
}

// wordNeeded is the condition of containing a text; the words of an automaton are in
// lower case.
func wordNeeded(text string) required.Condition {
	if text == "" {
		return nil
	}
	return required.Condition{{asciiLower(text[:min(len(text), 12)])}}
}

func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// rx compiles as the oracle does: with dot and line modes, or for bytes if the
// expression has escapes of bytes that are no UTF-8.
func rx(expr string) (*operator, error) {
	if bytesOnly("(?sm)" + expr) {
		return binaryRX(expr)
	}
	re, err := regexp.Compile("(?sm)" + expr)
	if err != nil {
		return nil, err
	}
	tree, err := syntax.Parse("(?sm)"+expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	quick := lazydfa.New(func() *syntax.Prog { return textProgram(expr) }, false, re.Match)
	op := &operator{match: quick.Match, needs: required.Of(tree), folds: true, groups: re.FindSubmatch, count: re.NumSubexp()}
	if rest := required.Within(tree, isPlain); rest != nil {
		op.plain = required.Of(rest)
	} else {
		op.never = true
	}
	return op, nil
}

// isPlain reports whether an ASCII character is one that ordinary values are made of.
// Quotes, brackets and the like, which attacks need and rules tolerate between letters,
// are not.
func isPlain(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(" _.,:/@=%&?+~!;#-", r)
}

// plainBytes are the bytes of texts of plain characters.
func plainBytes() (set transform.Bytes) {
	for b := range 256 {
		if b >= utf8.RuneSelf || isPlain(rune(b)) {
			set.Add(byte(b))
		}
	}
	return set
}

func binaryRX(expr string) (*operator, error) {
	re, err := binaryregexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	quick := lazydfa.New(func() *syntax.Prog { return binaryProgram(expr) }, true, re.Match)
	return &operator{match: quick.Match, groups: re.FindSubmatch, count: re.NumSubexp()}, nil
}

// bytesOnly reports whether an expression, its \xNN and \x{NN} taken as bytes, is no
// UTF-8: then the oracle matches bytes instead of runes.
func bytesOnly(expr string) bool {
	plain := make([]byte, 0, len(expr))
	for i := 0; i < len(expr); i++ {
		if expr[i] != '\\' || i+3 >= len(expr) {
			if expr[i] == '\\' {
				plain = append(plain, expr[i:]...)
				break
			}
			plain = append(plain, expr[i])
			continue
		}
		digits, skip := byteEscape(expr[i:])
		v, err := strconv.ParseUint(digits, 16, 8)
		if len(digits) < 2 || err != nil {
			plain = append(plain, '\\')
			continue
		}
		plain = append(plain, byte(v))
		i += skip
	}
	return !utf8.Valid(plain)
}

// byteEscape returns the digits of \xNN or \x{NN…}, of which the oracle reads two, and
// how many bytes follow the backslash.
func byteEscape(s string) (digits string, skip int) {
	if s[1] != 'x' {
		return "", 0
	}
	if s[2] == '{' && len(s) >= 6 {
		if end := strings.IndexByte(s, '}'); end >= 5 {
			return s[3:5], end
		}
		return "", 0
	}
	return s[2:4], 3
}

// readWords reads a file of phrases, one a line.
func readWords(files fs.FS, name string) ([]string, error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	var words []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			words = append(words, line)
		}
	}
	return words, nil
}

// phrases matches texts that contain one of the words, ASCII letters folded.
func phrases(words []string) (*operator, error) {
	clause := make(required.Clause, 0, len(words))
	full := make([][]byte, 0, len(words))
	for _, w := range words {
		if w == "" {
			return nil, fmt.Errorf("an empty phrase")
		}
		w = strings.ToLower(w)
		full = append(full, []byte(w))
		clause = append(clause, w[:min(len(w), 12)])
	}
	match := func(v []byte) bool {
		low := []byte(asciiLower(string(v)))
		for _, w := range full {
			if bytes.Contains(low, w) {
				return true
			}
		}
		return false
	}
	return &operator{match: match, needs: required.Condition{clause}}, nil
}

// byteRange matches texts with a byte outside of the ranges.
func byteRange(argument string) (*operator, error) {
	if argument == "" {
		return nil, fmt.Errorf("@validateByteRange without ranges")
	}
	var allowed transform.Bytes
	for part := range strings.SplitSeq(argument, ",") {
		low, high, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			high = low
		}
		from, err := strconv.ParseUint(low, 10, 8)
		if err != nil {
			return nil, err
		}
		to, err := strconv.ParseUint(high, 10, 8)
		if err != nil {
			return nil, err
		}
		for b := from; b <= to; b++ {
			allowed.Add(byte(b))
		}
	}
	return &operator{match: func(v []byte) bool {
		in := transform.In(v)
		return !in.Within(&allowed)
	}}, nil
}

func addresses(argument string) *operator {
	var nets []*net.IPNet
	for part := range strings.SplitSeq(argument, ",") {
		part = strings.TrimSpace(part)
		switch {
		case strings.Contains(part, "/"):
		case strings.Contains(part, ":"):
			part += "/128"
		case strings.Contains(part, "."):
			part += "/32"
		}
		if _, n, err := net.ParseCIDR(part); err == nil {
			nets = append(nets, n)
		}
	}
	return &operator{match: func(v []byte) bool {
		ip := net.ParseIP(string(v))
		for _, n := range nets {
			if n.Contains(ip) {
				return true
			}
		}
		return false
	}}
}

// brokenEscape reports a percent sign that two hexadecimal digits do not follow.
func brokenEscape(v []byte) bool {
	for i := 0; i < len(v); i++ {
		if v[i] != '%' {
			continue
		}
		if i+2 >= len(v) || !isHex(v[i+1]) || !isHex(v[i+2]) {
			return true
		}
		i += 2
	}
	return false
}

func isHex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'f'
}
