package sieve

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// truth is what is known of a link or rule before there is a request.
type truth uint8

const (
	never truth = iota
	always
	open // it depends on the request
)

// compiler walks the rules once, as the engine would for a request on which no rule
// scores, and keeps those that depend on the request.
type compiler struct {
	rules    []*rule
	ops      *operators
	settings settings
	vars     map[string]string // the collection TX as far as no request decides it
	writers  []writer          // rules that set a variable of TX if the request says so
	skipTo   string
	skip     int
	unsure   string // marker up to which a request may have the rules skipped
	unsureN  int
	out      *program
}

// writer is the links that have matched when a variable of TX is set.
type writer struct {
	name   string
	prefix bool // the name goes on with a macro
	links  []*link
	phase  int
}

func (c *compiler) walk(phase int) error {
	c.skipTo, c.skip, c.unsure, c.unsureN = "", 0, "", 0
	for _, r := range c.rules {
		if r.marker == "" && r.phase != phase {
			continue
		}
		if c.skipTo != "" {
			if r.marker == c.skipTo {
				c.skipTo = ""
			}
			continue
		}
		if c.skip > 0 {
			c.skip--
			continue
		}
		if r.marker != "" {
			if r.marker == c.unsure {
				c.unsure = ""
			}
			continue
		}
		if err := c.visit(r); err != nil {
			return fmt.Errorf("rule %d: %w", r.id, err)
		}
		c.unsureN = max(0, c.unsureN-1)
	}
	return nil
}

// visit judges one rule: it never matches, or it always does and what it sets is set,
// or it depends on the request.
func (c *compiler) visit(r *rule) error {
	var kept []*link // that depend on the request
	for i, l := range r.links {
		switch c.judge(l, kept) {
		case never:
			if len(kept) > 0 {
				return c.partly(r, kept)
			}
			return nil
		case always:
			if len(kept) == 0 {
				if err := c.perform(r, l); err != nil {
					return err
				}
				break
			}
			kept = append(kept, l)
		case open:
			kept = append(kept, r.links[i])
		}
	}
	if len(kept) > 0 {
		return c.depends(r, kept)
	}
	if r.refuses {
		return fmt.Errorf("it refuses every request")
	}
	if c.uncertain() {
		return fmt.Errorf("whether it is skipped depends on the request")
	}
	c.out.always = append(c.out.always, r.id)
	return nil
}

func (c *compiler) uncertain() bool { return c.unsure != "" || c.unsureN > 0 }

// perform does what a link does that always matches.
func (c *compiler) perform(r *rule, l *link) error {
	if r.unknown != "" {
		return fmt.Errorf("%s", r.unknown)
	}
	if c.uncertain() && (len(l.sets) > 0 || len(l.controls) > 0 || l.skipTo != "" || l.skip > 0) {
		return fmt.Errorf("whether it is skipped depends on the request")
	}
	for _, s := range l.sets {
		if err := c.assign(s); err != nil {
			return err
		}
	}
	for _, k := range l.controls {
		if !c.harmless(k) {
			return fmt.Errorf("ctl:%s for every request", k.name)
		}
	}
	if l.skipTo != "" {
		c.skipTo = l.skipTo
	}
	c.skip = l.skip
	return nil
}

// harmless reports whether a control can make no rule match, and no rule that a
// cleared request would have named be left out.
func (c *compiler) harmless(k control) bool {
	switch k.name {
	case "auditengine", "auditlogparts":
		return true
	case "ruleremovebyid":
		low, high, ranged := strings.Cut(k.value, "-")
		if !ranged {
			high = low
		}
		from, err := strconv.Atoi(low)
		to, err2 := strconv.Atoi(high)
		return err == nil && err2 == nil && c.allReport(func(r *rule) bool { return r.id >= from && r.id <= to })
	case "ruleremovebytag":
		return c.allReport(func(r *rule) bool { return slices.Contains(r.tags, k.value) })
	}
	return false
}

// allReport reports whether every such rule sends a request to the oracle.
func (c *compiler) allReport(such func(*rule) bool) bool {
	return !slices.ContainsFunc(c.rules, func(r *rule) bool { return such(r) && !r.reports && !r.refuses })
}

