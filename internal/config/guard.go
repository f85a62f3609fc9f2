package config

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// The bounds of a file. They are looked at before a parser sees the text, since a
// parser recurses as deep as its input nests.
const (
	maxBytes    = 1 << 20
	maxLine     = 4096 // bytes
	maxBrackets = 32   // open at once, on the safe side of quotes and comments
	maxKeys     = 8192 // the parser's time grows with their square
)

// guard returns the text as the parser gets it: without a byte order mark and with
// plain line ends. ok is false when it is not fit to be parsed.
func (r *report) guard(src []byte) (text string, ok bool) {
	if len(src) > maxBytes {
		r.add(mark{}, "", "", "the file has %d bytes; at most %d are read", len(src), maxBytes)
		return "", false
	}
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	text = strings.ReplaceAll(string(src), "\r\n", "\n")
	r.lines = strings.Split(text, "\n")
	for i, line := range r.lines {
		r.guardLine(mark{i + 1, 1}, line)
	}
	r.guardBrackets()
	if n := countKeys(text); n > maxKeys {
		r.add(mark{}, "", "", "the file has about %d keys; at most %d are read", n, maxKeys)
	}
	return text, len(r.problems) == 0
}

func (r *report) guardLine(at mark, line string) {
	switch {
	case len(line) > maxLine:
		r.add(at, "", "", "the line has %d bytes; at most %d are read", len(line), maxLine)
	case !utf8.ValidString(line):
		r.add(at, "", "save the file as UTF-8", "the line is not valid UTF-8")
	case strings.IndexFunc(line, isControl) >= 0:
		r.add(at, "", "indent with spaces, and write no control characters", "the line holds a control character or a tab")
	}
}

// isControl also holds for characters that reorder or hide text, and for Unicode's
// own line ends, on which parsers and people disagree.
func isControl(r rune) bool {
	return r < ' ' || (r >= 0x7f && r < 0xa0) || (r >= 0x200b && r <= 0x200f) ||
		(r >= 0x2028 && r <= 0x202e) || (r >= 0x2060 && r <= 0x2069) || r == 0xfeff
}

func (r *report) guardBrackets() {
	open := 0
	for i, line := range r.lines {
		for _, c := range line {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(open-1, 0)
			}
		}
		if open > maxBrackets {
			r.add(mark{i + 1, 1}, "", "", "more than %d brackets are open at once", maxBrackets)
			return
		}
	}
}

// countKeys counts what could end a key: a colon before white space or behind a
// quote. The colons of addresses are none.
func countKeys(text string) (n int) {
	for i := range len(text) {
		if text[i] != ':' {
			continue
		}
		last := i+1 == len(text)
		if last || text[i+1] == ' ' || text[i+1] == '\n' || (i > 0 && (text[i-1] == '"' || text[i-1] == '\'')) {
			n++
		}
	}
	return n
}
