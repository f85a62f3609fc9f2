package sieve

import (
	"regexp"
	"strings"
	"testing"

	"rsc.io/binaryregexp"

	"haechi/internal/inspect/waf"
)

// expression is an operator of the Core Rule Set with the plain way to ask it.
type expression struct {
	text  string
	op    *operator
	plain func([]byte) bool
}

// expressions are those of all paranoia levels, for bytes and for UTF-8.
func expressions(t testing.TB) (all []expression, binary int) {
	t.Helper()
	p, _, err := compile(waf.Ruleset{Paranoia: 4})
	if err != nil {
		t.Fatal(err)
	}
	for _, pred := range p.predicates {
		text := pred.link.argument
		if pred.link.operator != "rx" || strings.Contains(text, "%{") {
			continue
		}
		e := expression{text: text, op: pred.op}
		if bytesOnly("(?sm)" + text) {
			e.plain, binary = binaryregexp.MustCompile(text).Match, binary+1
		} else {
			e.plain = regexp.MustCompile("(?sm)" + text).Match
		}
		all = append(all, e)
	}
	return all, binary
}

// FuzzExpressions: every expression of the Core Rule Set has the answer of the package
// that compiled it, whatever the text, the second time too.
func FuzzExpressions(f *testing.F) {
	all, binary := expressions(f)
	if len(all) < 150 || binary == 0 {
		f.Fatalf("%d expressions, %d of them for bytes", len(all), binary)
	}
	for _, text := range []string{"", "' or 1=1--", "\xbcscript>\xbe", "$_GET[a]", "<img onerror=alert(1)>", "; cat /etc/passwd", "${jndi:ldap://a}", "겨울 코트", "\xff\xfe\x00\r\n", "http://127.0.0.1/?a=b", "(&(a=b))"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 400 {
			t.Skip()
		}
		for _, e := range all {
			want := e.plain(text)
			for range 2 {
				if got := e.op.match(text); got != want {
					t.Errorf("%.80s in %q: %v, want %v", e.text, text, got, want)
				}
			}
		}
	})
}
