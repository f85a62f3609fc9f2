package waftest_test

import (
	"fmt"
	"slices"
	"testing"

	"haechi/internal/inspect/waf"
	"haechi/internal/inspect/waf/waftest"
)

// TestAnswers runs the Core Rule Set's own tests about answers at all levels, as Coraza
// judges them and as they are judged where words clear what they can: the same hits.
func TestAnswers(t *testing.T) {
	cases, others, err := waftest.LoadAnswers()
	if err != nil || len(cases) < 70 {
		t.Fatal(len(cases), err)
	}
	for level := 1; level <= 4; level++ {
		r := waf.Ruleset{Paranoia: level}
		plain, err := waf.NewAnswers(r, false)
		if err != nil {
			t.Fatal(err)
		}
		fast, err := waf.NewAnswers(r, true)
		if err != nil {
			t.Fatal(err)
		}
		passed, higher := 0, 0
		for i := range cases {
			c := &cases[i]
			v, err := c.Answer()
			if err != nil {
				t.Fatal(c.Name, err)
			}
			var out, quick waf.Result
			if err := plain.JudgeAnswer(v, &out); err != nil {
				t.Fatal(c.Name, err)
			}
			if err := fast.JudgeAnswer(v, &quick); err != nil {
				t.Fatal(c.Name, err)
			}
			if out.Score != quick.Score || !slices.Equal(out.Hits, quick.Hits) {
				t.Errorf("%s at %d: Coraza %d %v, fast %d %v", c.Name, level, out.Score, out.Hits, quick.Score, quick.Hits)
			}
			sum := 0
			for _, h := range out.Hits {
				if sum += h.Score; h.Rule == 0 || h.Where != "RESPONSE_BODY" || h.Shape == "" {
					t.Errorf("%s: %+v", c.Name, h)
				}
			}
			if sum != out.Score {
				t.Errorf("%s: the hits score %d, the answer %d", c.Name, sum, out.Score)
			}
			switch wrong := c.Check(out.IDs); {
			case wrong == "":
				passed++
			case level < 4:
				higher++ // a rule of a higher level
			default:
				t.Errorf("%s: %s", c.Name, wrong)
			}
		}
		cleared, asked := fast.Stats()
		fmt.Printf("paranoia %d: %d tests about answers pass, %d fail below the level of their rule, %d say no answer; %d cleared, Coraza asked about %d\n", level, passed, higher, others, cleared, asked)
	}
}
