package haechi_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haechi"
)

func TestHitsSurviveTheirForm(t *testing.T) {
	h := haechi.Hits{Score: 13, Threshold: 5, Omitted: 2, OmittedScore: 3, List: []haechi.Hit{
		{Rule: 200002, Denies: true, Where: "REQBODY_ERROR", Shape: "0"},
		{Rule: 942100, Score: 5, Excepted: true, Where: "ARGS:q", Shape: `x'_x_0=0`},
		{Rule: 941100, Score: 5, Where: "ARGS:a b,c/d%+!\x7f", Shape: ", +/"},
		{Rule: 0, Score: -2},
	}}
	got, err := haechi.ParseHits(h.String())
	if err != nil {
		t.Fatalf("%v of %q", err, h.String())
	}
	if d := cmp.Diff(h, got); d != "" {
		t.Error(d)
	}
	none := haechi.Hits{Score: 3, Threshold: 5}
	if none.String() != "" {
		t.Errorf("no hits are %q", none.String())
	}
}

func TestHitsAreBoundedAndTheStrongestStay(t *testing.T) {
	h := haechi.Hits{}
	for i := range haechi.MaxHits + 5 {
		h.List = append(h.List, haechi.Hit{Rule: 1000 + i, Score: 1 + i%5, Where: "ARGS:" + strings.Repeat("q", i)})
	}
	h.List = append(h.List, haechi.Hit{Rule: 1, Denies: true})
	sum := 0
	for _, one := range h.List {
		sum += one.Score
	}
	h.Sort()
	left := h.OmittedScore
	for _, one := range h.List {
		left += one.Score
	}
	if len(h.List) != haechi.MaxHits || h.Omitted != 6 || left != sum || !h.List[0].Denies || h.List[1].Score != 5 {
		t.Errorf("%d hits, %d omitted, %d of %d, first %+v", len(h.List), h.Omitted, left, sum, h.List[:2])
	}
}

// FuzzParseHits: what is read is written back as something that reads the same.
func FuzzParseHits(f *testing.F) {
	for _, s := range []string{"", "5/5 942100,5,ARGS:q,x", "5/5 1,!0,A,b +2,3", "5/5", "x/5 1,2,3,4", "5/5 1,2,%zz,4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := haechi.ParseHits(text)
		if err != nil || len(h.List) == 0 {
			return
		}
		again, err := haechi.ParseHits(h.String())
		if d := cmp.Diff(h, again); err != nil || d != "" {
			t.Errorf("%q: %v %s", text, err, d)
		}
	})
}
