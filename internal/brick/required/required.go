package required

import (
	"bytes"
	"cmp"
	"math"
	"regexp/syntax"
	"slices"
	"strings"
)

const (
	maxExact   = 96 // strings in a set that is still kept as a whole
	maxWord    = 12 // bytes of a word that are kept: longer ones rule out hardly more
	maxClass   = 24 // runes of a character class that are kept as single bytes
	maxClauses = 6  // clauses of one condition
)

// Clause is a set of words, in lower case and without doubles; every matching
// text contains one of them.
type Clause []string

// Condition is what every matching text fulfils: each clause. Without clauses it
// says nothing.
type Condition []Clause

// Of returns the condition of an expression as regexp/syntax parsed it, the
// clauses that rule out most first, at most six.
func Of(re *syntax.Regexp) Condition {
	in := walk(re)
	in.flush()
	heaviestFirst(in.clauses)
	in.clauses = slices.CompactFunc(in.clauses, func(a, b Clause) bool { return slices.Equal(a, b) })
	return Condition(in.clauses[:min(len(in.clauses), maxClauses)])
}

// Holds reports whether the text meets every clause. It is the definition, not
// the fast way: that is an automaton over the words of many conditions.
func (c Condition) Holds(text []byte) bool {
	low := bytes.Clone(text)
	for i, b := range low {
		if 'A' <= b && b <= 'Z' {
			low[i] = b + 'a' - 'A'
		}
	}
	for _, clause := range c {
		if !slices.ContainsFunc(clause, func(w string) bool { return bytes.Contains(low, []byte(w)) }) {
			return false
		}
	}
	return true
}

// Exotic reports whether the text holds one of the two runes that Unicode folds
// to an ASCII letter, the Kelvin sign and the long s: a case-insensitive
// expression matches them where its words have k and s.
func Exotic(text []byte) bool {
	return bytes.Contains(text, []byte("\u212a")) || bytes.Contains(text, []byte("\u017f"))
}

// weight estimates how much a clause rules out: by its commonest word, and by how
// many words it has.
func (c Clause) weight() float64 {
	least := math.Inf(1)
	for _, w := range c {
		sum := 0.0
		for _, b := range []byte(w) {
			sum += rarity(b)
		}
		least = min(least, sum)
	}
	return least - 0.5*math.Log2(float64(len(c)))
}

func rarity(b byte) float64 {
	switch {
	case b == ' ' || b == 'e':
		return 0.6
	case 'a' <= b && b <= 'z' || '0' <= b && b <= '9':
		return 1
	case b == '.' || b == '/' || b == '-' || b == '_':
		return 1.2
	case b == '=' || b == ',' || b == ':' || b == ';':
		return 1.8
	}
	return 2.6
}

// info is what is known about a part of an expression.
type info struct {
	exact   []string // strings one of which ends every match; nil: unknown
	whole   bool     // every match is one of exact, nothing before it
	clauses []Clause // hold whatever matched
}

// nothing is the part that matches the empty string.
func nothing() info { return info{exact: []string{""}, whole: true} }

// flush turns the exact strings into a clause and forgets them.
func (in *info) flush() {
	if c := clauseOf(in.exact); c != nil {
		in.clauses = append(in.clauses, c)
	}
	in.exact, in.whole = nil, false
}

