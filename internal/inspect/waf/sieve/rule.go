package sieve

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"haechi/internal/brick/transform"
)

// rule is one SecRule with its chain, a SecAction (a link without operator) or a
// SecMarker (no links).
type rule struct {
	id, phase int
	marker    string
	links     []*link
	tags      []string
	refuses   bool // deny, drop, redirect or block where that is more than pass
	reports   bool // log, which is the default
	unknown   string
}

// link is one SecRule of a chain.
type link struct {
	targets  []target
	operator string // in lower case, without "@"; empty for a SecAction
	argument string
	negated  bool
	dir      string
	steps    []transform.Step
	multi    bool // multiMatch: the operator is asked after each step
	capture  bool
	sets     []setting
	controls []control
	skipTo   string
	skip     int
	chained  bool
	unknown  string // why nothing can be said about when it matches
}

// target is one variable of a link.
type target struct {
	name    string // in upper case
	key     string // in lower case
	pattern *regexp.Regexp
	count   bool
	except  []exception
}

// exception leaves a member of a collection out: that of the key, or those that match.
type exception struct {
	key     string
	pattern *regexp.Regexp
}

func (e *exception) covers(key string) bool {
	if e.pattern != nil {
		return e.pattern.MatchString(key)
	}
	return e.key == "" || e.key == key
}

// covers reports whether the target holds the member of that key, in lower case.
func (t *target) covers(key string) bool {
	switch {
	case t.pattern != nil && !t.pattern.MatchString(key), t.pattern == nil && t.key != "" && t.key != key:
		return false
	}
	for i := range t.except {
		if t.except[i].covers(key) {
			return false
		}
	}
	return true
}

// conditional reports whether the target asks for a member's name.
func (t *target) conditional() bool { return t.key != "" || t.pattern != nil || len(t.except) > 0 }

// setting is one setvar.
type setting struct {
	name, value string // with macros, the name in lower case
	remove      bool
}

// control is one ctl.
type control struct{ name, value string }

