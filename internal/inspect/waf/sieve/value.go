package sieve

import (
	"bytes"
	bits64 "math/bits"

	"haechi/internal/brick/required"
	"haechi/internal/brick/transform"
	"haechi/internal/brick/wordscan"
)

// maxTexts bounds the different texts that one value becomes; a value that becomes
// more goes to the oracle. The Core Rule Set makes at most about thirty.
const maxTexts = 64

// scratch is the memory of one judgement of a value.
type scratch struct {
	t       *tables
	found   wordscan.Found
	got     []uint16 // by predicate: clauses met in the text at hand
	touched []int32
	texts   []text
	used    int
	walls   [][]byte // buffers, by depth
	exact   [2][]byte
	matched []int32 // predicates that match the value
	seen    bits
	unsure  bool // the value must go to the oracle
	asked   int  // bytes that operators were given for this request
	one     bool // what judgeOne found
}

// text is one form of a value that is scanned, for the predicates whose
// transformations come to it.
type text struct {
	bytes []byte
	words bits
	in    transform.Bytes // its bytes, letters in lower case
	plain bool            // it has plain characters only
}

func newScratch(t *tables) *scratch {
	return &scratch{t: t, got: make([]uint16, len(t.predicates)), seen: t.none()}
}

// judge finds the predicates of the class that match the value, into s.matched.
func (s *scratch) judge(c *class, value []byte) {
	s.matched, s.used, s.unsure = s.matched[:0], 0, false
	clear(s.seen)
	in := transform.In(value)
	s.add(value, &in, c.root.words)
	s.ask(c.root.asked, value)
	s.walk(c.root, value, value, &in, 0)
	for i := range s.texts[:s.used] {
		s.scan(&s.texts[i], value)
	}
}

// walk makes the texts below a step. exact is the text after the steps so far, scanned
// the one that was scanned for it: they differ in the case of letters at most.
func (s *scratch) walk(at *step, exact, scanned []byte, in *transform.Bytes, depth int) {
	for _, next := range at.below {
		if w := &next.whole; !w.always && !in.Meets(&w.needs) && (!w.folds || !hasUpper(in)) {
			s.merge(scanned, in, w.words)
			s.ask(w.fresh, exact)
			continue
		}
		if !next.always && !in.Meets(&next.needs) && (!hasUpper(in) || !next.apply.Folds()) {
			s.same(next, exact, scanned, in, depth)
			continue
		}
		if depth == len(s.walls) {
			s.walls = append(s.walls, nil)
		}
		s.walls[depth] = next.apply.Append(s.walls[depth][:0], exact)
		made := s.walls[depth]
		if bytes.Equal(made, exact) {
			s.same(next, exact, scanned, in, depth)
			continue
		}
		if len(made) == len(exact) && next.apply == transform.HTMLEntityDecode {
			s.unsure = true // multiMatch in the oracle would not take this for a change
		}
		inMade := transform.In(made)
		form := made
		if sameFold(made, scanned) {
			form = scanned
			s.merge(scanned, &inMade, next.words)
		} else {
			form = s.add(made, &inMade, next.words)
		}
		s.ask(next.asked, made)
		s.walk(next, made, form, &inMade, depth+1)
	}
}

// same goes on below a step that leaves the text as it is. What was asked about it
// already has the same answer.
func (s *scratch) same(next *step, exact, scanned []byte, in *transform.Bytes, depth int) {
	s.merge(scanned, in, next.words)
	s.ask(next.fresh, exact)
	s.walk(next, exact, scanned, in, depth)
}

func hasUpper(in *transform.Bytes) bool { return in[1]&0x07fffffe != 0 }

func sameFold(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	if bytes.Equal(a, b) {
		return true
	}
	for i, x := range a {
		y := b[i]
		if x != y && (x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z') {
			return false
		}
	}
	return true
}

// add notes a text to scan, unless it is noted. The text is copied, since the buffers
// are used again. in are its bytes, but for the case of letters. It returns the noted text.
func (s *scratch) add(b []byte, in *transform.Bytes, words bits) []byte {
	for i := range s.texts[:s.used] {
		if sameFold(s.texts[i].bytes, b) {
			s.texts[i].words.or(words)
			return s.texts[i].bytes
		}
	}
	if s.used == maxTexts {
		s.unsure = true
		return b
	}
	if s.used == len(s.texts) {
		s.texts = append(s.texts, text{words: s.t.none()})
	}
	t := &s.texts[s.used]
	s.used++
	t.bytes = append(t.bytes[:0], b...)
	copy(t.words, words)
	t.in, t.plain = in.Lower(), in.Within(&s.t.plain)
	return t.bytes
}

// merge adds predicates to a text that is noted.
func (s *scratch) merge(scanned []byte, in *transform.Bytes, words bits) {
	for i := range s.texts[:s.used] {
		if len(s.texts[i].bytes) == len(scanned) && (len(scanned) == 0 || &s.texts[i].bytes[0] == &scanned[0] || sameFold(s.texts[i].bytes, scanned)) {
			s.texts[i].words.or(words)
			return
		}
	}
	s.add(scanned, in, words)
}

