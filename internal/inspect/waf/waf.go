package waf

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
)

// Rule ids of the refusals that come before the rules are asked.
const (
	RuleBody        = "waf/body-size"    // more than is judged, and not to be judged in part
	RuleEncoding    = "waf/encoding"     // compressed in a way that is not decoded, or wrongly
	RuleContentType = "waf/content-type" // several content types: the server behind may take another than was judged
	RuleError       = "waf/error"        // the engine failed
)

// DefaultThreshold is the Core Rule Set's own: one critical rule.
const DefaultThreshold = 5

// Config is what is judged how, by service name.
type Config struct {
	Services map[string]Service
	// Exceptions are those in force, asked for each request with hits; nil: none.
	Exceptions func() []haechi.Exception
	// Context knows what parameters usually hold; nil: nobody does.
	Context Context
}

// Service is the policy of one service.
type Service struct {
	Policy
	Rules Ruleset // without Paranoia
	// Engine makes or finds the engine of a ruleset; nil means NewOracle.
	Engine func(Ruleset) (Engine, error)
	// Partial judges the first Rules.MaxBody bytes of longer bodies; otherwise they
	// are refused. A cut JSON or XML body counts as malformed all the same.
	Partial bool
	// Open lets requests pass that the engine could not judge.
	Open bool
	// Context says whether what is usual is learned and told (Shadow), and adds to the
	// score (Enforce). ContextScore is what it adds; 0 means [ContextScore], and never
	// enough to refuse by itself.
	Context      haechi.Mode
	ContextScore int
	// Routes are policies of paths and what is below them; the longest wins.
	Routes []Route
	// Answers is how the answers of the server behind are judged.
	Answers AnswerPolicy
}

// Policy is how strictly is judged.
type Policy struct {
	Mode      haechi.Mode
	Paranoia  int // 0 means 1
	Threshold int // 0 means DefaultThreshold
}

// Route is the policy of a path.
type Route struct {
	Path string
	Policy
	Answers haechi.Mode // how the answers are judged; 0: as for the service
}

// Waf judges requests with their bodies. It is safe for concurrent use.
type Waf struct {
	services   map[string]*service
	exceptions func() []haechi.Exception
	context    Context
	scratch    sync.Pool
	counts     counts
	answered   answerCounts
}

type counts struct {
	judged, hit, denied, shadowed, excepted, oversized, failed atomic.Uint64
}

type service struct {
	base, odd *policy
	routes    []route
	maxBody   int
	partial   bool
	open      bool
	inflate   bool

	context      haechi.Mode
	contextScore int
}

type route struct {
	path string
	*policy
}

// policy is a Policy made ready.
type policy struct {
	mode      haechi.Mode
	threshold int
	engine    Engine
	answers   *answers // nil: answers are not judged
}

// New loads the rules of all services that have a WAF. Errors are those of the engine.
func New(cfg Config) (*Waf, error) {
	w := &Waf{services: map[string]*service{}, exceptions: cfg.Exceptions, context: cfg.Context}
	w.scratch.New = func() any { return &work{} }
	if w.exceptions == nil {
		w.exceptions = func() []haechi.Exception { return nil }
	}
	for name, s := range cfg.Services {
		ready, err := s.ready()
		if err != nil {
			return nil, err
		}
		if ready != nil {
			w.services[name] = ready
		}
	}
	return w, nil
}

// ready loads what the service needs; nil if nothing of it is judged.
func (s Service) ready() (*service, error) {
	if s.Engine == nil {
		s.Engine = func(r Ruleset) (Engine, error) { return NewOracle(r) }
	}
	s.Rules = s.Rules.withDefaults()
	out := &service{maxBody: s.Rules.MaxBody, partial: s.Partial, open: s.Open, inflate: s.Rules.Inflated,
		context: s.Context, contextScore: s.ContextScore}
	strict, answers, err := s.Policy, s.Answers.Mode, error(nil)
	if out.base, err = s.policy(s.Policy, answers); err != nil {
		return nil, err
	}
	on := s.Policy.on()
	for _, r := range s.Routes {
		if r.Answers == 0 {
			r.Answers = s.Answers.Mode
		}
		p, err := s.policy(r.Policy, r.Answers)
		if err != nil {
			return nil, err
		}
		out.routes = append(out.routes, route{strings.TrimSuffix(r.Path, "/"), p})
		strict, on, answers = stricter(strict, r.Policy), on || r.on(), max(answers, r.Answers)
	}
	if !on && answers <= haechi.Off {
		return nil, nil
	}
	out.odd, err = s.policy(strict, answers)
	return out, err
}

