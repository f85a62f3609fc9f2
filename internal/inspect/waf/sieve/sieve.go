package sieve

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"haechi"
	"haechi/internal/inspect/waf"
)

// Sieve is the fast engine. It is safe for concurrent use.
type Sieve struct {
	oracle   waf.Engine
	program  *program
	tables   *tables
	settings settings
	memo     *memo
	runs     sync.Pool

	conditionsOf [][]int32 // by predicate
	controlling  []int     // conditions that say how the body is read, in order
	countTargets []countTarget
	counting     [sources][]int

	cleared, asked atomic.Uint64
	reasons        reasons
}

// countTarget is a question about how many members a collection has.
type countTarget struct {
	predicate int32
	target    *target
}

// New compiles the rules of the ruleset that the oracle was made of. It takes about as
// long as making an oracle. Rules that cannot be compiled make no error: every request
// then goes to the oracle, and [Sieve.Hopeless] says why. Errors are of kind Invalid.
func New(r waf.Ruleset, oracle waf.Engine) (*Sieve, error) {
	s := &Sieve{oracle: oracle, memo: newMemo(), reasons: reasons{counts: map[reason]uint64{}}}
	var err error
	if s.program, s.settings, err = compile(r); err != nil {
		s.program = &program{hopeless: []string{err.Error()}}
	}
	if s.tables, err = index(s.program.predicates); err != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "compile the rules of the WAF", Err: err, Hint: "load fewer phrases, or set waf.engine to oracle"}
	}
	s.link()
	s.runs.New = func() any { return s.run() }
	return s, nil
}

func compile(r waf.Ruleset) (*program, settings, error) {
	all, err := readDirectives(r.Files(), r.Directives())
	if err != nil {
		return nil, settings{}, err
	}
	rules, set, err := parseRules(all)
	if err != nil {
		return nil, set, err
	}
	if !set.detects || set.stops {
		return nil, set, fmt.Errorf("the engine is off, or stops at the first rule")
	}
	c := compiler{rules: rules, settings: set, ops: &operators{files: r.Files(), made: map[string]*operator{}}, vars: map[string]string{}, out: &program{}}
	for _, phase := range []int{1, 2} {
		if err := c.walk(phase); err != nil {
			return nil, set, err
		}
	}
	return c.out, set, nil
}

// link prepares the ways from predicates to conditions and from values to counts.
func (s *Sieve) link() {
	s.conditionsOf = make([][]int32, len(s.program.predicates))
	for n, c := range s.program.conditions {
		for _, i := range c.predicates {
			s.conditionsOf[i] = append(s.conditionsOf[i], int32(n))
		}
		if c.neutral && c.reads() {
			s.controlling = append(s.controlling, n)
		}
	}
	for i, p := range s.program.predicates {
		for _, t := range p.counts {
			from, _ := sourcesOf(t)
			for _, f := range from {
				s.counting[f] = append(s.counting[f], len(s.countTargets))
			}
			s.countTargets = append(s.countTargets, countTarget{int32(i), t})
		}
	}
}

func (s *Sieve) run() *run {
	return &run{s: s, scratch: newScratch(s.tables), hit: make([]bool, len(s.program.predicates)),
		holds: make([]uint8, len(s.program.conditions)), counts: make([]int, len(s.countTargets))}
}

// Judge implements [waf.Engine].
func (s *Sieve) Judge(v *waf.View, out *waf.Result) error {
	if cleared, _ := s.Clear(v, out); cleared {
		return nil
	}
	return s.oracle.Judge(v, out)
}

// Clear reports whether the request needs no oracle; out is then its result. If not,
// rule is the rule that may match, 0 if it is something else.
func (s *Sieve) Clear(v *waf.View, out *waf.Result) (cleared bool, rule int) {
	if len(s.program.hopeless) > 0 {
		s.asked.Add(1)
		return false, 0
	}
	defer func() {
		// A defect here must cost a request time, not end the program.
		if recover() != nil {
			cleared, rule = s.ask(reason{why: "the fast engine broke"})
		}
	}()
	r := s.runs.Get().(*run)
	r.reset()
	r.request(v)
	if r.stop {
		why := r.reason
		s.runs.Put(r)
		return s.ask(why)
	}
	s.cleared.Add(1)
	out.IDs = append(append(out.IDs, s.program.always...), r.ids...)
	s.runs.Put(r)
	return true, 0
}

// ask counts a request that goes to the oracle, and why.
func (s *Sieve) ask(why reason) (cleared bool, rule int) {
	s.asked.Add(1)
	s.reasons.add(why)
	return false, why.rule
}

// Rule implements [waf.Engine].
func (s *Sieve) Rule(id int) (haechi.HitRule, bool) { return s.oracle.Rule(id) }

// Hopeless says why no request is ever cleared; empty if requests are.
func (s *Sieve) Hopeless() []string { return s.program.hopeless }

// reasons counts why requests went to the oracle. There are as many as rules and
// constant texts.
type reasons struct {
	mu     sync.Mutex
	counts map[reason]uint64
}

func (r *reasons) add(why reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[why]++
}

// Asked is how often one rule, or something else, sent a request to the oracle.
type Asked struct {
	Rule  int    // 0 if it was no rule
	Why   string // in a few words
	Count uint64
}

// Stats returns how many requests were cleared, how many went to the oracle, and for
// what, the most frequent first.
func (s *Sieve) Stats() (cleared, asked uint64, why []Asked) {
	s.reasons.mu.Lock()
	defer s.reasons.mu.Unlock()
	for _, k := range slices.Collect(maps.Keys(s.reasons.counts)) {
		why = append(why, Asked{k.rule, k.why, s.reasons.counts[k]})
	}
	slices.SortFunc(why, func(a, b Asked) int {
		if a.Count != b.Count {
			return int(min(b.Count, 1<<40)) - int(min(a.Count, 1<<40))
		}
		return a.Rule - b.Rule
	})
	return s.cleared.Load(), s.asked.Load(), why
}
