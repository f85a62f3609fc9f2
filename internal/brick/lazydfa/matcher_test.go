package lazydfa_test

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"haechi/internal/brick/lazydfa"
)

func compiled(t testing.TB, expr string) (*regexp.Regexp, func() *syntax.Prog) {
	t.Helper()
	re, err := regexp.Compile(expr)
	if err != nil {
		t.Skip(err)
	}
	return re, func() *syntax.Prog {
		tree, err := syntax.Parse(expr, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		p, err := syntax.Compile(tree.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

// never is a slow way that must not be taken.
func never(t testing.TB) func([]byte) bool {
	return func(b []byte) bool { t.Errorf("%q is given up", b); return false }
}

func texts() []string {
	return []string{"", "a", "ab", "aab", "b a", "foo\nbar", "\nfoo", "foo\n", "Kelvin \u212a", "long \u017f", "한국어 값", "\xff\xfe", "a\xffb", "a_b", "a-b", "x" + strings.Repeat("a", 50) + "y",
		"select  from", "1.2.3", "\u2028", "\ufffd", "\U0010ffff", "A\x00B", "=", "foo bar", "bar foo", "fo0"}
}

// TestMatch compares with the package regexp, the second time from states that are made.
func TestMatch(t *testing.T) {
	for _, expr := range []string{`a`, `^a`, `a$`, `(?m)^foo$`, `(?s)o.b`, `o.b`, `\bfoo\b`, `\Bo\b`, `(?i)k`, `(?i)S`, `[^a-z]`, `a{3,7}y`, `(?:a|b)*a_`, `\pL+ \pL`, `^$`, `(?m)^$`, `\z`, `\A`,
		`[\x{fffd}]`, `[^\x00-\x{10fffe}]`, `(?i)select\s+from`, `x*`, `[a&&b]`, `.`, `(?s).`, `\d+(?:\.\d+)+`, `(?i)[^\W_]k`, `foo\b.`, `(?m)o$\n`, `a||b`, `^(?:a.)*$`, `\b`, `\B`, `^\b`, `\b$`, `a(?m:$)`} {
		re, prog := compiled(t, expr)
		m := lazydfa.New(prog, false, never(t))
		for _, text := range append(texts(), texts()...) {
			if got, want := m.Match([]byte(text)), re.MatchString(text); got != want {
				t.Errorf("%s in %q: %v, want %v", expr, text, got, want)
			}
		}
	}
}

// TestBytes takes each byte for a character.
func TestBytes(t *testing.T) {
	_, prog := compiled(t, `\x{bc}[^>\x{be}]*[>\x{be}]|<[^\x{be}]*\x{be}`)
	m := lazydfa.New(prog, true, never(t))
	for text, want := range map[string]bool{"\xbcscript>": true, "\xbcscript\xbe": true, "<\xbe": true, "<>": false, "\u00bc>": true, "겨울": false, "\xbc": false} {
		if got := m.Match([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestBounds: an expression that needs a state for nearly every text is given up text by
// text, never wrongly, and does not grow.
func TestBounds(t *testing.T) {
	expr := `[ab]*a[ab]{14}c`
	re, prog := compiled(t, expr)
	slow := 0
	m := lazydfa.New(prog, false, func(b []byte) bool { slow++; return re.Match(b) })
	x := uint32(1)
	const texts = 3000
	for range texts {
		var b []byte
		for range 60 {
			x = x*1664525 + 1013904223
			b = append(b, "ab"[x>>31])
		}
		b = append(b, "cab"[x>>8%3])
		if got, want := m.Match(b), re.Match(b); got != want {
			t.Fatalf("%q: %v, want %v", b, got, want)
		}
	}
	if slow == 0 {
		t.Error("no text is given up")
	}
	if n := m.Bytes(); n > lazydfa.MaxBytes {
		t.Errorf("%d bytes of states", n)
	}
}

// TestMatchAllocatesNothing holds once the states are made.
func TestMatchAllocatesNothing(t *testing.T) {
	re, prog := compiled(t, `(?i)\b(?:union|select)\b.*from`)
	m := lazydfa.New(prog, false, re.Match)
	text := []byte("a choice of union stations, selected from 12 한국 cities")
	for range 10 { // a text makes a share of its states at a time
		m.Match(text)
	}
	if n := testing.AllocsPerRun(100, func() { m.Match(text) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

// TestMatchTogether makes states from several goroutines (run with -race).
func TestMatchTogether(t *testing.T) {
	re, prog := compiled(t, `[ab]*a[ab]{9}c|foo\b`)
	m := lazydfa.New(prog, false, re.Match)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			x := uint32(g)
			for range 500 {
				var b []byte
				for range 40 {
					x = x*1664525 + 1013904223
					b = append(b, "abcfo "[x>>16%6])
				}
				if m.Match(b) != re.Match(b) {
					t.Errorf("%q", b)
				}
			}
		})
	}
	all.Wait()
}

// FuzzMatch: whatever the expression and the text, the answer is that of regexp.
func FuzzMatch(f *testing.F) {
	f.Add(`(?i)\bk+$|^[^a-f]\B.`, "Kelvin\nx")
	f.Add(`(?sm)^a.*b$`, "a\nb")
	f.Add(`\x{ff}|[^\x00-\x7f]{2}`, "\xff\xfe\u00ff")
	f.Fuzz(func(t *testing.T, expr, text string) {
		if len(expr) > 60 || len(text) > 200 || !utf8.ValidString(expr) {
			t.Skip()
		}
		re, prog := compiled(t, expr)
		m := lazydfa.New(prog, false, re.Match)
		for range 2 {
			if got, want := m.Match([]byte(text)), re.MatchString(text); got != want {
				t.Errorf("%s in %q: %v, want %v", expr, text, got, want)
			}
		}
	})
}

// BenchmarkMatch measures both ways.
func BenchmarkMatch(b *testing.B) {
	re, prog := compiled(b, `(?i)(?:\W|^)(?:javascript:(?:[\s\S]+[=\x5c\(\[\.<]|[\s\S]*?(?:\bname\b|\x5c[ux]\d))|data:(?:(?:[a-z]\w+/\w[\w+-]+\w)?[;,]))`)
	text := []byte("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36")
	m := lazydfa.New(prog, false, re.Match)
	for name, match := range map[string]func([]byte) bool{"lazydfa": m.Match, "regexp": re.Match} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				match(text)
			}
		})
	}
}
