package waftest_test

import (
	"os"
	"strconv"
	"testing"

	"haechi/internal/inspect/waf"
	"haechi/internal/inspect/waf/waftest"
)

// TestRegression runs the Core Rule Set's own tests against the oracle at paranoia 4,
// each without a network, and holds that the scores of the hits add up to the score at
// all four levels.
func TestRegression(t *testing.T) {
	cases, answers, err := waftest.Load()
	if err != nil {
		t.Fatal(err)
	}
	for level := 1; level <= 4; level++ {
		o, err := waf.NewOracle(waf.Ruleset{Paranoia: level, Before: waftest.Setup})
		if err != nil {
			t.Fatal(err)
		}
		t.Run("paranoia "+strconv.Itoa(level), func(t *testing.T) { regression(t, o, level, cases, answers) })
	}
}

// step is how many cases lie between two that are run: all with HAECHI_LONG=1.
func step() int {
	if os.Getenv("HAECHI_LONG") == "1" {
		return 1
	}
	return 53
}

func regression(t *testing.T, o *waf.Oracle, level int, cases []waftest.Case, answers int) {
	var out waf.Result
	var passed, skipped, ran, rest int
	for i := 0; i < len(cases); i += step() {
		c := &cases[i]
		out.Reset()
		if err := o.Judge(c.View(), &out); err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		sum := 0
		for _, h := range out.Hits {
			sum += h.Score
			if h.Rule == 0 {
				rest++
				t.Logf("%s: %d of the score %d belong to no hit: %v", c.Name, h.Score, out.Score, out.Hits)
			}
		}
		if sum != out.Score {
			t.Errorf("%s: the hits score %d, the request %d", c.Name, sum, out.Score)
		}
		ran++
		switch wrong := c.Check(out.IDs); {
		case c.Skip != "":
			skipped++
		case wrong == "":
			passed++
		case level == 4:
			t.Logf("%s: %s", c.Name, wrong)
		}
	}
	t.Logf("%d cases run, %d passed, %d not judged by ids, %d with a score of no hit; %d tests of answers left out", ran, passed, skipped, rest, answers)
}
