package app_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/inspect/waf"
	"haechi/internal/inspect/waf/params"
	"haechi/internal/inspect/waf/sieve"
	"haechi/internal/inspect/waf/waftest"
)

var (
	wafAttacks = flag.Int("waf-attacks", 160, "attacks of all classes that TestContextVerdicts judges")
	wafHonest  = flag.Int("waf-honest", 400, "honest requests that it judges")
	wafLearned = flag.Int("waf-learned", 4_000, "honest requests from which it learns before")
	wafSeed    = flag.Uint64("waf-seed", 1, "seed of what it makes")
)

// weighing judges requests without waf.context and with it, at the score that it has
// without being set and at that of a critical rule. All ask one engine and one learner.
type weighing struct {
	t      *testing.T
	wafs   [3]*waf.Waf
	engine *askedOnce
	now    time.Time
	lesson haechi.Lesson
	counts map[string]*weighed
}

// askedOnce is an engine that is asked once about a request that several judge, so that
// they differ in nothing but what they make of it.
type askedOnce struct {
	waf.Engine
	again bool
	last  waf.Result
}

func (a *askedOnce) Judge(v *waf.View, out *waf.Result) error {
	if !a.again {
		a.last.Reset()
		if err := a.Engine.Judge(v, &a.last); err != nil {
			return err
		}
	}
	a.again = true
	out.Score, out.Hits, out.IDs = a.last.Score, append(out.Hits, a.last.Hits...), append(out.IDs, a.last.IDs...)
	return nil
}

// weighed counts requests of a class, those of which something was told, and those that
// were refused.
type weighed struct {
	n, told int
	refused [3]int
}

func newWeighing(t *testing.T) *weighing {
	rules := waf.Ruleset{Extra: true}
	rules.Paranoia = 1
	oracle, err := waf.NewOracle(rules)
	if err != nil {
		t.Fatal(err)
	}
	fast, err := sieve.New(rules, oracle)
	if err != nil {
		t.Fatal(err)
	}
	engine := &askedOnce{Engine: fast}
	w := &weighing{t: t, engine: engine, now: time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC), counts: map[string]*weighed{}}
	learner := params.New(params.Config{Settled: uint32(min(300, *wafLearned/100))}) // 300 is what it is; a short run has fewer values of each
	for i, s := range []waf.Service{{Context: haechi.Shadow}, {Context: haechi.Enforce}, {Context: haechi.Enforce, ContextScore: 5}} {
		s.Policy = waf.Policy{Mode: haechi.Enforce, Paranoia: 1}
		s.Engine = func(waf.Ruleset) (waf.Engine, error) { return engine, nil }
		if w.wafs[i], err = waf.New(waf.Config{Services: map[string]waf.Service{"site": s}, Context: learner}); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// networkOf is the nth client of many, each in a network of its own.
func networkOf(n int) *haechi.Actor {
	a := netip.AddrFrom4([4]byte{20, byte(n >> 8), byte(n), 7})
	return &haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, 32), Assurance: haechi.Handshaken}
}

// request is the view as the gate shows it.
func (w *weighing) request(v *waf.View, who *haechi.Actor) *haechi.Request {
	path, query, _ := strings.Cut(v.Target, "?")
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	w.lesson.Reset()
	r := &haechi.Request{Kind: haechi.KindRequest, Service: "site", Actor: who, Size: int64(len(v.Body)), Method: v.Method, Host: v.Host, Path: path, RawQuery: query,
		Target: v.Target, Protocol: v.Protocol, Body: bytes.NewReader(v.Body), Lesson: &w.lesson}
	r.Headers = func(yield func(name, value string) bool) {
		for _, h := range v.Headers {
			if h.Name != "Host" && !yield(h.Name, h.Value) {
				return
			}
		}
	}
	return r
}

// learn has honest requests of two weeks judged and answered.
func (w *weighing) learn(b waftest.Benign, n int) {
	for i := range n {
		w.now = w.now.Add(14 * 24 * time.Hour / time.Duration(n))
		v := b.Usual(200)
		if i%4 == 3 {
			v = b.Make(waftest.Mixed(i / 4))
		}
		w.engine.again = false
		r := w.request(v, networkOf(i%60))
		if w.wafs[0].Inspect(r, w.now).Action == haechi.Pass {
			w.wafs[0].Answered(r, 200, w.now)
		}
	}
}

func (w *weighing) judge(class string, v *waf.View, who *haechi.Actor) (told bool) {
	c := w.counts[class]
	if c == nil {
		c = &weighed{}
		w.counts[class] = c
	}
	c.n++
	w.engine.again = false
	for i, f := range w.wafs {
		verdict := f.Inspect(w.request(v, who), w.now)
		if verdict.Action == haechi.Deny {
			c.refused[i]++
		}
		told = strings.Contains(verdict.Hits, fmt.Sprint(waf.RuleContext))
	}
	if told {
		c.told++
	}
	return told
}

// TestContextVerdicts prints how many attacks of each class and how many honest requests
// are told of and refused because of what parameters usually hold, on a site that has been
// used for two weeks. It holds that no request is refused less, and, where it learned as
// much as parameters want, that nothing is told where they hold what they are for.
func TestContextVerdicts(t *testing.T) {
	t.Parallel()
	w := newWeighing(t)
	w.learn(waftest.NewBenign(*wafSeed+1), *wafLearned)
	a, b := waftest.NewAssault(*wafSeed), waftest.NewBenign(*wafSeed)
	classes := waftest.Classes()
	for i := range *wafAttacks {
		class := classes[i%len(classes)]
		w.judge(class, a.Make(class), networkOf(10_000+i%5000))
	}
	for i := range *wafHonest {
		who := networkOf(i % 120) // half of them known
		if v := b.Usual(0); w.judge("as meant", v, who) && *wafLearned >= 30_000 {
			t.Errorf("told of %s %s %q", v.Method, v.Target, v.Body)
		}
		w.judge("with a slip", b.Usual(10), who)
		w.judge("mixed", b.Make(waftest.Mixed(i)), who)
	}
	w.table(append(classes, "as meant", "with a slip", "mixed"))
}

func (w *weighing) table(classes []string) {
	var b strings.Builder
	for _, class := range classes {
		c := w.counts[class]
		percent := func(n int) float64 { return 100 * float64(n) / float64(c.n) }
		fmt.Fprintf(&b, "\n| %s | %d | %.1f %% | %.1f %% | %.1f %% | %.1f %% |", class, c.n, percent(c.told), percent(c.refused[0]), percent(c.refused[1]), percent(c.refused[2]))
		if c.refused[1] < c.refused[0] || c.refused[2] < c.refused[1] {
			w.t.Errorf("%s: refused %v", class, c.refused)
		}
	}
	w.t.Logf("seed %d, learned from %d requests\n| class | requests | told | refused without | with | with context_score 5 |\n|---|---:|---:|---:|---:|---:|%s", *wafSeed, *wafLearned, b.String())
}