// assign performs setvar on the known part of TX.
func (c *compiler) assign(s setting) error {
	name, ok := c.expand(s.name)
	value, ok2 := c.expand(s.value)
	if !ok || !ok2 || c.written(strings.ToLower(name)) {
		return fmt.Errorf("setvar of tx.%s depends on the request", s.name)
	}
	name = strings.ToLower(name)
	if s.remove {
		delete(c.vars, name)
		return nil
	}
	if value != "" && (value[0] == '+' || value[0] == '-') {
		by, err := strconv.Atoi(value)
		was, err2 := strconv.Atoi(cmpOr(c.vars[name], "0"))
		if err != nil || err2 != nil {
			return fmt.Errorf("setvar of tx.%s to %s is no arithmetic", s.name, value)
		}
		value = strconv.Itoa(was + by)
	}
	c.vars[name] = value
	return nil
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// expand replaces the macros of TX; false if one depends on the request. One that is
// not set stays as its name, as the oracle has it.
func (c *compiler) expand(text string) (string, bool) {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "%{")
		b.WriteString(before)
		if !ok {
			return b.String(), true
		}
		name, after, _ := strings.Cut(rest, "}")
		collection, key, _ := strings.Cut(name, ".")
		key = strings.ToLower(key)
		if !strings.EqualFold(collection, "tx") || key == "" || isCapture(key) || c.written(key) {
			return "", false
		}
		if v, ok := c.vars[key]; ok {
			b.WriteString(v)
		} else {
			b.WriteString(name)
		}
		text = after
	}
}

// isCapture reports whether a variable of TX holds a submatch.
func isCapture(key string) bool {
	n, err := strconv.Atoi(key)
	return err == nil && n >= 0 && n <= 10
}

// written reports whether a request may set the variable.
func (c *compiler) written(key string) bool {
	return slices.ContainsFunc(c.writers, func(w writer) bool {
		return w.name == key || w.prefix && strings.HasPrefix(key, w.name)
	})
}

// judge says what is known of a link whose chain so far depends on the request by the
// kept links.
func (c *compiler) judge(l *link, kept []*link) truth {
	if l.operator == "" {
		return always
	}
	argument, ok := c.expand(l.argument)
	if !ok || l.unknown != "" || l.multi {
		return open
	}
	op, err := c.ops.build(l, argument)
	if err != nil {
		return open
	}
	for i := range l.targets {
		values, ok := c.known(&l.targets[i], kept)
		if !ok {
			return open
		}
		for _, v := range values {
			text := []byte(v)
			for _, s := range l.steps {
				text = s.Append(nil, text)
			}
			if op.match(text) != l.negated {
				return always
			}
		}
	}
	return never
}

// known lists the values of a target that no request decides; false if one does.
func (c *compiler) known(t *target, kept []*link) (values []string, ok bool) {
	if v, ok := constant(t.name); ok {
		if t.count {
			v = "1"
		}
		return []string{v}, true
	}
	if t.name != "TX" || t.key != "" && isCapture(t.key) || c.mayWrite(t, kept) {
		return nil, false
	}
	for _, name := range slices.Sorted(maps.Keys(c.vars)) {
		if t.covers(name) {
			values = append(values, c.vars[name])
		}
	}
	if t.key == "" && (t.pattern == nil || t.pattern.MatchString("0")) {
		return nil, false // submatches are among them
	}
	if t.count {
		return []string{strconv.Itoa(len(values))}, true
	}
	return values, true
}

// mayWrite reports whether a request may set what the target reads, in this chain or in
// another rule.
func (c *compiler) mayWrite(t *target, kept []*link) bool {
	if slices.ContainsFunc(c.writers, func(w writer) bool { return w.meets(t) }) {
		return true
	}
	for _, l := range kept {
		for _, s := range l.sets {
			if w := writerOf(s, nil, 0); w.meets(t) {
				return true
			}
		}
	}
	return false
}

func writerOf(s setting, links []*link, phase int) writer {
	name, _, prefix := strings.Cut(s.name, "%{")
	return writer{name: name, prefix: prefix, links: links, phase: phase}
}

