package app

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"haechi"
	"haechi/internal/inspect/waf"
	"haechi/internal/inspect/waf/sieve"
)

const (
	// topEscalations bounds how many rules are named among the counters.
	topEscalations = 10
	// differsEvery is how often a difference between the engines makes an event.
	differsEvery = time.Minute
	// maxNamed bounds how many rules an event names.
	maxNamed = 20
)

// ruleEngine is the rule id of the event about a difference between the WAF's engines.
const ruleEngine = "waf/engine"

// ruling is what an engine is made of.
type ruling struct {
	rules  waf.Ruleset
	fast   bool
	sample uint64 // the oracle is asked about one of so many cleared requests; 0: none
	// answers says that it is about answers.
	answers bool
}

// engine is what was made of a ruling.
type engine struct {
	waf.Engine
	sieve   *sieve.Sieve   // nil: the oracle alone
	sampler *sieve.Sampler // nil: no samples
	why     string         // why the oracle is alone although the fast engine was asked for
	answers *waf.Answers   // nil: about requests
}

// engines keeps the engine of each ruling, so that a reload that leaves the rules alone
// loads none. It outlives worlds. The zero value works and reports nothing.
type engines struct {
	log  *slog.Logger
	now  func() time.Time
	emit func(*haechi.Event)

	mu   sync.Mutex
	made map[ruling]*engine

	telling sync.Mutex
	told    time.Time // when the last difference made an event
}

// of makes the engine of the ruling, or finds it.
func (e *engines) of(r ruling) (waf.Engine, error) {
	return e.engine(r, e.build)
}

// ofAnswers is of for an engine that judges answers.
func (e *engines) ofAnswers(r ruling) (waf.AnswerEngine, error) {
	made, err := e.engine(r, func(r ruling) (*engine, error) {
		a, err := waf.NewAnswers(r.rules, r.fast)
		return &engine{answers: a}, err
	})
	if err != nil {
		return nil, err
	}
	return made.answers, nil
}

// answerRules is a ruleset without what answers have nothing to do with, so that one
// engine serves all whose answers are judged alike.
func answerRules(r waf.Ruleset) waf.Ruleset {
	return waf.Ruleset{Paranoia: r.Paranoia, Before: r.Before, After: r.After}
}

func (e *engines) engine(r ruling, build func(ruling) (*engine, error)) (*engine, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if old := e.made[r]; old != nil {
		return old, nil
	}
	made, err := build(r)
	if err != nil {
		return nil, err
	}
	if e.made == nil {
		e.made = map[ruling]*engine{}
	}
	e.made[r] = made
	return made, nil
}

// build loads the rules. Rules of which the fast engine would clear nothing make the
// oracle alone.
func (e *engines) build(r ruling) (*engine, error) {
	oracle, err := waf.NewOracle(r.rules)
	if err != nil || !r.fast {
		return &engine{Engine: oracle}, err
	}
	fast, err := sieve.New(r.rules, oracle)
	if err != nil {
		return nil, err
	}
	if why := fast.Hopeless(); len(why) > 0 {
		text := strings.Join(why[:min(len(why), maxNamed)], "; ")
		if e.log != nil {
			e.log.Warn("the fast engine of the WAF clears nothing with these rules; Coraza is asked about every request", "why", text)
		}
		return &engine{Engine: oracle, why: text}, nil
	}
	if r.sample == 0 {
		return &engine{Engine: fast, sieve: fast}, nil
	}
	sampled := sieve.Sample(fast, r.sample, e.differs)
	return &engine{Engine: sampled, sieve: fast, sampler: sampled}, nil
}

// keep forgets the engines that are not among the used.
func (e *engines) keep(used map[ruling]bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for r := range e.made {
		if !used[r] {
			delete(e.made, r)
		}
	}
}

// stats are the counters of the fast engines in use, with the rules that asked the
// oracle most often.
func (e *engines) stats() []haechi.Counter {
	e.mu.Lock()
	defer e.mu.Unlock()
	var cleared, escalated, sampled, differed, quiet, asking uint64
	asked := map[string]uint64{}
	for _, one := range e.made {
		if one.answers != nil {
			c, a := one.answers.Stats()
			quiet, asking = quiet+c, asking+a
		}
		if one.sieve == nil {
			continue
		}
		c, a, why := one.sieve.Stats()
		cleared, escalated = cleared+c, escalated+a
		for _, w := range why {
			asked[escalation(w)] += w.Count
		}
		if one.sampler != nil {
			n, d := one.sampler.Counts()
			sampled, differed = sampled+n, differed+d
		}
	}
	return append([]haechi.Counter{{Name: "waf_cleared", Value: cleared}, {Name: "waf_escalated", Value: escalated},
		{Name: "waf_sampled", Value: sampled}, {Name: "waf_differed", Value: differed},
		{Name: "waf_answers_cleared", Value: quiet}, {Name: "waf_answers_escalated", Value: asking}}, top(asked)...)
}

func escalation(a sieve.Asked) string {
	if a.Rule != 0 {
		return fmt.Sprintf("waf_escalated/%d", a.Rule)
	}
	return "waf_escalated/" + strings.ReplaceAll(a.Why, " ", "_")
}

// top are the largest of the counts.
func top(counts map[string]uint64) (out []haechi.Counter) {
	for name, n := range counts {
		out = append(out, haechi.Counter{Name: name, Value: n})
	}
	slices.SortFunc(out, func(a, b haechi.Counter) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), strings.Compare(a.Name, b.Name))
	})
	return out[:min(len(out), topEscalations)]
}

// whyNotFast says which rules keep the fast engine from being used; nil if none do.
func (e *engines) whyNotFast() (out []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, one := range e.made {
		if one.why != "" {
			out = append(out, "the fast engine of the WAF clears nothing, and every request goes to Coraza: "+one.why+
				"; narrow that rule, or set waf.engine: oracle")
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// differs tells that the fast engine cleared what the oracle did not, at most once in
// differsEvery; the counter has them all.
func (e *engines) differs(d sieve.Difference) {
	if e.emit == nil {
		return
	}
	now := e.now()
	e.telling.Lock()
	due := now.Sub(e.told) >= differsEvery
	if due {
		e.told = now
	}
	e.telling.Unlock()
	if !due {
		return
	}
	text := fmt.Sprintf("the fast engine of the WAF cleared a request to which Coraza gives %d; only Coraza matched %s, only the fast engine %s; set waf.engine: oracle and report it",
		d.Score, ruleIDs(d.Missed), ruleIDs(d.Extra))
	e.log.Error("the engines of the WAF differ", "missed", ruleIDs(d.Missed), "extra", ruleIDs(d.Extra), "score", d.Score)
	e.emit(&haechi.Event{Time: now.UTC(), Kind: haechi.KindSystem, Outcome: haechi.Failure, Severity: haechi.High, Provoked: true,
		Reason: haechi.ReasonInternal, Rule: ruleEngine, Observed: float64(d.Score), Text: text})
}

// ruleIDs lists rules, the first maxNamed of them.
func ruleIDs(ids []int) string {
	if len(ids) == 0 {
		return "none"
	}
	parts := make([]string, 0, maxNamed)
	for _, id := range ids[:min(len(ids), maxNamed)] {
		parts = append(parts, fmt.Sprint(id))
	}
	return strings.Join(parts, ", ")
}
