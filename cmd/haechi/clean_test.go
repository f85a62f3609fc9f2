package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for _, tc := range []struct{ in, clean, cell string }{
		{"plain", "plain", "plain"},
		{"도매까봇 가족방 🍵", "도매까봇 가족방 🍵", "도매까봇 가족방 🍵"},
		{"two\nlines", "two\nlines", `two\nlines`},
		{"a\tb", `a\tb`, `a\tb`},
		{"\x1b[2J\x07", `\u001b[2J\u0007`, `\u001b[2J\u0007`},
		{"c1\u009bm", `c1\u009bm`, `c1\u009bm`},
		{"a\u202eb\u2066c\u200f", `a\u202eb\u2066c\u200f`, `a\u202eb\u2066c\u200f`},
		{"in\u200bvisible\ufeff", `in\u200bvisible\ufeff`, `in\u200bvisible\ufeff`},
		{"line\u2028sep", `line\u2028sep`, `line\u2028sep`},
		{"bad\xffbyte", `bad\xffbyte`, `bad\xffbyte`},
		{"real \ufffd stays", "real \ufffd stays", "real \ufffd stays"},
		{"tag\U000e0041", `tag\ue0041`, `tag\ue0041`},
		{"crlf\r\n", "crlf\\u000d\n", `crlf\u000d\n`},
	} {
		if got := clean(tc.in); got != tc.clean {
			t.Errorf("clean(%q) = %q, want %q", tc.in, got, tc.clean)
		}
		if got := cell(tc.in); got != tc.cell {
			t.Errorf("cell(%q) = %q, want %q", tc.in, got, tc.cell)
		}
	}
}

// harmless reports whether a terminal would take the text for text.
func harmless(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool {
		return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Cf, r))
	}) < 0
}

// FuzzClean: whatever a peer writes, what is printed has no control character but
// newlines, a cell not even those, and what was harmless is unchanged.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "abc", "\x1b]0;title\x07", "가\u202e나", "\xff\xfe", "a\r\nb\tc", "\u009b31m", "\U000e0001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, one := clean(s), cell(s)
		if !harmless(c) || !harmless(one) || strings.Contains(one, "\n") {
			t.Errorf("%q became %q and %q", s, c, one)
		}
		if harmless(s) && !strings.ContainsAny(s, "\u2028\u2029") && c != s {
			t.Errorf("%q was harmless and became %q", s, c)
		}
		if clean(c) != c {
			t.Errorf("cleaning %q twice changes it", s)
		}
	})
}

// FuzzInert: JSON stays the same JSON, and is harmless.
func FuzzInert(f *testing.F) {
	for _, s := range []string{"", "abc", "\x1b[2J", "가\u202e나", "\u009b", "\U000e0041"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := json.Marshal(map[string]string{"a": s})
		if err != nil {
			t.Skip()
		}
		out := inert(b)
		if !harmless(string(out)) {
			t.Errorf("%q is not harmless", out)
		}
		var before, after map[string]string
		if err := json.Unmarshal(b, &before); err != nil {
			t.Skip()
		}
		if err := json.Unmarshal(out, &after); err != nil || after["a"] != before["a"] {
			t.Errorf("%q became %q: %v", before["a"], after["a"], err)
		}
	})
}