// meets reports whether the writer may set what the target reads.
func (w *writer) meets(t *target) bool {
	switch {
	case t.name != "TX":
		return false
	case t.pattern != nil && w.prefix:
		// The macro can make anything, but not what stands before it.
		start := anchored(t.pattern.String())
		return strings.HasPrefix(start, w.name) || strings.HasPrefix(w.name, start)
	case t.pattern != nil:
		return t.pattern.MatchString(w.name)
	case t.key == "":
		return true
	case w.prefix:
		return strings.HasPrefix(t.key, w.name)
	}
	return t.key == w.name
}

// anchored returns the text that every match of a pattern begins the name with.
func anchored(expr string) string {
	rest, ok := strings.CutPrefix(expr, "^")
	if !ok {
		return ""
	}
	re, err := regexp.Compile(rest)
	if err != nil {
		return ""
	}
	start, _ := re.LiteralPrefix()
	return start
}

// partly notes what the links do that can match although the rule cannot.
func (c *compiler) partly(r *rule, kept []*link) error {
	return c.effects(r, kept, false)
}

// effects notes the writers among the links, which are all but the last of a rule that
// sends a request to the oracle once it matches. Where a link changes what was taken
// for known, or does something unknown, matching up to there must go to the oracle.
func (c *compiler) effects(r *rule, kept []*link, last bool) error {
	for i, l := range kept {
		if last && i == len(kept)-1 {
			return nil
		}
		risky := r.unknown != ""
		for _, k := range l.controls {
			risky = risky || !c.harmless(k)
		}
		for _, s := range l.sets {
			w := writerOf(s, kept[:i+1], r.phase)
			risky = risky || s.remove || c.sets(&w)
			if !risky {
				c.writers = append(c.writers, w)
			}
		}
		if risky {
			return c.condition(r, kept[:i+1], false)
		}
	}
	return nil
}

// sets reports whether the writer changes a variable that was taken for known.
func (c *compiler) sets(w *writer) bool {
	for name := range c.vars {
		if w.name == name || w.prefix && strings.HasPrefix(name, w.name) {
			return true
		}
	}
	return false
}

// depends takes in a rule that depends on the request.
func (c *compiler) depends(r *rule, kept []*link) error {
	if !c.neutral(r, kept) {
		if err := c.effects(r, kept, true); err != nil {
			return err
		}
		return c.condition(r, kept, false)
	}
	for i, l := range kept {
		for _, s := range l.sets {
			c.writers = append(c.writers, writerOf(s, kept[:i+1], r.phase))
		}
		if l.skipTo != "" {
			if c.unsure != "" && c.unsure != l.skipTo {
				return fmt.Errorf("two ranges of rules may be skipped at once")
			}
			c.unsure = l.skipTo
		}
		if l.skip > 0 {
			c.unsureN = max(c.unsureN, l.skip+1)
		}
	}
	return c.condition(r, kept, true)
}

// neutral reports whether a request may be cleared although the rule matched: it adds
// nothing, refuses nothing, reports nothing, and what it does is known.
func (c *compiler) neutral(r *rule, kept []*link) bool {
	if r.refuses || r.reports || r.unknown != "" || c.uncertain() {
		return false
	}
	for _, l := range kept {
		for _, k := range l.controls {
			if !c.harmless(k) && !reads(k) && !c.removesTarget(k) {
				return false
			}
		}
		for _, s := range l.sets {
			if w := writerOf(s, nil, 0); s.remove || c.sets(&w) {
				return false
			}
		}
	}
	return true
}

// reads are the controls that say how the body is read.
func reads(k control) bool {
	return k.name == "requestbodyprocessor" || k.name == "forcerequestbodyvariable"
}

// removesTarget reports whether a control takes a variable out of rules, which can only
// make them match less, unless one of them counts it.
func (c *compiler) removesTarget(k control) bool {
	if !strings.HasPrefix(k.name, "ruleremovetarget") {
		return false
	}
	_, variable, _ := strings.Cut(k.value, ";")
	name, _, _ := strings.Cut(variable, ":")
	for _, r := range c.rules {
		for _, l := range r.links {
			for i := range l.targets {
				if l.targets[i].count && strings.EqualFold(l.targets[i].name, name) {
					return false
				}
			}
		}
	}
	return true
}