// parseRules turns directives into rules. An error means that the text is no SecLang
// that is understood here; the sieve then clears nothing.
func parseRules(all []directive) ([]*rule, settings, error) {
	p := parser{settings: defaultSettings()}
	for _, d := range all {
		if err := p.directive(d); err != nil {
			return nil, p.settings, fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return p.rules, p.settings, nil
}

type parser struct {
	rules    []*rule
	settings settings
	open     *rule // whose chain goes on
}

func (p *parser) directive(d directive) error {
	switch d.name {
	case "secrule":
		return p.rule(d)
	case "secaction":
		return p.add(&link{dir: d.dir}, strings.Trim(d.args, `"`))
	case "secmarker":
		p.rules = append(p.rules, &rule{marker: unquote(d.args)})
		return nil
	case "secruleremovebyid":
		return p.removeByID(d.args)
	case "secruleupdatetargetbyid":
		return p.updateTarget(d.args)
	}
	return p.settings.directive(d)
}

func (p *parser) rule(d directive) error {
	variables, operator, actions, err := splitRule(d.args)
	if err != nil {
		return err
	}
	l := &link{dir: d.dir}
	l.parseOperator(operator)
	if err := l.parseTargets(variables); err != nil {
		return err
	}
	return p.add(l, actions)
}

// add puts a link at the end of the open chain, or opens a rule.
func (p *parser) add(l *link, actions string) error {
	r := p.open
	if r == nil {
		r = &rule{phase: 2, reports: true}
		p.rules = append(p.rules, r)
	}
	r.links = append(r.links, l)
	for _, a := range parseActions(actions) {
		if err := l.apply(r, a, p.settings); err != nil {
			return fmt.Errorf("action %s: %w", a.key, err)
		}
	}
	p.open = nil
	if l.chained {
		p.open = r
	}
	return nil
}

// apply takes one action in. What only reports is passed over.
func (l *link) apply(r *rule, a action, s settings) (err error) {
	first := len(r.links) == 1
	switch a.key {
	case "id":
		r.id, err = strconv.Atoi(a.value)
	case "phase":
		r.phase, err = phase(a.value)
	case "chain":
		l.chained = true
	case "capture":
		l.capture = true
	case "multimatch":
		l.multi = true
	case "t":
		l.transform(a.value)
	case "setvar":
		return l.set(a.value)
	case "ctl":
		name, value, _ := strings.Cut(a.value, "=")
		l.controls = append(l.controls, control{strings.ToLower(name), value})
	case "skipafter":
		l.skipTo = a.value
	case "skip":
		l.skip, err = strconv.Atoi(a.value)
	case "tag":
		r.tags = append(r.tags, a.value)
	case "nolog":
		r.reports = r.reports && !first
	case "log":
		r.reports = true
	case "deny", "drop", "redirect":
		r.refuses = true
	case "block":
		r.refuses = r.refuses || s.blockRefuses
	case "pass", "msg", "logdata", "severity", "ver", "rev", "accuracy", "maturity", "status", "auditlog", "noauditlog":
	default:
		r.unknown = "action " + a.key
	}
	return err
}

func phase(v string) (int, error) {
	switch v {
	case "request":
		return 2, nil
	case "response":
		return 4, nil
	case "logging":
		return 5, nil
	}
	return strconv.Atoi(v)
}

func (l *link) transform(name string) {
	if strings.EqualFold(name, "none") {
		l.steps = nil
		return
	}
	step, ok := transform.Parse(name)
	if !ok {
		l.unknown = "transformation " + name
	}
	l.steps = append(l.steps, step)
}

func (l *link) set(v string) error {
	v, remove := strings.CutPrefix(v, "!")
	name, value, _ := strings.Cut(v, "=")
	collection, name, ok := strings.Cut(name, ".")
	if !ok || !strings.EqualFold(collection, "tx") {
		return errors.New("not a variable of TX")
	}
	l.sets = append(l.sets, setting{name: strings.ToLower(name), value: value, remove: remove})
	return nil
}

func (l *link) parseOperator(text string) {
	switch {
	case text == "" || text[0] != '@' && text[0] != '!':
		text = "@rx " + text
	case text == "!":
		text = "!@rx"
	case text[0] == '!' && text[1] != '@':
		text = "!@rx " + text[1:]
	}
	text, l.negated = strings.CutPrefix(text, "!")
	name, argument, _ := strings.Cut(text, " ")
	l.operator, l.argument = strings.ToLower(strings.TrimPrefix(name, "@")), strings.TrimSpace(argument)
}

func (l *link) parseTargets(text string) error {
	for _, part := range splitVariables(text) {
		part, not := strings.CutPrefix(part, "!")
		part, count := strings.CutPrefix(part, "&")
		name, key, _ := strings.Cut(part, ":")
		t := target{name: strings.ToUpper(name), count: count}
		key = unquote(key)
		if len(key) >= 2 && key[0] == '/' && key[len(key)-1] == '/' && !isXPath(name+":") {
			expr := key[1 : len(key)-1]
			if !strings.HasPrefix(t.name, "ARGS") {
				expr = strings.ToLower(expr)
			}
			re, err := regexp.Compile(expr)
			if err != nil {
				return err
			}
			t.pattern = re
		} else {
			t.key = strings.ToLower(key)
		}
		if !not {
			l.targets = append(l.targets, t)
			continue
		}
		for i := range l.targets {
			if l.targets[i].name == t.name {
				l.targets[i].except = append(l.targets[i].except, exception{t.key, t.pattern})
			}
		}
	}
	return nil
}

// removeByID takes rules out as SecRuleRemoveById does: numbers and ranges.
func (p *parser) removeByID(args string) error {
	for _, f := range strings.Fields(args) {
		low, high, ranged := strings.Cut(strings.Trim(f, `"`), "-")
		if !ranged {
			high = low
		}
		from, err := strconv.Atoi(low)
		if err != nil {
			return err
		}
		to, err := strconv.Atoi(high)
		if err != nil {
			return err
		}
		kept := p.rules[:0]
		for _, r := range p.rules {
			if r.marker != "" || r.id < from || r.id > to {
				kept = append(kept, r)
			}
		}
		p.rules = kept
	}
	return nil
}

// updateTarget adds variables and exceptions to rules, as SecRuleUpdateTargetById does:
// to the first link of each.
func (p *parser) updateTarget(args string) error {
	ids, variables, ok := strings.Cut(args, " ")
	low, high, ranged := strings.Cut(ids, "-")
	if !ranged {
		high = low
	}
	from, err := strconv.Atoi(low)
	to, err2 := strconv.Atoi(high)
	if err != nil || err2 != nil || !ok {
		return fmt.Errorf("%q names no rule and variables", args)
	}
	for _, r := range p.rules {
		if r.marker != "" || r.id < from || r.id > to {
			continue
		}
		if err := r.links[0].parseTargets(strings.Trim(strings.TrimSpace(variables), `"`)); err != nil {
			return err
		}
	}
	return nil
}