func (p Policy) on() bool { return p.Mode == haechi.Shadow || p.Mode == haechi.Enforce }

// stricter takes the stricter of each.
func stricter(a, b Policy) Policy {
	return Policy{Mode: max(a.Mode, b.Mode), Paranoia: max(a.Paranoia, b.Paranoia),
		Threshold: min(a.withDefaults().Threshold, b.withDefaults().Threshold)}
}

func (p Policy) withDefaults() Policy {
	if p.Threshold == 0 {
		p.Threshold = DefaultThreshold
	}
	return p
}

func (s Service) policy(p Policy, mode haechi.Mode) (out *policy, err error) {
	p = p.withDefaults()
	out = &policy{mode: p.Mode, threshold: p.Threshold}
	answers := s.Answers
	answers.Mode = mode
	if out.answers, err = answers.ready(s.Rules, p.Paranoia); err != nil || !p.on() {
		return out, err
	}
	rules := s.Rules
	rules.Paranoia = max(p.Paranoia, 1)
	out.engine, err = s.Engine(rules)
	return out, err
}

// of is the policy of a path. A path that is no route's word for word, but could be
// read as one, gets the strictest policy of the service.
func (s *service) of(p string) *policy {
	if len(s.routes) == 0 {
		return s.base
	}
	if !haechi.PlainPath(p) {
		return s.odd
	}
	best, found := s.base, -1
	for i := range s.routes {
		r := &s.routes[i]
		switch {
		case len(r.path) <= found || len(p) < len(r.path):
		case p[:len(r.path)] == r.path && (len(p) == len(r.path) || p[len(r.path)] == '/'):
			best, found = r.policy, len(r.path)
		case strings.EqualFold(p[:len(r.path)], r.path):
			return s.odd // another case, or /login.json
		}
	}
	return best
}

// Wants is how much of the request's body is to be held for Inspect, in bytes; 0 means
// that the request is not judged.
func (w *Waf) Wants(r *haechi.Request) int {
	s := w.services[r.Service]
	if s == nil || s.of(r.Path).engine == nil {
		return 0
	}
	return s.maxBody
}

// Inspect judges a request with its body. The verdict has the hits, also where it
// passes or is in shadow.
func (w *Waf) Inspect(r *haechi.Request, now time.Time) haechi.Verdict {
	s := w.services[r.Service]
	if s == nil || r.Actor.Allowed {
		return haechi.Verdict{}
	}
	p := s.of(r.Path)
	if p.engine == nil {
		return haechi.Verdict{}
	}
	w.counts.judged.Add(1)
	k := w.scratch.Get().(*work)
	defer func() {
		k.reset()
		w.scratch.Put(k)
	}()
	v := w.inspect(k, s, p, r, now)
	if v.Action == haechi.Pass {
		return v
	}
	v.Shadow = p.mode == haechi.Shadow
	v.Ref = haechi.NewReference(v.Rule+"/"+r.Service+r.Path+string(k.found()), r.Actor.Client.String(), now)
	if v.Shadow {
		w.counts.shadowed.Add(1)
	} else {
		w.counts.denied.Add(1)
	}
	return v
}

// Counters are the WAF's counts since it was made.
func (w *Waf) Counters() []haechi.Counter {
	c := &w.counts
	return append(w.answerCounters(), []haechi.Counter{
		{Name: "waf_judged", Value: c.judged.Load()},
		{Name: "waf_hit", Value: c.hit.Load()},
		{Name: "waf_denied", Value: c.denied.Load()},
		{Name: "waf_shadowed", Value: c.shadowed.Load()},
		{Name: "waf_excepted", Value: c.excepted.Load()},
		{Name: "waf_oversized", Value: c.oversized.Load()},
		{Name: "waf_failed", Value: c.failed.Load()},
	}...)
}
