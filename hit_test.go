package haechi_test

import (
	"strings"
	"testing"
	"time"

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

func TestMinimalExceptions(t *testing.T) {
	hit := func(rule, score int, where string) haechi.Hit {
		return haechi.Hit{Rule: rule, Score: score, Where: where}
	}
	for name, tt := range map[string]struct {
		hits haechi.Hits
		want int
	}{
		"one":       {haechi.Hits{Score: 5, Threshold: 5, List: []haechi.Hit{hit(1, 5, "ARGS:q")}}, 1},
		"strongest": {haechi.Hits{Score: 8, Threshold: 5, List: []haechi.Hit{hit(1, 5, "ARGS:q"), hit(2, 3, "ARGS:q")}}, 1},
		"two":       {haechi.Hits{Score: 10, Threshold: 5, List: []haechi.Hit{hit(1, 5, "ARGS:q"), hit(2, 5, "ARGS:r")}}, 2},
		"denies":    {haechi.Hits{Score: 3, Threshold: 5, List: []haechi.Hit{{Rule: 7, Denies: true, Where: "X"}, hit(2, 3, "ARGS:r")}}, 1},
		"unnamed":   {haechi.Hits{Score: 5, Threshold: 5, List: []haechi.Hit{hit(0, 5, "")}}, 0},
		"omitted":   {haechi.Hits{Score: 15, Threshold: 5, Omitted: 2, OmittedScore: 10, List: []haechi.Hit{hit(1, 5, "ARGS:q")}}, 0},
	} {
		got := tt.hits.Minimal()
		if len(got) != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
		var all []haechi.Exception
		now := time.Unix(1_800_000_000, 0)
		for _, h := range got {
			all = append(all, haechi.Exception{Service: "s", Rule: h.Rule, Path: "/a", Where: h.Where, Expires: now.Add(time.Hour)})
		}
		tt.hits.Except(all, "s", "/a", now)
		if tt.want > 0 && tt.hits.Refuse() {
			t.Errorf("%s: refused all the same", name)
		}
		for _, other := range []struct{ service, path string }{{"t", "/a"}, {"s", "/b"}, {"s", "/a/"}, {"s", "/a/../a"}} {
			if tt.hits.Except(all, other.service, other.path, now); !tt.hits.Refuse() {
				t.Errorf("%s: the exception reaches %v", name, other)
			}
		}
		if tt.hits.Except(all, "s", "/a", now.Add(time.Hour)); !tt.hits.Refuse() {
			t.Errorf("%s: the exception did not end", name)
		}
	}
}

func TestExceptionsBelowAPath(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	x := haechi.Exception{Service: "s", Rule: 1, Path: "/api/", Where: "ARGS:q", Expires: now.Add(time.Hour)}
	for path, want := range map[string]bool{"/api/a": true, "/api/a/b/": true, "/api/": true, "/api/문": true, "/api": false, "/apix": false, "/API/a": false,
		"/api/../admin": false, "/api//a": false, "/api/a;x": false, "/api/%2e%2e/a": false, "/api/a\\b": false, "/api/a\x00": false, "": false} {
		if got := x.Covers("s", path, &haechi.Hit{Rule: 1, Where: "ARGS:q"}, now); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}
