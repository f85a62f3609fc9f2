package sieve_test

import (
	"testing"

	"haechi/internal/inspect/waf"
	"haechi/internal/inspect/waf/sieve"
)

// TestSample asks the oracle about one of two cleared requests. With an oracle of other
// rules the difference is found, reported, and the answer is the oracle's.
func TestSample(t *testing.T) {
	p := newPair(t, waf.Ruleset{})
	strict, err := waf.NewOracle(waf.Ruleset{Paranoia: 4})
	if err != nil {
		t.Fatal(err)
	}
	other, err := sieve.New(waf.Ruleset{}, strict)
	if err != nil {
		t.Fatal(err)
	}
	reported := 0
	same := sieve.Sample(p.sieve, 2, func(sieve.Difference) { t.Error("a difference where there is none") })
	wrong := sieve.Sample(other, 1, func(d sieve.Difference) {
		reported += d.Score
		if len(d.Missed) == 0 {
			t.Error("a difference without a rule")
		}
	})
	var out waf.Result
	for range 10 {
		out.Reset()
		if err := same.Judge(views()["GET"], &out); err != nil || out.Score != 0 {
			t.Errorf("score %d, %v", out.Score, err)
		}
	}
	if asked, differed := same.Counts(); asked != 5 || differed != 0 {
		t.Errorf("asked about %d, %d differed", asked, differed)
	}
	out.Reset()
	if err := wrong.Judge(views()["Korean"], &out); err != nil || out.Score == 0 || reported != out.Score {
		t.Errorf("score %d, reported %d, %v", out.Score, reported, err)
	}
	if _, differed := wrong.Counts(); differed != 1 {
		t.Errorf("%d differed", differed)
	}
}

// TestBroken: a defect while a request is looked at sends it to the oracle, and the next
// one is cleared as before.
func TestBroken(t *testing.T) {
	p := newPair(t, waf.Ruleset{})
	var out waf.Result
	if cleared, _ := p.sieve.Clear(nil, &out); cleared {
		t.Error("cleared what broke")
	}
	if cleared, rule := p.sieve.Clear(views()["GET"], &out); !cleared {
		t.Errorf("asked for %d", rule)
	}
	if cleared, asked, why := p.sieve.Stats(); cleared != 1 || asked != 1 || len(why) != 1 || why[0].Why == "" {
		t.Errorf("%d cleared, %d asked, for %v", cleared, asked, why)
	}
}
