package lazydfa

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"unicode"
)

// classes are the sets of characters that no instruction of a program tells apart.
type classes struct {
	n      int
	low    [256]uint16 // of the characters below 256
	starts []rune      // where ranges of characters begin, in order
	class  []uint16    // by range
	sample []rune      // by class: one of its characters
	sets   []int32     // by instruction: its set of characters; -1 if it takes none
	member []bool      // by set × n + class
	words  bool        // the program has \b or \B
	lines  bool        // the program has ^ or $ of lines
}

// ranges are pairs of first and last character.
type ranges []rune

func (r ranges) has(c rune) bool {
	for i := 0; i+1 < len(r); i += 2 {
		if r[i] <= c && c <= r[i+1] {
			return true
		}
	}
	return false
}

// classify finds the classes of a program.
func classify(p *syntax.Prog) classes {
	c := classes{sets: make([]int32, len(p.Inst))}
	var sets []ranges
	at := map[string]int32{}
	for i := range p.Inst {
		c.sets[i] = -1
		r, ok := c.takes(&p.Inst[i])
		if !ok {
			continue
		}
		key := r.key()
		n, ok := at[key]
		if !ok {
			n = int32(len(sets))
			at[key], sets = n, append(sets, r)
		}
		c.sets[i] = n
	}
	tested := slices.Clone(sets)
	if c.words {
		tested = append(tested, ranges{'0', '9', 'A', 'Z', '_', '_', 'a', 'z'})
	}
	if c.words || c.lines {
		tested = append(tested, ranges{'\n', '\n'})
	}
	c.divide(tested)
	c.member = make([]bool, len(sets)*c.n)
	for s, r := range sets {
		for k, sample := range c.sample {
			c.member[s*c.n+k] = r.has(sample)
		}
	}
	for b := range c.low {
		c.low[b] = c.of(rune(b))
	}
	return c
}

func (r ranges) key() string {
	var key []byte
	for _, c := range r {
		key = binary.LittleEndian.AppendUint32(key, uint32(c))
	}
	return string(key)
}

// takes is what an instruction takes; false if it takes no character.
func (c *classes) takes(in *syntax.Inst) (ranges, bool) {
	switch in.Op {
	case syntax.InstRuneAny:
		return ranges{0, unicode.MaxRune}, true
	case syntax.InstRuneAnyNotNL:
		return ranges{0, '\n' - 1, '\n' + 1, unicode.MaxRune}, true
	case syntax.InstRune, syntax.InstRune1:
		if len(in.Rune) != 1 {
			return in.Rune, true
		}
		return single(in.Rune[0], syntax.Flags(in.Arg)&syntax.FoldCase != 0), true
	case syntax.InstEmptyWidth:
		op := syntax.EmptyOp(in.Arg)
		c.words = c.words || op&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) != 0
		c.lines = c.lines || op&(syntax.EmptyBeginLine|syntax.EmptyEndLine) != 0
	}
	return nil, false
}

// single is one character, in all its cases if they are folded.
func single(r rune, folded bool) ranges {
	out := ranges{r, r}
	if !folded {
		return out
	}
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		out = append(out, f, f)
	}
	return out
}

// divide cuts all characters into ranges, and gives those that the same sets have a class.
func (c *classes) divide(sets []ranges) {
	c.starts = append(c.starts, 0)
	for _, r := range sets {
		for i := 0; i+1 < len(r); i += 2 {
			c.starts = append(c.starts, r[i], r[i+1]+1)
		}
	}
	slices.Sort(c.starts)
	c.starts = slices.Compact(c.starts)
	signs := make([][]byte, len(c.starts))
	for i := range signs {
		signs[i] = make([]byte, (len(sets)+7)/8)
	}
	for n, r := range sets {
		for i := 0; i+1 < len(r); i += 2 {
			from, _ := slices.BinarySearch(c.starts, r[i])
			for ; from < len(c.starts) && c.starts[from] <= r[i+1]; from++ {
				signs[from][n>>3] |= 1 << (n & 7)
			}
		}
	}
	at := map[string]uint16{}
	for i, sign := range signs {
		k, ok := at[string(sign)]
		if !ok {
			k = uint16(len(c.sample))
			at[string(sign)], c.sample = k, append(c.sample, c.starts[i])
		}
		c.class = append(c.class, k)
	}
	c.n = len(c.sample)
}

// of is the class of a character.
func (c *classes) of(r rune) uint16 {
	i, found := slices.BinarySearch(c.starts, r)
	if !found {
		i--
	}
	return c.class[i]
}

// has reports whether the instruction takes the characters of the class.
func (c *classes) has(pc uint32, class int) bool {
	return c.sets[pc] >= 0 && c.member[int(c.sets[pc])*c.n+class]
}

// like is a character that is the same to what comes after it.
func (c *classes) like(r rune) rune {
	switch {
	case r < 0:
		return r
	case c.words && syntax.IsWordChar(r):
		return 'a'
	case c.lines && r == '\n':
		return '\n'
	}
	return ' '
}
