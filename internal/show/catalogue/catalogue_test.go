package catalogue

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"haechi"
)

var placeholder = regexp.MustCompile(`\{\d+\}`)

// TestBothLanguages wants every key once, with a text and the same placeholders
// in both languages, and Korean that is Korean.
func TestBothLanguages(t *testing.T) {
	seen := map[string]bool{}
	for _, part := range tables() {
		for _, x := range part {
			if seen[x.key] {
				t.Errorf("%s is there twice", x.key)
			}
			seen[x.key] = true
			if x.en == "" || x.ko == "" {
				t.Errorf("%s lacks a language", x.key)
			}
			en, ko := placeholder.FindAllString(x.en, -1), placeholder.FindAllString(x.ko, -1)
			slices.Sort(en)
			slices.Sort(ko)
			if !slices.Equal(en, ko) {
				t.Errorf("%s: placeholders %v and %v", x.key, en, ko)
			}
			korean := strings.ContainsFunc(x.ko, func(r rune) bool { return unicode.Is(unicode.Hangul, r) })
			alike := []string{"language.en", "why.against", "live.observed", "why.placeholder"}
			if !korean && !slices.Contains(alike, x.key) {
				t.Errorf("%s: %q has no Korean in it", x.key, x.ko)
			}
			if strings.ContainsFunc(x.en, func(r rune) bool { return unicode.Is(unicode.Hangul, r) }) && x.key != "language.ko" {
				t.Errorf("%s: %q has Korean in it", x.key, x.en)
			}
		}
	}
}

// TestDictionary wants a text for every value of the dictionary's closed sets.
func TestDictionary(t *testing.T) {
	c := New()
	for _, r := range reasonConstants(t) {
		if !c.Has("reason." + r) {
			t.Errorf("reason %q has no text", r)
		}
		if !c.Has("remedy." + r) {
			t.Errorf("reason %q has no remedy: what would end such a refusal?", r)
		}
	}
	values(t, c, "status", func(i uint8) fmt.Stringer { return haechi.DeviceStatus(i) })
	values(t, c, "key_state", func(i uint8) fmt.Stringer { return haechi.KeyState(i) })
	values(t, c, "action", func(i uint8) fmt.Stringer { return haechi.Action(i) })
	values(t, c, "severity", func(i uint8) fmt.Stringer { return haechi.Severity(i) })
	values(t, c, "kind", func(i uint8) fmt.Stringer { return haechi.Kind(i) })
	values(t, c, "stage", func(i uint8) fmt.Stringer { return haechi.Stage(i) })
	values(t, c, "mode", func(i uint8) fmt.Stringer { return haechi.Mode(i) })
	values(t, c, "outcome", func(i uint8) fmt.Stringer { return haechi.Outcome(i) })
	values(t, c, "origin", func(i uint8) fmt.Stringer { return haechi.Origin(i) })
	values(t, c, "assurance", func(i uint8) fmt.Stringer { return haechi.Assurance(i) })
}

// values walks a closed set until its text form says that it is over.
func values(t *testing.T, c *Catalogue, set string, of func(uint8) fmt.Stringer) {
	t.Helper()
	for i := range uint8(100) {
		name := of(i).String()
		if strings.HasPrefix(name, "invalid") {
			if i < 3 {
				t.Errorf("%s has only %d values: the test looks at the wrong set", set, i)
			}
			return
		}
		if name != "" && !c.Has(set+"."+name) {
			t.Errorf("%s %q has no text", set, name)
		}
	}
}

// reasonConstants reads the constants of type Reason from the dictionary's source.
func reasonConstants(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../../../reason.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != "Reason" {
			return true
		}
		for _, v := range spec.Values {
			if lit, ok := v.(*ast.BasicLit); ok {
				s, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, s)
			}
		}
		return true
	})
	if len(all) < 30 {
		t.Fatalf("only %d reasons found", len(all))
	}
	return all
}

func TestText(t *testing.T) {
	c := New()
	for _, tc := range []struct{ lang, key, want string }{
		{"en", "time.ago", "{1} ago"}, // an argument is not filled again
		{"ko", "time.ago", "{1} 전"},
		{"fr", "time.ago", "{1} ago"},
		{"en", "no.such", "[no.such]"},
	} {
		if got := c.Text(tc.lang, tc.key, "{1}", "x"); got != tc.want {
			t.Errorf("Text(%s, %s) = %q, want %q", tc.lang, tc.key, got, tc.want)
		}
	}
	if got := c.Or("ko", "reason.invented", "invented"); got != "invented" {
		t.Errorf("Or = %q", got)
	}
}

func TestMatch(t *testing.T) {
	c := New()
	for header, want := range map[string]string{
		"":                               "en",
		"ko":                             "ko",
		"ko-KR,ko;q=0.9,en-US;q=0.8":     "ko",
		"en-US,en;q=0.9,ko;q=0.8":        "en",
		"fr-FR, ko;q=0.5":                "ko",
		"en;q=0.2, ko;q=0.7":             "ko",
		"ko;q=0":                         "en",
		"de, fr":                         "en",
		"ko;q=nonsense, en;q=0.1":        "en",
		strings.Repeat("x,", 500) + "ko": "en",
	} {
		if got := c.Match(header); got != want {
			t.Errorf("Match(%.40q) = %s, want %s", header, got, want)
		}
	}
}
