package main

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// risky reports whether a character may do something to a terminal or hide from a
// person: controls, the invisible ones that reorder or join text, and the line
// separators that are no newline.
func risky(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// clean makes text from outside safe for a terminal: risky characters are shown as
// escapes, bytes that are no UTF-8 too. Only newlines stay.
func clean(s string) string { return escape(s, func(r rune) bool { return r != '\n' && risky(r) }) }

// cell is clean for text that must stay on its line, and in its column.
func cell(s string) string { return escape(s, risky) }

func escape(s string, bad func(rune) bool) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, bad) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n' && bad(r):
			b.WriteString(`\n`)
		case r == '\t' && bad(r):
			b.WriteString(`\t`)
		case bad(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// inert makes a JSON text safe for a terminal without changing what it says:
// outside of its strings there are only newlines and spaces to spare.
func inert(b []byte) []byte {
	bad := func(r rune) bool { return r != '\n' && risky(r) }
	if bytes.IndexFunc(b, bad) < 0 {
		return b
	}
	out := make([]byte, 0, len(b)+64)
	for _, r := range string(b) { // encoding/json writes valid UTF-8 only
		if !bad(r) {
			out = utf8.AppendRune(out, r)
			continue
		}
		for _, u := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, `\u%04x`, u)
		}
	}
	return out
}
