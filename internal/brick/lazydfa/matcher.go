package lazydfa

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// MaxBytes bounds the memory of a matcher's states, about.
const MaxBytes = 256 << 10

// How many ways between states one text may make: so many, and one for so many bytes.
const (
	freeWays = 16
	perWay   = 4
)

// Matcher is one expression. The zero value does not work.
type Matcher struct {
	program func() *syntax.Prog
	bytes   bool
	slow    func([]byte) bool

	once    sync.Once
	prog    *syntax.Prog
	classes classes
	cache   atomic.Pointer[cache]

	mu   sync.Mutex // over what makes states
	made maker
}

// state is a set of instructions that wait for the next character. All but next is fixed.
type state struct {
	insts  []uint32
	before rune                    // a character like the one before; -1 at the beginning
	next   []atomic.Pointer[state] // by class of the next character; the last one is the end
}

// cache holds the states that were made.
type cache struct {
	first *state
	yes   *state // the text matches, whatever follows
	all   map[string]*state
	bytes int
}

// New makes a matcher of a compiled program, which program returns when it is first
// needed. If bytes is set, each byte of a text is a character of that number, 0 to 255;
// otherwise texts are UTF-8, and what is none is read as U+FFFD, byte by byte. slow must give
// the same answer; it is asked where this way would be the dearer one.
func New(program func() *syntax.Prog, bytes bool, slow func([]byte) bool) *Matcher {
	return &Matcher{program: program, bytes: bytes, slow: slow}
}

func (m *Matcher) start() {
	m.prog = m.program()
	m.classes = classify(m.prog)
	m.made.init(len(m.prog.Inst))
	m.cache.Store(m.empty())
}

// empty is a cache with its first state only.
func (m *Matcher) empty() *cache {
	c := &cache{all: map[string]*state{}, yes: &state{}}
	c.first = m.state(nil, -1)
	return c
}

func (m *Matcher) state(insts []uint32, before rune) *state {
	return &state{insts: insts, before: before, next: make([]atomic.Pointer[state], m.classes.n+1)}
}

// Match reports whether the text contains a match.
func (m *Matcher) Match(text []byte) bool {
	m.once.Do(m.start)
	c := m.cache.Load()
	at, room := c.first, freeWays+len(text)/perWay
	for i := 0; i < len(text); {
		class, size := uint16(0), 1
		if b := text[i]; b < utf8.RuneSelf || m.bytes {
			class = m.classes.low[b]
		} else {
			var r rune
			r, size = utf8.DecodeRune(text[i:])
			class = m.classes.of(r)
		}
		i += size
		next := at.next[class].Load()
		if next == nil {
			if room--; room < 0 {
				return m.slow(text)
			}
			if next = m.make(c, at, int(class)); next == nil {
				return m.slow(text)
			}
		}
		if next == c.yes {
			return true
		}
		at = next
	}
	end := at.next[m.classes.n].Load()
	if end == nil {
		end = m.make(c, at, m.classes.n)
	}
	if end == nil {
		return m.slow(text)
	}
	return end == c.yes
}

// make finds or makes the state after a character of the class; nil if the cache was full
// and is empty now.
func (m *Matcher) make(c *cache, at *state, class int) *state {
	m.mu.Lock()
	defer m.mu.Unlock()
	if next := at.next[class].Load(); next != nil {
		return next
	}
	char := rune(-1)
	if class < m.classes.n {
		char = m.classes.sample[class]
	}
	waiting, matched := m.made.follow(m.prog, at.insts, syntax.EmptyOpContext(at.before, char))
	next := c.yes
	if !matched {
		if next = m.find(c, m.step(waiting, class), m.classes.like(char)); next == nil {
			m.cache.CompareAndSwap(c, m.empty())
			return nil
		}
	}
	at.next[class].Store(next)
	return next
}

// step takes a character of the class; none are left at the end.
func (m *Matcher) step(waiting []uint32, class int) []uint32 {
	out := m.made.out[:0]
	for _, pc := range waiting {
		if class < m.classes.n && m.classes.has(pc, class) {
			out = append(out, m.prog.Inst[pc].Out)
		}
	}
	slices.Sort(out)
	m.made.out = slices.Compact(out)
	return m.made.out
}

// find returns the state of the instructions; nil if there is no room for another.
func (m *Matcher) find(c *cache, insts []uint32, before rune) *state {
	key := append(m.made.key[:0], byte(before), byte(before>>8))
	for _, pc := range insts {
		key = binary.LittleEndian.AppendUint32(key, pc)
	}
	m.made.key = key
	if s := c.all[string(key)]; s != nil {
		return s
	}
	const overhead = 150 // of a state, in bytes, about
	if c.bytes += overhead + 2*len(key) + 8*(m.classes.n+1); c.bytes > MaxBytes {
		return nil
	}
	s := m.state(slices.Clone(insts), before)
	c.all[string(key)] = s
	return s
}

// maker is the memory for making states.
type maker struct {
	seen    []uint32 // by instruction: the round in which it was last seen
	round   uint32
	stack   []uint32
	waiting []uint32
	out     []uint32
	key     []byte
}

func (k *maker) init(n int) { k.seen = make([]uint32, n) }

// follow finds the instructions that wait for a character, from the given ones and from
// the start, by the ways that are open here. matched says that a match ends here.
func (k *maker) follow(p *syntax.Prog, from []uint32, open syntax.EmptyOp) (waiting []uint32, matched bool) {
	if k.round++; k.round == 0 {
		clear(k.seen)
		k.round = 1
	}
	k.waiting = k.waiting[:0]
	k.stack = append(append(k.stack[:0], from...), uint32(p.Start))
	for len(k.stack) > 0 {
		pc := k.stack[len(k.stack)-1]
		k.stack = k.stack[:len(k.stack)-1]
		if k.seen[pc] == k.round {
			continue
		}
		k.seen[pc] = k.round
		switch in := &p.Inst[pc]; in.Op {
		case syntax.InstMatch:
			return nil, true
		case syntax.InstAlt, syntax.InstAltMatch:
			k.stack = append(k.stack, in.Arg, in.Out)
		case syntax.InstCapture, syntax.InstNop:
			k.stack = append(k.stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^open == 0 {
				k.stack = append(k.stack, in.Out)
			}
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			k.waiting = append(k.waiting, pc)
		}
	}
	return k.waiting, false
}

// Bytes is about how much memory the states take.
func (m *Matcher) Bytes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.cache.Load(); c != nil {
		return c.bytes
	}
	return 0
}
