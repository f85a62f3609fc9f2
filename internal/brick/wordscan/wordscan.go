package wordscan

import (
	"errors"
	"fmt"
	"slices"
)

// maxStates bounds the table: at 64 classes of bytes it takes 64 MB.
const maxStates = 1 << 18

// ErrTooManyWords is returned when the words need more states than the table has.
var ErrTooManyWords = errors.New("the words need more than 262,144 states; load fewer rules")

// Automaton finds words. The zero value finds none.
type Automaton struct {
	class  [256]uint8 // class of each byte, letters folded
	stride uint32
	next   []uint32   // by state × stride + class: the next state × stride
	first  uint32     // states × stride from here on end a word
	ends   [][]uint32 // of state - first: the words that end there, longest first
	words  int
}

// Found holds the words found by the scans since the last Reset. The zero value
// is ready; it grows to the automaton at the first scan and allocates no more.
type Found struct {
	Words []uint32 // indexes into the words that New got, each once, in order of sight
	seen  []uint32 // by word: the round in which it was last seen
	met   []uint32 // by ending state: likewise, so that no state is unfolded twice
	round uint32
}

// node is a state while the automaton is built.
type node struct {
	to   map[uint8]uint32
	fail uint32
	ends []uint32
}

// New builds the automaton of the words. An empty word is in no text's result. It
// fails with [ErrTooManyWords].
func New(words []string) (*Automaton, error) {
	a := &Automaton{words: len(words)}
	a.classes(words)
	nodes := []node{{to: map[uint8]uint32{}}}
	for i, w := range words {
		at := uint32(0)
		for _, b := range []byte(w) {
			c := a.class[b]
			to, ok := nodes[at].to[c]
			if !ok {
				if len(nodes) >= maxStates {
					return nil, fmt.Errorf("%d words: %w", len(words), ErrTooManyWords)
				}
				to = uint32(len(nodes))
				nodes[at].to[c] = to
				nodes = append(nodes, node{to: map[uint8]uint32{}})
			}
			at = to
		}
		if w != "" {
			nodes[at].ends = append(nodes[at].ends, uint32(i))
		}
	}
	a.compile(nodes, link(nodes))
	return a, nil
}

// classes gives each byte that some word has a class of its own, all others class
// zero.
func (a *Automaton) classes(words []string) {
	a.stride = 1
	for _, w := range words {
		for _, b := range []byte(w) {
			if b = fold(b); a.class[b] == 0 {
				a.class[b] = uint8(a.stride)
				a.stride++
			}
		}
	}
	for b := byte('A'); b <= 'Z'; b++ {
		a.class[b] = a.class[b+'a'-'A']
	}
}

func fold(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}

// link sets the failure links in breadth-first order, which it returns, and lets
// every state inherit the words that end at its link.
func link(nodes []node) []uint32 {
	order := []uint32{0}
	for i := 0; i < len(order); i++ {
		at := order[i]
		for c, to := range nodes[at].to {
			order = append(order, to)
			if at == 0 {
				continue
			}
			f := nodes[at].fail
			for {
				if via, ok := nodes[f].to[c]; ok {
					nodes[to].fail = via
					break
				}
				if f == 0 {
					break
				}
				f = nodes[f].fail
			}
			nodes[to].ends = append(nodes[to].ends, nodes[nodes[to].fail].ends...)
		}
	}
	return order
}

// compile lays the states out: those that end no word first, so that one
// comparison tells a find.
func (a *Automaton) compile(nodes []node, order []uint32) {
	place := make([]uint32, len(nodes))
	at := uint32(0)
	for _, ending := range []bool{false, true} {
		if ending {
			a.first = at * a.stride
		}
		for _, n := range order {
			if (len(nodes[n].ends) > 0) == ending {
				place[n] = at
				at++
				if ending {
					a.ends = append(a.ends, nodes[n].ends)
				}
			}
		}
	}
	a.next = make([]uint32, at*a.stride)
	for _, n := range order {
		row := a.next[place[n]*a.stride:][:a.stride]
		if n != 0 {
			copy(row, a.next[place[nodes[n].fail]*a.stride:][:a.stride])
		}
		for c, to := range nodes[n].to {
			row[c] = place[to] * a.stride
		}
	}
}

// States returns how many states the automaton has.
func (a *Automaton) States() int {
	if a.stride == 0 {
		return 0
	}
	return len(a.next) / int(a.stride)
}

// Reset forgets what was found.
func (f *Found) Reset() {
	f.Words = f.Words[:0]
	f.round++
	if f.round == 0 {
		clear(f.seen)
		clear(f.met)
		f.round = 1
	}
}

// Scan adds the words that the text contains. One Found serves one automaton.
func (a *Automaton) Scan(text []byte, f *Found) {
	if len(a.next) == 0 {
		return
	}
	if len(f.met) < len(a.ends) || len(f.seen) < a.words {
		f.met, f.seen = slices.Grow(f.met, len(a.ends))[:len(a.ends)], slices.Grow(f.seen, a.words)[:a.words]
		f.round = max(f.round, 1)
	}
	state := uint32(0)
	for _, b := range text {
		state = a.next[state+uint32(a.class[b])]
		if state >= a.first {
			a.report((state-a.first)/a.stride, f)
		}
	}
}

func (a *Automaton) report(end uint32, f *Found) {
	if f.met[end] == f.round {
		return
	}
	f.met[end] = f.round
	for _, w := range a.ends[end] {
		if f.seen[w] != f.round {
			f.seen[w] = f.round
			f.Words = append(f.Words, w)
		}
	}
}
