package required_test

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"

	"haechi/internal/brick/required"
)

func of(t testing.TB, expr string) required.Condition {
	t.Helper()
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		t.Skip(err)
	}
	return required.Of(re)
}

// TestOf shows what is required of some expressions, and where nothing is.
func TestOf(t *testing.T) {
	for expr, want := range map[string]string{
		`(?i)union.*select`:                  "select; union",
		`a(?:bc|.de)|xyz`:                    "bc|de|xyz",
		`[sS][eE][lL]ect\s+from`:             "select; \tfrom|\nfrom|\ffrom|\rfrom| from",
		`(?:foo|bar)baz?`:                    "barba|fooba",
		`x*`:                                 "",
		`(?i)é+z`:                            "z",
		`^$`:                                 "",
		`[^a]b{2,}`:                          "bb",
		`(?:https?|ftp)://`:                  "ftp://|http://|https://",
		`\x{fffd}a`:                          "a",
		`(?i)[ks]ing`:                        "king|sing",
		`(a|b|c|d|e)(a|b|c|d|e)(a|b|c|d|e)x`: "",
	} {
		var parts []string
		for _, c := range of(t, expr) {
			parts = append(parts, strings.Join(c, "|"))
		}
		if got := strings.Join(parts, "; "); want != "" && got != want {
			t.Errorf("%s: %q, want %q", expr, got, want)
		}
	}
}

// TestHolds keeps what an attack needs, and the must-not cases: a text without
// the words is ruled out, one with only some of them as well.
func TestHolds(t *testing.T) {
	c := of(t, `(?i)union[\s/*]+select`)
	for text, want := range map[string]bool{
		"1 UNION/**/SELECT 2": true,
		"the union":           false,
		"select a seat":       false,
		"":                    false,
		"reunion selections":  true, // the expression itself decides
	} {
		if got := c.Holds([]byte(text)); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
	if !required.Exotic([]byte("bloc\u212a")) || !required.Exotic([]byte("\u017fleep")) || required.Exotic([]byte("block 해치")) {
		t.Error("exotic runes are named wrongly")
	}
}

// FuzzOf holds the brick to its promise: what an expression matches meets its
// condition.
func FuzzOf(f *testing.F) {
	f.Add(`(?i)(?:union|select)\s+[a-k]{2,3}x?`, "Union  abX")
	f.Add(`(?sm)^a(?:bc|.de)|xyz$`, "\na-de")
	f.Add(`[[:^alpha:]]+(?i:K)*s`, "1\u212aS")
	f.Add(`(?i)ſ|é`, "É")
	f.Fuzz(func(t *testing.T, expr, text string) {
		if len(expr) > 200 || len(text) > 500 {
			t.Skip()
		}
		c := of(t, expr)
		re, err := regexp.Compile(expr)
		if err != nil {
			t.Skip()
		}
		m := re.FindString(text)
		if !re.MatchString(text) || required.Exotic([]byte(text)) {
			return
		}
		if !c.Holds([]byte(text)) || m != "" && !c.Holds([]byte(m)) {
			t.Errorf("%q matches %q but %q does not hold", expr, text, c)
		}
	})
}

func plain(r rune) bool { return r != '"' && r != '\'' && r != '\\' && r != '$' && r != '(' }

// TestWithin reads words through the quotes that an expression tolerates, and sees
// that nothing is left where a character is needed that the text has not.
func TestWithin(t *testing.T) {
	re, err := syntax.Parse(`(?i)c["']*u["']*r["']*l(?:\$x|\s)`, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	c := required.Of(required.Within(re, plain))
	if !c.Holds([]byte("CURL x")) || c.Holds([]byte("c u r l x")) {
		t.Errorf("%q", c)
	}
	if re, err = syntax.Parse(`a\(b|\$+`, syntax.Perl); err != nil || required.Within(re, plain) != nil {
		t.Errorf("%v is left, %v", re, err)
	}
}

// FuzzWithin holds it to its promise: what matches a text of allowed characters still
// does, and meets the condition.
func FuzzWithin(f *testing.F) {
	f.Add(`(?i)c["']*u["']*r(?:\$x|[a-z(]{2,3})?`, "curab")
	f.Add(`[^a"]+|b*$`, "해치")
	f.Fuzz(func(t *testing.T, expr, text string) {
		if len(expr) > 200 || len(text) > 500 || strings.ContainsAny(text, `"'\$(`) || required.Exotic([]byte(text)) {
			t.Skip()
		}
		re, err := regexp.Compile(expr)
		if err != nil || !re.MatchString(text) {
			t.Skip()
		}
		tree, err := syntax.Parse(expr, syntax.Perl)
		if err != nil {
			t.Skip()
		}
		rest := required.Within(tree, plain)
		if rest == nil || !required.Of(rest).Holds([]byte(text)) {
			t.Errorf("%q matches %q and nothing is left, or %q does not hold", expr, text, rest)
		}
	})
}