// clauseOf cuts the words, leaves out those that contain another, and returns nil
// if an empty one makes the clause say nothing.
func clauseOf(words []string) Clause {
	if len(words) == 0 {
		return nil
	}
	cut := make([]string, len(words))
	for i, w := range words {
		cut[i] = w[:min(len(w), maxWord)]
	}
	slices.SortFunc(cut, func(a, b string) int {
		if d := len(a) - len(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	if cut[0] == "" {
		return nil
	}
	var c Clause
	for _, w := range cut {
		if !slices.ContainsFunc(c, func(short string) bool { return strings.Contains(w, short) }) {
			c = append(c, w)
		}
	}
	return c
}

func walk(re *syntax.Regexp) info {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText,
		syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return nothing()
	case syntax.OpLiteral:
		return literal(re)
	case syntax.OpCharClass:
		return class(re.Rune)
	case syntax.OpCapture:
		return walk(re.Sub[0])
	case syntax.OpConcat:
		in := nothing()
		for _, sub := range re.Sub {
			in.follow(walk(sub))
		}
		return in
	case syntax.OpAlternate:
		return alternate(re.Sub)
	case syntax.OpQuest:
		return optional(walk(re.Sub[0]))
	case syntax.OpPlus:
		in := walk(re.Sub[0])
		in.whole = false
		return in
	case syntax.OpRepeat:
		return repeat(re)
	}
	return info{} // star, any character, no match: nothing is required
}

// literal breaks a literal at runes whose bytes in the text are not certain:
// folded runes beyond ASCII, and the rune that stands for broken UTF-8 as well.
func literal(re *syntax.Regexp) info {
	in := nothing()
	for _, r := range re.Rune {
		if r >= 0x80 && (re.Flags&syntax.FoldCase != 0 || r == 0xfffd) {
			in.follow(info{})
			continue
		}
		in.follow(info{exact: []string{lower(r)}, whole: true})
	}
	return in
}

func lower(r rune) string {
	if 'A' <= r && r <= 'Z' {
		r += 'a' - 'A'
	}
	return string(r)
}

// class keeps a small set of ASCII runes. The Kelvin sign and the long s are left
// out: see [Exotic].
func class(pairs []rune) info {
	var words []string
	for i := 0; i < len(pairs); i += 2 {
		for r := pairs[i]; r <= pairs[i+1]; r++ {
			if r == 0x212a || r == 0x17f {
				continue
			}
			if r >= 0x80 || len(words) > 2*maxClass {
				return info{}
			}
			words = append(words, lower(r))
		}
	}
	slices.Sort(words)
	words = slices.Compact(words)
	if len(words) == 0 || len(words) > maxClass {
		return info{}
	}
	return info{exact: words, whole: true}
}

// follow appends what comes next. Where it is not known whole, or the product of
// the strings grows too large, what was known becomes a clause and the strings
// start anew.
func (in *info) follow(next info) {
	if !next.whole || in.exact == nil || len(in.exact)*len(next.exact) > maxExact {
		in.flush()
		in.clauses = append(in.clauses, next.clauses...)
		in.exact = next.exact
		return
	}
	in.clauses = append(in.clauses, next.clauses...)
	all := make([]string, 0, len(in.exact)*len(next.exact))
	for _, a := range in.exact {
		for _, b := range next.exact {
			all = append(all, a+b)
		}
	}
	slices.Sort(all)
	in.exact = slices.Compact(all)
}

// alternate unites: whole sets if all are known, else one clause of the best of
// each branch, and a second one of the second best where there are any.
func alternate(subs []*syntax.Regexp) info {
	var all []string
	branches := make([]info, len(subs))
	exact := true
	for i, sub := range subs {
		branches[i] = walk(sub)
		exact = exact && branches[i].whole
		all = append(all, branches[i].exact...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if exact && len(all) <= maxExact {
		return info{exact: all, whole: true}
	}
	var in info
	for nth := range 2 {
		if c := union(branches, nth); c != nil {
			in.clauses = append(in.clauses, c)
		}
	}
	return in
}

// union takes from each branch its nth best clause, or its last.
func union(branches []info, nth int) Clause {
	var words []string
	for i := range branches {
		b := &branches[i]
		b.flush()
		if len(b.clauses) == 0 {
			return nil
		}
		heaviestFirst(b.clauses)
		words = append(words, b.clauses[min(nth, len(b.clauses)-1)]...)
	}
	if len(words) > 8*maxExact {
		return nil
	}
	return clauseOf(words)
}

func heaviestFirst(clauses []Clause) {
	slices.SortStableFunc(clauses, func(a, b Clause) int { return cmp.Compare(b.weight(), a.weight()) })
}

func optional(in info) info {
	if !in.whole || len(in.exact) >= maxExact {
		return info{}
	}
	if !slices.Contains(in.exact, "") {
		in.exact = append([]string{""}, in.exact...)
	}
	return in
}

// repeat unrolls what must be there; what may come in between or after starts the
// strings anew.
func repeat(re *syntax.Regexp) info {
	if re.Min == 0 {
		if re.Max == 1 {
			return optional(walk(re.Sub[0]))
		}
		return info{}
	}
	in := nothing()
	for range min(re.Min, maxWord) {
		in.follow(walk(re.Sub[0]))
	}
	if re.Max != re.Min || re.Min > maxWord {
		in.flush()
	}
	return in
}
