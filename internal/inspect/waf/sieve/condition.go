package sieve

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// program is what the rules come to.
type program struct {
	always     []int // rules that match every request and do nothing to it
	predicates []*predicate
	conditions []*condition
	hopeless   []string // why nothing is ever cleared
}

// predicate is one question about the values of a request: does the operator match any
// of them, and do the links of the chain that look only at what was matched agree?
type predicate struct {
	link    *link
	op      *operator
	sources [sources][]*target
	counts  []*target
	local   *local
}

// local is a link whose variables are made of the value that the link before it
// matched.
type local struct {
	link  *link
	op    *operator
	parts []part
}

// part is where a local link's value comes from: the value itself, a submatch, or a
// text with macros for them.
type part struct {
	whole   bool
	group   int
	pattern string // with macros; empty: not used
	// name is what the variable of TX is called, with macros, and must the pattern that
	// it has to match; nil: it is read whatever its name.
	name string
	must *regexp.Regexp
}

// condition is one way for a rule to match: all predicates hold.
type condition struct {
	rule       int
	phase      int
	neutral    bool
	predicates []int
	controls   []control
	processor  []int // predicates on REQBODY_PROCESSOR, asked when the controls run
}

// condition adds the ways for a rule to match. Links that read what another rule set
// are put after the links of that rule, one way for each.
func (c *compiler) condition(r *rule, links []*link, neutral bool) error {
	for _, l := range links {
		for i := range l.targets {
			if t := &l.targets[i]; t.name == "TX" && !isCapture(t.key) && !ownWriter(links, l, t) {
				return c.foreign(r, links, t, neutral)
			}
		}
	}
	c.add(r, links, neutral, false)
	return nil
}

// ownWriter reports whether a link of the chain before l sets what the target reads.
func ownWriter(links []*link, l *link, t *target) bool {
	for _, before := range links {
		if before == l {
			return false
		}
		for _, s := range before.sets {
			if w := writerOf(s, nil, 0); w.meets(t) {
				return true
			}
		}
	}
	return false
}

func (c *compiler) foreign(r *rule, links []*link, t *target, neutral bool) error {
	found := false
	for _, w := range slices.Clone(c.writers) {
		if !w.meets(t) || w.phase > r.phase {
			continue
		}
		found = true
		if t.count || neutral {
			return fmt.Errorf("it counts what other rules set")
		}
		c.add(r, slices.Concat(w.links, links), false, true)
	}
	if t.count && !found {
		return fmt.Errorf("it counts a variable of TX that is not known")
	}
	return nil
}

// add compiles one way to match. foreign says that the links of another rule come
// first, and that there is a way for each such rule.
func (c *compiler) add(r *rule, links []*link, neutral, foreign bool) {
	k := &condition{rule: r.id, phase: r.phase, neutral: neutral}
	exact := true
	var head *predicate
	for _, l := range links {
		k.controls = append(k.controls, l.controls...)
		if l.operator == "" {
			continue
		}
		if isLocal(l) {
			exact = c.attach(head, l, links, foreign) && exact
			continue
		}
		p := c.predicate(l, r.phase)
		if p == nil {
			exact, head = false, nil
			continue
		}
		head = p
		if p.sources[fromProcessor] != nil && k.reads() && r.phase == 1 {
			k.processor = append(k.processor, len(c.out.predicates))
		} else {
			k.predicates = append(k.predicates, len(c.out.predicates))
		}
		c.out.predicates = append(c.out.predicates, p)
	}
	if !neutral || !exact {
		k.neutral = false
	}
	if len(k.predicates)+len(k.processor) == 0 {
		c.out.hopeless = append(c.out.hopeless, fmt.Sprintf("rule %d may match any request", r.id))
	}
	c.out.conditions = append(c.out.conditions, k)
}

// reads reports whether the condition says how the body is read.
func (k *condition) reads() bool { return slices.ContainsFunc(k.controls, reads) }

