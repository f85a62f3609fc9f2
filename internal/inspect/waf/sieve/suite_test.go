package sieve_test

import (
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"

	"haechi/internal/inspect/waf"
	"haechi/internal/inspect/waf/sieve"
	"haechi/internal/inspect/waf/waftest"
)

// pair is an oracle and the sieve before it, made of one ruleset.
type pair struct {
	oracle *waf.Oracle
	sieve  *sieve.Sieve
	want   waf.Result
	got    waf.Result
}

// newPair adds the rules of Haechi's own, so that they are compared with the others.
func newPair(t testing.TB, r waf.Ruleset) *pair {
	t.Helper()
	r.Extra = true
	r.Paranoia = max(r.Paranoia, 1)
	o := oracle(t, r)
	s, err := sieve.New(r, o)
	if err != nil {
		t.Fatal(err)
	}
	return &pair{oracle: o, sieve: s}
}

// oracles are those that tests share: to read the rules takes seconds under the race
// detector, and judging leaves nothing behind.
var oracles = struct {
	sync.Mutex
	of map[waf.Ruleset]*waf.Oracle
}{of: map[waf.Ruleset]*waf.Oracle{}}

// oracle is the one of the ruleset.
func oracle(t testing.TB, r waf.Ruleset) *waf.Oracle {
	t.Helper()
	oracles.Lock()
	defer oracles.Unlock()
	if oracles.of[r] == nil {
		o, err := waf.NewOracle(r)
		if err != nil {
			t.Fatal(err)
		}
		oracles.of[r] = o
	}
	return oracles.of[r]
}

// check compares one request: one that the sieve clears has no hit, no score and the
// same rules. Where it does not clear, the oracle's answer is the answer.
func (p *pair) check(t testing.TB, name string, v *waf.View) (cleared bool) {
	t.Helper()
	p.want.Reset()
	p.got.Reset()
	if cleared, _ = p.sieve.Clear(v, &p.got); !cleared {
		return false
	}
	if err := p.oracle.Judge(v, &p.want); err != nil {
		t.Errorf("%s: cleared, and the oracle fails: %v", name, err)
	}
	slices.Sort(p.want.IDs)
	slices.Sort(p.got.IDs)
	if p.want.Score != 0 || len(p.want.Hits) != 0 || !slices.Equal(p.want.IDs, p.got.IDs) {
		t.Errorf("%s: cleared, but the oracle has score %d, hits %v, and rules %v beyond %v\n%s %s\n%q\n%q", name,
			p.want.Score, p.want.Hits, without(p.want.IDs, p.got.IDs), without(p.got.IDs, p.want.IDs), v.Method, v.Target, v.Headers, v.Body)
	}
	return true
}

func without(a, b []int) []int {
	return slices.DeleteFunc(slices.Clone(a), func(i int) bool { return slices.Contains(b, i) })
}

// TestSuite compares the Core Rule Set's own tests at all four levels of paranoia.
func TestSuite(t *testing.T) {
	cases, _, err := waftest.Load()
	if err != nil {
		t.Fatal(err)
	}
	for level := 1; level <= 4; level++ {
		for _, setup := range []string{"", waftest.Setup}[min(level-1, 1):][:1] { // the makers' own setup from level 2 on
			p := newPair(t, waf.Ruleset{Paranoia: level, Before: setup})
			for _, why := range p.sieve.Hopeless() {
				t.Logf("paranoia %d: nothing is cleared: %s", level, why)
			}
			n, compared := 0, 0
			for i := 0; i < len(cases); i += step() {
				compared++
				if p.check(t, "paranoia "+strconv.Itoa(level)+": "+cases[i].Name, cases[i].View()) {
					n++
				}
			}
			_, _, why := p.sieve.Stats()
			t.Logf("paranoia %d: %d cases, %d cleared; the others most often for %v", level, compared, n, why[:min(len(why), 8)])
		}
	}
}

// step is how many cases lie between two that are compared: all with HAECHI_LONG=1.
func step() int {
	if os.Getenv("HAECHI_LONG") == "1" {
		return 1
	}
	return 17
}
