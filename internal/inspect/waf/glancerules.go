package waf

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"haechi/internal/brick/lazydfa"
	"haechi/internal/brick/required"
	"haechi/internal/brick/transform"
	"haechi/internal/brick/wordscan"
)

// maxGlanceWord bounds the words of the automaton, in bytes: of a longer phrase the
// beginning is looked for first.
const maxGlanceWord = 12

// newGlance reads what the rules need. Rules of a higher level than the ruleset's are
// left out, since the Core Rule Set skips them.
func newGlance(r Ruleset, all map[int]*known) (*glance, error) {
	b := glanceBuilder{files: r.Files(), views: map[string]*glanceDraft{}}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if k := all[id]; k.Paranoia <= r.Paranoia && (k.adds > 0 || k.denies) && !b.rule(k) {
			b.g.always = id
		}
	}
	for _, d := range b.views {
		view := d.view
		var err error
		if view.automaton, err = wordscan.New(d.words); err != nil {
			return nil, fmt.Errorf("the words of the rules about answers: %w", err)
		}
		b.g.views = append(b.g.views, &view)
	}
	views := len(b.g.views)
	b.g.scratch.New = func() any { return &glanceWork{found: make([]wordscan.Found, views)} }
	return &b.g, nil
}

type glanceBuilder struct {
	g     glance
	files fs.FS
	views map[string]*glanceDraft // by transformations
}

// glanceDraft is a view that is being made.
type glanceDraft struct {
	view  glanceView
	words []string
	at    map[string]int
}

// rule takes one link of the rule that is needed for it to match. It reports false where
// none is understood.
func (b *glanceBuilder) rule(k *known) bool {
	for _, text := range k.texts {
		l, ok := splitLink(text)
		if !ok || l.negated {
			continue
		}
		switch {
		case l.variables == "RESPONSE_STATUS" && l.operator == "rx" && len(k.texts) == 1 && len(l.steps) == 0:
			if re, err := regexp.Compile("(?sm)" + l.argument); err == nil {
				b.g.statuses = append(b.g.statuses, statusRule{k.ID, re})
				return true
			}
		case l.variables == "RESPONSE_BODY" && b.body(k.ID, &l):
			return true
		}
	}
	return false
}

// body takes a link about the body.
func (b *glanceBuilder) body(id int, l *link) bool {
	switch l.operator {
	case "rx":
		return b.expression(id, l)
	case "pmfromfile", "pmf":
		return b.phrases(id, l)
	case "contains":
		d := b.draft(l)
		d.phrases(id, []string{l.argument}) // more than it needs: letters are folded
		return l.argument != ""
	}
	return false
}

func (b *glanceBuilder) draft(l *link) *glanceDraft {
	key := fmt.Sprint(l.steps)
	if b.views[key] == nil {
		b.views[key] = &glanceDraft{view: glanceView{steps: l.steps}, at: map[string]int{}}
	}
	return b.views[key]
}

// expression compiles as Coraza does. One with escapes of bytes beyond ASCII, which
// Coraza reads in another way, is not taken.
func (b *glanceBuilder) expression(id int, l *link) bool {
	expr := "(?sm)" + l.argument
	re, err := regexp.Compile(expr)
	if err != nil || highEscape.MatchString(expr) || strings.ContainsFunc(expr, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return false
	}
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return false
	}
	needs := required.Of(tree)
	program, err := syntax.Compile(tree.Simplify())
	if err != nil || len(needs) == 0 || len(needs) > 8 {
		return false
	}
	quick := lazydfa.New(func() *syntax.Prog { return program }, false, re.Match)
	d := b.draft(l)
	d.view.rules = append(d.view.rules, glanceRule{id: id, full: uint8(1<<len(needs) - 1), match: quick.Match, folds: true})
	for i, clause := range needs {
		for _, w := range clause {
			d.use(w, wordUse{rule: len(d.view.rules) - 1, clause: i})
		}
	}
	return true
}

// highEscape finds the escapes of bytes beyond ASCII, and of characters.
var highEscape = regexp.MustCompile(`\\x[89a-fA-F{]`)

// phrases reads a file of phrases, one a line.
func (b *glanceBuilder) phrases(id int, l *link) bool {
	text, err := fs.ReadFile(b.files, "@owasp_crs/"+l.argument)
	if err != nil {
		return false
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			all = append(all, line)
		}
	}
	b.draft(l).phrases(id, all)
	return len(all) > 0
}

func (d *glanceDraft) phrases(id int, all []string) {
	d.view.rules = append(d.view.rules, glanceRule{id: id, full: 1})
	rule := len(d.view.rules) - 1
	long := map[string][][]byte{} // by their beginning
	for _, p := range all {
		p = strings.ToLower(p)
		if len(p) <= maxGlanceWord {
			d.use(p, wordUse{rule: rule})
			continue
		}
		long[p[:maxGlanceWord]] = append(long[p[:maxGlanceWord]], []byte(p))
	}
	for begin, whole := range long {
		d.use(begin, wordUse{rule: rule, whole: whole})
	}
}

func (d *glanceDraft) use(word string, u wordUse) {
	at, ok := d.at[word]
	if !ok {
		at = len(d.words)
		d.at[word], d.words, d.view.uses = at, append(d.words, word), append(d.view.uses, nil)
	}
	d.view.uses[at] = append(d.view.uses[at], u)
}

// link is one rule of SecLang, or one link of its chain.
type link struct {
	variables, operator, argument string
	negated                       bool
	steps                         []transform.Step
}

// splitLink reads `SecRule VARIABLES "OPERATOR" "ACTIONS"`. It reports false for what it
// does not understand.
func splitLink(text string) (l link, ok bool) {
	rest, ok := strings.CutPrefix(text, "SecRule ")
	if !ok {
		return l, false
	}
	l.variables, rest, _ = strings.Cut(strings.TrimSpace(rest), " ")
	operator, rest, ok1 := quoted(strings.TrimSpace(rest))
	actions, rest, ok2 := quoted(strings.TrimSpace(rest))
	if !ok1 || !ok2 || strings.TrimSpace(rest) != "" {
		return l, false
	}
	operator, l.negated = strings.CutPrefix(operator, "!")
	operator, ok = strings.CutPrefix(operator, "@")
	name, argument, _ := strings.Cut(operator, " ")
	l.operator, l.argument = strings.ToLower(name), argument
	return l, ok && l.transforms(actions)
}

// transforms reads the transformations among the actions.
func (l *link) transforms(actions string) bool {
	for part := range strings.SplitSeq(actions, ",") {
		name, found := strings.CutPrefix(strings.TrimSpace(part), "t:")
		if !found {
			continue
		}
		if strings.EqualFold(name, "none") {
			l.steps = nil
			continue
		}
		step, known := transform.Parse(name)
		if !known {
			return false
		}
		l.steps = append(l.steps, step)
	}
	return true
}

// quoted cuts a text in quotes off, and takes the backslashes before quotes away.
func quoted(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	for i, slashes := 1, 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			slashes++
			continue
		case s[i] == '"' && slashes%2 == 0:
			return strings.ReplaceAll(s[1:i], `\"`, `"`), s[i+1:], true
		}
		slashes = 0
	}
	return "", s, false
}