// isLocal reports whether a link looks only at what its chain matched.
func isLocal(l *link) bool {
	for i := range l.targets {
		if !slices.Contains([]string{"TX", "MATCHED_VAR", "MATCHED_VARS"}, l.targets[i].name) {
			return false
		}
	}
	return len(l.targets) > 0
}

// predicate compiles a link that looks at the request, or returns nil if nothing can
// be said about when it matches.
func (c *compiler) predicate(l *link, phase int) *predicate {
	argument, ok := c.expand(l.argument)
	if !ok || l.unknown != "" {
		return nil
	}
	op, err := c.ops.build(l, argument)
	if err != nil {
		return nil
	}
	p := &predicate{link: l, op: op}
	for i := range l.targets {
		t := &l.targets[i]
		from, ok := sourcesOf(t)
		if !ok || t.count && (l.multi || from[0].single()) {
			return nil
		}
		for _, s := range from {
			if phase == 1 && (s.ofBody() && (s.single() || t.count)) && s != fromProcessor {
				return nil
			}
			if !t.count {
				p.sources[s] = append(p.sources[s], t)
			}
		}
		if t.count {
			p.counts = append(p.counts, t)
		}
	}
	return p
}

// attach puts a local link to the predicate before it. It reports whether the link is
// taken in exactly; if it cannot be, it counts as true.
func (c *compiler) attach(head *predicate, l *link, chain []*link, foreign bool) bool {
	argument, ok := c.expand(l.argument)
	if head == nil || head.local != nil || !ok || l.unknown != "" || l.multi || len(head.counts) > 0 {
		return false
	}
	op, err := c.ops.build(l, argument)
	if err != nil {
		return false
	}
	loc := &local{link: l, op: op}
	for i := range l.targets {
		t := &l.targets[i]
		if t.count || len(t.except) > 0 || !foreign && c.shared(t, chain) {
			return false
		}
		parts, ok := head.parts(t)
		if !ok {
			return false
		}
		loc.parts = append(loc.parts, parts...)
	}
	head.local = loc
	return true
}

// shared reports whether a rule outside of the chain may set what the target reads
// beside the chain's own value.
func (c *compiler) shared(t *target, chain []*link) bool {
	return slices.ContainsFunc(c.writers, func(w writer) bool {
		return w.meets(t) && !slices.Contains(chain, w.links[len(w.links)-1]) && (t.pattern != nil || w.prefix)
	})
}

// parts says where a variable of a local link comes from.
func (p *predicate) parts(t *target) ([]part, bool) {
	captures := p.link.capture && !p.link.negated && p.op.groups != nil
	if t.name != "TX" {
		return []part{{whole: true}}, t.key == "" && t.pattern == nil
	}
	if n, err := strconv.Atoi(t.key); err == nil && isCapture(t.key) {
		return []part{{group: n}}, captures && n <= p.op.count && n < 9
	}
	var parts []part
	for _, s := range p.link.sets {
		if w := writerOf(s, nil, 0); !w.meets(t) {
			continue
		}
		if !captures || s.remove || s.value == "" || s.value[0] == '+' || s.value[0] == '-' || !p.template(s.value) {
			return nil, false
		}
		made := part{pattern: s.value}
		if t.pattern != nil && p.template(s.name) {
			made.name, made.must = s.name, t.pattern
		}
		parts = append(parts, made)
	}
	return parts, len(parts) > 0
}

// template reports whether a text has no macros but submatches.
func (p *predicate) template(text string) bool {
	for {
		_, rest, ok := strings.Cut(text, "%{")
		if !ok {
			return true
		}
		name, after, _ := strings.Cut(rest, "}")
		collection, key, _ := strings.Cut(name, ".")
		n, err := strconv.Atoi(key)
		if !strings.EqualFold(collection, "tx") || err != nil || n > p.op.count || n >= 9 {
			return false
		}
		text = after
	}
}
