package sieve_test

import (
	"fmt"
	"strings"
	"testing"

	"haechi/internal/inspect/waf"
	"haechi/internal/inspect/waf/sieve"
	"haechi/internal/inspect/waf/waftest"
)

// refusals counts requests of a class, and how many of them were refused without and with
// the rules of Haechi's own.
type refusals struct{ n, without, with int }

// verdicts judges requests by paranoia 1 without and with the rules of Haechi's own.
type verdicts struct {
	without, with *sieve.Sieve
	out           waf.Result
	counts        map[string]*refusals
}

func newVerdicts(t *testing.T) *verdicts {
	v := &verdicts{counts: map[string]*refusals{}}
	for _, extra := range []bool{false, true} {
		r := waf.Ruleset{Paranoia: 1, Extra: extra}
		s, err := sieve.New(r, oracle(t, r))
		if err != nil {
			t.Fatal(err)
		}
		v.without, v.with = v.with, s
	}
	return v
}

func (v *verdicts) refused(t *testing.T, s *sieve.Sieve, view *waf.View) bool {
	v.out.Reset()
	if err := s.Judge(view, &v.out); err != nil {
		t.Fatal(err)
	}
	denies := false
	for _, h := range v.out.Hits {
		denies = denies || h.Denies
	}
	return denies || v.out.Score >= 5
}

func (v *verdicts) count(t *testing.T, class string, view *waf.View) (with bool) {
	c := v.counts[class]
	if c == nil {
		c = &refusals{}
		v.counts[class] = c
	}
	c.n++
	if v.refused(t, v.without, view) {
		c.without++
	}
	with = v.refused(t, v.with, view)
	if with {
		c.with++
	}
	return with
}

func (v *verdicts) table(t *testing.T, title string, classes []string) {
	var b strings.Builder
	for _, class := range classes {
		if c := v.counts[class]; c != nil {
			percent := func(n int) float64 { return 100 * float64(n) / float64(c.n) }
			fmt.Fprintf(&b, "\n| %s | %d | %d | %.1f %% | %d | %.1f %% |", class, c.n, c.without, percent(c.without), c.with, percent(c.with))
		}
	}
	t.Logf("%s, seed %d\n| class | requests | refused without | | with | |\n|---|---:|---:|---:|---:|---:|%s", title, *seed, b.String())
}

// TestVerdicts prints how many attacks of each class and how many honest requests are
// refused, without and with the rules of Haechi's own. It holds that they never refuse
// less, and that they refuse none of the honest requests that the Core Rule Set lets pass.
func TestVerdicts(t *testing.T) {
	v := newVerdicts(t)
	a := waftest.NewAssault(*seed)
	for i := range *mutants {
		class := waftest.Classes()[i%len(waftest.Classes())]
		v.count(t, class, a.Make(class))
	}
	v.table(t, "attacks that are made", waftest.Classes())
	b := waftest.NewBenign(*seed)
	for i := range *requests {
		kind := waftest.Mixed(i)
		view := b.Make(kind)
		c := v.counts[kind]
		before := 0
		if c != nil {
			before = c.without
		}
		if v.count(t, kind, view) && v.counts[kind].without == before {
			t.Errorf("%s %d is refused by a rule of ours alone: %v\n%s\n%q", kind, i, v.out.Hits, view.Target, view.Body)
		}
	}
	v.table(t, "honest requests", waftest.Kinds())
	v.suite(t)
	for class, c := range v.counts {
		if c.with < c.without {
			t.Errorf("%s: %d refused without, %d with", class, c.without, c.with)
		}
	}
}

// suite counts the tests that come with the Core Rule Set, of rules of all levels, by the
// file of the rule that they want to match.
func (v *verdicts) suite(t *testing.T) {
	cases, _, err := waftest.Load()
	if err != nil {
		t.Fatal(err)
	}
	names := map[int]string{930: "930 traversal", 931: "931 remote files", 932: "932 commands", 933: "933 PHP", 934: "934 server side", 941: "941 script", 942: "942 SQL", 943: "943 sessions", 944: "944 Java"}
	for i := 0; i < len(cases); i += step() {
		c := &cases[i]
		if name := names[c.Rule/1000]; name != "" && len(c.Expect) > 0 {
			v.count(t, name, c.View())
		}
	}
	v.table(t, "the Core Rule Set's own tests of rules of all levels, at paranoia 1",
		[]string{names[930], names[931], names[932], names[933], names[934], names[941], names[942], names[943], names[944]})
}
