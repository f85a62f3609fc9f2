package waf_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/inspect/waf"
)

// said is a context that finds the parameters unusual whose names it is made of, and
// remembers who teaches.
type said struct {
	names  []string
	known  bool
	taught int
}

func (s *said) Weigh(_ *waf.View, r *haechi.Request, clean bool, hits []haechi.Hit, _ time.Time) []haechi.Hit {
	r.Lesson.Clean = clean
	for _, n := range s.names {
		hits = append(hits, haechi.Hit{Rule: waf.RuleContext, Where: "ARGS:" + n, Usual: haechi.Usual{Kinds: "integer", Requests: 300, Known: s.known}})
	}
	return hits
}

func (s *said) Learn(*haechi.Request, time.Time) { s.taught++ }

// found is an engine that always finds the same.
type found struct{ hits []haechi.Hit }

func (f found) Judge(_ *waf.View, out *waf.Result) error {
	for _, h := range f.hits {
		out.Hits, out.Score = append(out.Hits, h), out.Score+h.Score
	}
	return nil
}

func (found) Rule(int) (haechi.HitRule, bool) { return haechi.HitRule{}, false }

// weighed is one request judged.
func weighed(t *testing.T, s waf.Service, c *said, hits []haechi.Hit, except ...haechi.Exception) (haechi.Verdict, *waf.Waf, *haechi.Request) {
	t.Helper()
	s.Engine = func(waf.Ruleset) (waf.Engine, error) { return found{hits}, nil }
	w, err := waf.New(waf.Config{Services: map[string]waf.Service{"shop": s}, Context: c, Exceptions: func() []haechi.Exception { return except }})
	if err != nil {
		t.Fatal(err)
	}
	a := netip.MustParseAddr("203.0.113.9")
	r := &haechi.Request{Service: "shop", Method: "GET", Path: "/item/1", Target: "/item/1?id=x", Actor: &haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, 32)}, Lesson: new(haechi.Lesson)}
	return w.Inspect(r, time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)), w, r
}

func TestContextAddsToTheScoreWhereItIsEnforced(t *testing.T) {
	warning := []haechi.Hit{{Rule: 920100, Score: 2, Where: "REQUEST_LINE"}}
	excepted := haechi.Exception{Service: "shop", Rule: waf.RuleContext, Path: "/item/1", Where: "ARGS:id", Expires: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
	for _, c := range []struct {
		name   string
		s      waf.Service
		c      said
		hits   []haechi.Hit
		except []haechi.Exception
		score  string // and threshold
		denied bool
	}{
		{"shadow", waf.Service{Context: haechi.Shadow}, said{names: []string{"id"}}, warning, nil, "2/5", false},
		{"off", waf.Service{}, said{names: []string{"id"}}, warning, nil, "2/5", false},
		{"alone", waf.Service{Context: haechi.Enforce}, said{names: []string{"id"}}, nil, nil, "3/5", false},
		{"many alone", waf.Service{Context: haechi.Enforce}, said{names: []string{"id", "page", "size"}}, nil, nil, "3/5", false},
		{"with a second sign", waf.Service{Context: haechi.Enforce}, said{names: []string{"id", "page"}}, warning, nil, "5/5", true},
		{"with standing", waf.Service{Context: haechi.Enforce}, said{names: []string{"id"}, known: true}, warning, nil, "2/5", false},
		{"a low threshold", waf.Service{Policy: waf.Policy{Threshold: 3}, Context: haechi.Enforce}, said{names: []string{"id"}}, nil, nil, "2/3", false},
		{"as the operator says", waf.Service{Context: haechi.Enforce, ContextScore: 5}, said{names: []string{"id"}}, nil, nil, "5/5", true},
		{"excepted", waf.Service{Context: haechi.Enforce}, said{names: []string{"id"}}, warning, []haechi.Exception{excepted}, "2/5", false},
		{"one excepted", waf.Service{Context: haechi.Enforce}, said{names: []string{"id", "page"}}, warning, []haechi.Exception{excepted}, "5/5", true},
	} {
		c.s.Mode = haechi.Enforce
		v, _, _ := weighed(t, c.s, &c.c, c.hits, c.except...)
		if !strings.HasPrefix(v.Hits, c.score+" ") || (v.Action == haechi.Deny) != c.denied {
			t.Errorf("%s: %v with %q, want %s", c.name, v.Action, v.Hits, c.score)
		}
		h, err := haechi.ParseHits(v.Hits)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for _, one := range h.List {
			if one.Rule == waf.RuleContext && one.Usual.Requests != 300 {
				t.Errorf("%s: %+v says not what is usual", c.name, one)
			}
		}
	}
}

func TestOnlyCleanRequestsThatWereAnsweredTeach(t *testing.T) {
	for _, c := range []struct {
		hits   []haechi.Hit
		c      said
		status int
		taught int
	}{
		{nil, said{}, 200, 1},
		{nil, said{}, 302, 1},
		{nil, said{names: []string{"id"}}, 200, 1}, // else a changed application would never be learned
		{nil, said{}, 404, 0},
		{nil, said{}, 500, 0},
		{[]haechi.Hit{{Rule: 920100, Score: 2}}, said{}, 200, 0},
	} {
		s := waf.Service{Policy: waf.Policy{Mode: haechi.Enforce}, Context: haechi.Shadow}
		_, w, r := weighed(t, s, &c.c, c.hits)
		if w.Answered(r, c.status, time.Time{}); c.c.taught != c.taught {
			t.Errorf("%v answered with %d: %d taught", c.hits, c.status, c.c.taught)
		}
	}
}
