package sieve

import (
	"cmp"
	"fmt"
	"slices"

	"haechi/internal/brick/required"
	"haechi/internal/brick/transform"
	"haechi/internal/brick/wordscan"
)

// class is a set of predicates that the same values are asked about. Values of the
// same class and text have the same answer, wherever they come from.
type class struct {
	id   uint32
	all  bits // its predicates
	root *step
}

// step is a node in the tree of the transformations of a class: the text as it is
// after the steps from the root.
type step struct {
	apply  transform.Step
	needs  transform.Bytes // without one of these, only the case of letters changes
	always bool
	words  bits    // predicates that end here and are looked for by their words
	asked  []int32 // predicates that end here and are always asked
	fresh  []int32 // those of them that the step before does not ask, with multiMatch
	below  []*step
	whole  whole
}

// whole is a step with all below it, for texts that none of them changes.
type whole struct {
	needs  transform.Bytes // without one of these, only the case of letters changes
	always bool            // some step may change any text
	folds  bool            // some step changes the case of letters
	words  bits
	fresh  []int32 // what the step before does not ask
}

// bits is a set of predicates.
type bits []uint64

func (b bits) add(i int)      { b[i>>6] |= 1 << (i & 63) }
func (b bits) has(i int) bool { return b[i>>6]&(1<<(i&63)) != 0 }

func (b bits) or(o bits) {
	for i := range b {
		b[i] |= o[i]
	}
}

// mark is what a word says: that clauses of a predicate are met, the low bits for those
// of any text, the high bits for those of a plain one.
type mark struct {
	predicate int32
	clauses   uint16
}

// tables are the compiled predicates: which classes there are, and what each word that
// the automaton finds says.
type tables struct {
	predicates []*predicate
	automaton  *wordscan.Automaton
	marks      [][]mark
	byteMarks  [256][]mark // what a word of one byte says
	marked     transform.Bytes
	full       []uint16 // by predicate: all its clauses for any text
	fullPlain  []uint16 // likewise for a plain text, in the high bits
	plain      transform.Bytes
	folds      bits // predicates whose words do not hold for exotic texts
	classes    [sources]*class
	byKey      [sources]map[string]*class
	made       map[string]*class
	withKey    [sources]bool // the sources whose values need their key in lower case
}

// index builds the tables.
func index(predicates []*predicate) (*tables, error) {
	t := &tables{predicates: predicates, full: make([]uint16, len(predicates)), fullPlain: make([]uint16, len(predicates)), plain: plainBytes(), made: map[string]*class{}}
	t.folds = t.none()
	if err := t.words(); err != nil {
		return nil, err
	}
	for s := range sources {
		t.classes[s] = t.class(s, nil)
		t.byKey[s] = map[string]*class{}
		for _, p := range predicates {
			for _, target := range p.sources[s] {
				t.withKey[s] = t.withKey[s] || target.conditional()
				if target.key != "" {
					t.byKey[s][target.key] = t.class(s, &target.key)
				}
				for i := range target.except {
					if k := target.except[i].key; k != "" {
						t.byKey[s][k] = t.class(s, &k)
					}
				}
			}
		}
	}
	return t, nil
}

func (t *tables) none() bits { return make(bits, (len(t.predicates)+63)/64) }

// words builds one automaton for the needs of all predicates. Words of one byte, which
// would be found at every turn, are not in it: the set of a text's bytes says as much.
func (t *tables) words() error {
	at := map[string]int{}
	var words []string
	note := func(i int, clause []string, bit uint16) {
		for _, w := range clause {
			if len(w) == 1 {
				b := asciiLower(w)[0]
				t.byteMarks[b] = append(t.byteMarks[b], mark{int32(i), bit})
				t.marked.Add(b)
				continue
			}
			n, ok := at[w]
			if !ok {
				n = len(words)
				at[w] = n
				words = append(words, w)
				t.marks = append(t.marks, nil)
			}
			t.marks[n] = append(t.marks[n], mark{int32(i), bit})
		}
	}
	for i, p := range t.predicates {
		if p.asked() {
			continue
		}
		if p.op.folds {
			t.folds.add(i)
		}
		needs, plain := telling(p.op.needs), telling(p.op.plain)
		for j, clause := range needs {
			t.full[i] |= 1 << j
			note(i, clause, 1<<j)
		}
		for j, clause := range plain {
			t.fullPlain[i] |= 1 << (8 + j)
			note(i, clause, 1<<(8+j))
		}
	}
	for n := range t.marks {
		t.marks[n] = joined(t.marks[n])
	}
	for b := range t.byteMarks {
		t.byteMarks[b] = joined(t.byteMarks[b])
	}
	var err error
	t.automaton, err = wordscan.New(words)
	return err
}