// ask asks the operators that have no words to look for.
func (s *scratch) ask(predicates []int32, exact []byte) {
	for _, i := range predicates {
		if s.seen.has(int(i)) {
			continue
		}
		p := s.t.predicates[i]
		if p.op.match(exact) != p.link.negated && s.agrees(p, exact) {
			s.match(i)
		}
	}
}

func (s *scratch) match(i int32) {
	if !s.seen.has(int(i)) {
		s.seen.add(int(i))
		s.matched = append(s.matched, i)
	}
}

// scan looks for the words in one text, and asks the operators whose words are all
// there.
func (s *scratch) scan(t *text, value []byte) {
	if required.Exotic(t.bytes) {
		for i := range s.t.predicates {
			if t.words.has(i) && s.t.folds.has(i) {
				s.verify(int32(i), value)
			}
		}
	}
	s.found.Reset()
	s.t.automaton.Scan(t.bytes, &s.found)
	s.touched = s.touched[:0]
	for _, w := range s.found.Words {
		s.note(t, s.t.marks[w])
	}
	for i, set := range t.in {
		for set &= s.t.marked[i]; set != 0; set &= set - 1 {
			s.note(t, s.t.byteMarks[i<<6+bits64.TrailingZeros64(set)])
		}
	}
	for _, i := range s.touched {
		met := s.got[i]&s.t.full[i] == s.t.full[i]
		if t.plain && met {
			met = !s.t.predicates[i].op.never && s.got[i]&s.t.fullPlain[i] == s.t.fullPlain[i]
		}
		if met {
			s.verify(i, value)
		}
		s.got[i] = 0
	}
}

// note notes what a word that the text has says.
func (s *scratch) note(t *text, marks []mark) {
	for _, m := range marks {
		if !t.words.has(int(m.predicate)) {
			continue
		}
		if s.got[m.predicate] == 0 {
			s.touched = append(s.touched, m.predicate)
		}
		s.got[m.predicate] |= m.clauses
	}
}

// maxAsked bounds the bytes that operators are given for one request. A request made of
// what many rules look for would otherwise cost what the oracle does, and then the oracle.
const maxAsked = 128 << 10

// verify asks the operator itself, with the text exactly as the oracle has it.
func (s *scratch) verify(i int32, value []byte) {
	if s.seen.has(int(i)) {
		return
	}
	if s.asked > maxAsked {
		s.unsure = true // the oracle asks them all anyway
		return
	}
	p := s.t.predicates[i]
	s.asked += len(value) * max(1, len(p.link.steps))
	from := value
	asked := p.link.multi || len(p.link.steps) == 0
	if asked && p.op.match(from) && s.agrees(p, from) {
		s.match(i)
		return
	}
	for n, step := range p.link.steps {
		into := &s.exact[n&1]
		*into = step.Append((*into)[:0], from)
		same := asked && bytes.Equal(*into, from) // and so is the answer
		from = *into
		if same || !p.link.multi && n < len(p.link.steps)-1 {
			continue
		}
		if asked = true; p.op.match(from) && s.agrees(p, from) {
			s.match(i)
			return
		}
	}
}

// agrees asks the local link of the chain about what was matched.
func (s *scratch) agrees(p *predicate, exact []byte) bool {
	loc := p.local
	if loc == nil {
		return true
	}
	var groups [][]byte
	for _, part := range loc.parts {
		value := exact
		if !part.whole {
			if groups == nil {
				groups = p.op.groups(exact)
			}
			if part.must != nil && !part.must.Match(bytes.ToLower(expand(part.name, groups))) {
				continue
			}
			value = part.text(groups)
		}
		for _, step := range loc.link.steps {
			value = step.Append(nil, value)
		}
		if loc.op.match(value) != loc.link.negated {
			return true
		}
	}
	return false
}

// text is the submatch, or the pattern with the submatches put in.
func (p *part) text(groups [][]byte) []byte {
	if p.pattern == "" {
		return groups[p.group]
	}
	return expand(p.pattern, groups)
}

// expand puts submatches in for macros such as %{tx.1}.
func expand(pattern string, groups [][]byte) []byte {
	var out []byte
	rest := []byte(pattern)
	for {
		before, macro, ok := bytes.Cut(rest, []byte("%{"))
		out = append(out, before...)
		if !ok {
			return out
		}
		name, after, _ := bytes.Cut(macro, []byte("}"))
		n := int(name[len(name)-1] - '0')
		if n < len(groups) {
			out = append(out, groups[n]...)
		}
		rest = after
	}
}

// judgeOne asks one predicate about one value, its transformations included, into
// s.one.
func (s *scratch) judgeOne(p *predicate, value []byte) {
	from := value
	for n, step := range p.link.steps {
		into := &s.exact[n&1]
		*into = step.Append((*into)[:0], from)
		from = *into
	}
	s.one = p.op.match(from) != p.link.negated
}
