package waf

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"haechi/internal/brick/required"
	"haechi/internal/brick/transform"
	"haechi/internal/brick/wordscan"
)

// glance clears answers in which no rule about answers can find anything. For each rule
// that scores or denies it knows words without which it cannot match; one pass over the
// body looks for the words of all rules, and only where all words of a rule are there
// its expression is asked. A rule that it cannot read keeps every answer alive.
type glance struct {
	always   int // a rule that may match anything, 0: there is none
	statuses []statusRule
	views    []*glanceView
	scratch  sync.Pool
}

type statusRule struct {
	id int
	re *regexp.Regexp
}

// glanceView is what rules with the same transformations look at.
type glanceView struct {
	steps     []transform.Step
	rules     []glanceRule
	automaton *wordscan.Automaton
	uses      [][]wordUse // by word
}

// glanceRule is one rule with what it needs.
type glanceRule struct {
	id    int
	full  uint8                  // all clauses
	match func(text []byte) bool // nil: its words are the whole rule
	folds bool                   // its words hold for a text only if that is not exotic
}

// wordUse says that a word meets a clause of a rule. Where whole is not empty, the word is
// only the beginning of those phrases.
type wordUse struct {
	rule, clause int
	whole        [][]byte
}

// glanceWork is used again for other answers.
type glanceWork struct {
	found []wordscan.Found // by view
	met   []uint8
	lower []byte
	text  [2][]byte
}

// alive is a rule that may find something in the answer, 0 if none can.
func (g *glance) alive(v *AnswerView) int {
	if g.always != 0 {
		return g.always
	}
	for i := range g.statuses {
		if s := &g.statuses[i]; s.re.MatchString(strconv.Itoa(v.Status)) {
			return s.id
		}
	}
	k := g.scratch.Get().(*glanceWork)
	defer g.scratch.Put(k)
	for i, view := range g.views {
		if id := view.alive(k, &k.found[i], v.Body); id != 0 {
			return id
		}
	}
	return 0
}

// alive is a rule of the view that may find something in the body.
func (g *glanceView) alive(k *glanceWork, found *wordscan.Found, body []byte) int {
	text := k.decoded(g.steps, body)
	if required.Exotic(text) { // its words say nothing
		for i := range g.rules {
			if r := &g.rules[i]; r.folds && r.match(text) {
				return r.id
			}
		}
	}
	k.met = slices.Grow(k.met[:0], len(g.rules))[:len(g.rules)]
	clear(k.met)
	k.lower = k.lower[:0]
	found.Reset()
	g.automaton.Scan(text, found)
	for _, w := range found.Words {
		for i := range g.uses[w] {
			use := &g.uses[w][i]
			r := &g.rules[use.rule]
			if len(use.whole) > 0 && !k.holds(text, use.whole) {
				continue
			}
			if k.met[use.rule] |= 1 << use.clause; k.met[use.rule] == r.full && (r.match == nil || r.match(text)) {
				return r.id
			}
		}
	}
	return 0
}

// decoded is the body after the transformations.
func (k *glanceWork) decoded(steps []transform.Step, body []byte) []byte {
	for i, s := range steps {
		to := &k.text[i&1]
		*to = s.Append((*to)[:0], body)
		body = *to
	}
	return body
}

// holds reports whether the text contains one of the phrases, which are in lower case.
func (k *glanceWork) holds(text []byte, phrases [][]byte) bool {
	if len(k.lower) == 0 {
		k.lower = append(k.lower, text...)
		for i, b := range k.lower {
			if 'A' <= b && b <= 'Z' {
				k.lower[i] = b + 'a' - 'A'
			}
		}
	}
	for _, p := range phrases {
		if bytes.Contains(k.lower, p) {
			return true
		}
	}
	return false
}