// telling leaves out the clauses that nearly every text meets, those with a letter or
// digit alone, if others are left: less is asked for, so nothing is missed.
func telling(all required.Condition) required.Condition {
	out := slices.DeleteFunc(slices.Clone(all), func(c required.Clause) bool { return slices.ContainsFunc(c, isCommon) })
	if len(out) == 0 {
		return all
	}
	return out
}

func isCommon(word string) bool {
	return len(word) == 1 && ('a' <= word[0] && word[0] <= 'z' || '0' <= word[0] && word[0] <= '9')
}

// joined makes one mark of those of one predicate.
func joined(marks []mark) (all []mark) {
	slices.SortFunc(marks, func(a, b mark) int { return cmp.Compare(a.predicate, b.predicate) })
	for _, m := range marks {
		if last := len(all) - 1; last >= 0 && all[last].predicate == m.predicate {
			all[last].clauses |= m.clauses
			continue
		}
		all = append(all, m)
	}
	return all
}

// asked reports whether the operator must be asked about every value.
func (p *predicate) asked() bool { return len(p.op.needs) == 0 || p.link.negated }

// class finds or makes the class of a source's values: of the member of that key, or
// of those without a class of their own.
func (t *tables) class(s source, key *string) *class {
	all := t.none()
	for i, p := range t.predicates {
		for _, target := range p.sources[s] {
			if key == nil && target.key == "" || key != nil && target.covers(*key) || target.name == "XML" {
				all.add(i)
			}
		}
	}
	name := fmt.Sprint(all)
	if c := t.made[name]; c != nil {
		return c
	}
	c := &class{id: uint32(len(t.made) + 1), all: all, root: &step{words: t.none()}}
	for i, p := range t.predicates {
		if all.has(i) {
			t.plant(c.root, i, p)
		}
	}
	c.root.freshen()
	t.made[name] = c
	return c
}

// plant puts a predicate at the end of its transformations; with multiMatch, behind
// each of them.
func (t *tables) plant(at *step, i int, p *predicate) {
	put := func(s *step) {
		if p.asked() {
			s.asked = append(s.asked, int32(i))
			return
		}
		s.words.add(i)
	}
	if p.link.multi || len(p.link.steps) == 0 {
		put(at)
	}
	for n, apply := range p.link.steps {
		j := slices.IndexFunc(at.below, func(s *step) bool { return s.apply == apply })
		if j < 0 {
			j = len(at.below)
			needs, always := apply.Triggers()
			at.below = append(at.below, &step{apply: apply, needs: needs, always: always, words: t.none()})
		}
		at = at.below[j]
		if p.link.multi || n == len(p.link.steps)-1 {
			put(at)
		}
	}
}

// freshen finds, below a step, what must be asked again of a text that did not change,
// and adds up what is below each step.
func (s *step) freshen() {
	for _, next := range s.below {
		next.fresh = less(nil, next.asked, s.asked)
		next.freshen()
		w := whole{needs: next.needs, always: next.always, folds: next.apply.Folds(), words: slices.Clone(next.words), fresh: slices.Clone(next.fresh)}
		for _, b := range next.below {
			w.needs, w.always, w.folds = w.needs.Or(b.whole.needs), w.always || b.whole.always, w.folds || b.whole.folds
			w.words.or(b.whole.words)
			w.fresh = less(w.fresh, b.whole.fresh, append(slices.Clone(s.asked), w.fresh...))
		}
		next.whole = w
	}
}

// less appends those of some predicates to dst that are not among others.
func less(dst, all, others []int32) []int32 {
	for _, i := range all {
		if !slices.Contains(others, i) {
			dst = append(dst, i)
		}
	}
	return dst
}

// of returns the class of a value.
func (t *tables) of(s source, key []byte) *class {
	if c := t.byKey[s][string(key)]; c != nil {
		return c
	}
	return t.classes[s]
}
