package strictjson

// maxOpen bounds the members that lie in objects open at the same time.
const maxOpen = 256

// Limits bound one scan. Zero fields mean the defaults.
type Limits struct {
	Depth   int // nesting of objects and arrays; default 32
	Members int // members in all objects together; default 1,024
	// BigNumbers lets numbers beyond 64 bits pass, for a reader that checks those it
	// reads itself.
	BigNumbers bool
}

// Scanner scans objects. Of one scan it keeps the names of members into the next, which
// changes nothing but the time that takes. It has about 20 KB of buffers of its own, and
// serves one goroutine at a time.
type Scanner struct {
	paths   *Paths
	limits  Limits
	src     []byte
	open    int
	members int
	shape   *shape // that the scan follows or teaches; nil: none
	place   int    // of the next name in it
	values  [MaxPaths]Span
	names   [maxOpen]name
	text    [MaxName]byte
	other   [MaxName]byte
	// A name folds to at most its own length: see appendFolded.
	folded [3][MaxName]byte
	shapes [shapes]shape
}

// New returns a scanner that extracts the paths.
func New(paths *Paths, limits Limits) *Scanner {
	if limits.Depth <= 0 {
		limits.Depth = 32
	}
	if limits.Members <= 0 {
		limits.Members = 1024
	}
	return &Scanner{paths: paths, limits: limits}
}

// Scan scans the object at the start of src, after optional white space. On OK,
// end is the offset behind its closing brace and the values hold until the next
// Scan or Reset; on a fault, end is about where it was found, and no value may
// be used. Input beyond 4 GiB is TooMany.
func (s *Scanner) Scan(src []byte) (end int, f Fault) {
	clear(s.values[:s.paths.n])
	s.src, s.open, s.members = src, 0, 0
	if uint64(len(src)) > 1<<32-1 {
		return 0, TooMany
	}
	s.recall()
	i := s.space(0)
	if i >= len(src) {
		return i, Truncated
	}
	if src[i] != '{' {
		return i, Syntax
	}
	return s.object(i+1, 0, 1)
}

// Value returns what the last Scan found for the path of that slot.
func (s *Scanner) Value(slot int) Span { return s.values[slot] }

// Reset forgets the scanned input, so that it can be collected.
func (s *Scanner) Reset() {
	clear(s.values[:s.paths.n])
	s.src = nil
}

func (s *Scanner) space(i int) int {
	for i < len(s.src) {
		switch s.src[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// at returns the byte at i after white space, and where it is; 0 at the end.
// A NUL in the input is no valid token either.
func (s *Scanner) at(i int) (byte, int) {
	if i < len(s.src) && s.src[i] > ' ' {
		return s.src[i], i
	}
	i = s.space(i)
	if i >= len(s.src) {
		return 0, i
	}
	return s.src[i], i
}

// broken tells an input that ended from one that is wrong at i.
func (s *Scanner) broken(i int) (int, Fault) {
	switch {
	case i >= len(s.src):
		return i, Truncated
	case s.src[i] == 0 || s.src[i] >= 0x80:
		return i, Encoding
	}
	return i, Syntax
}

// object scans behind an opening brace. node is where the object lies on the
// paths, -1 if on none.
func (s *Scanner) object(i, node, depth int) (int, Fault) {
	if depth > s.limits.Depth {
		return i, TooDeep
	}
	o := members{base: s.open, first: -1}
	c, i := s.at(i)
	if c == '}' {
		return i + 1, OK
	}
	for {
		if c != '"' {
			return s.broken(i)
		}
		end, child, f := s.member(&o, i+1, node)
		if f != OK {
			return end, f
		}
		if c, i = s.at(end + 1); c != ':' {
			return s.broken(i)
		}
		if i, f = s.value(i+1, child, depth); f != OK {
			return i, f
		}
		switch c, i = s.at(i); c {
		case ',':
			c, i = s.at(i + 1)
		case '}':
			s.open = o.base
			return i + 1, OK
		default:
			return s.broken(i)
		}
	}
}

// child is the node of a name below another, -1 if it is on no path.
func (s *Scanner) child(node int, h uint64, text []byte) (int, Fault) {
	found, alike := s.paths.find(node, h, text)
	switch {
	case found != 0:
		return found, OK
	case alike != 0 && s.fold(0, text) == s.fold(1, []byte(s.paths.nodes[alike].name)):
		return -1, Lookalike
	}
	return -1, OK
}

func (s *Scanner) fold(buf int, text []byte) string {
	return string(appendFolded(s.folded[buf][:0], text))
}

func (s *Scanner) array(i, depth int) (int, Fault) {
	if depth > s.limits.Depth {
		return i, TooDeep
	}
	c, i := s.at(i)
	if c == ']' {
		return i + 1, OK
	}
	for {
		var f Fault
		if i, f = s.value(i, -1, depth); f != OK {
			return i, f
		}
		switch c, i = s.at(i); c {
		case ',':
			i++
		case ']':
			return i + 1, OK
		default:
			return s.broken(i)
		}
	}
}

// value scans any value and keeps it if its node has a slot.
func (s *Scanner) value(i, node, depth int) (int, Fault) {
	c, i := s.at(i)
	start, end := i, i
	var kind Kind
	var flags uint8
	var f Fault
	switch c {
	case '"':
		kind, start = String, i+1
		end, flags, f = s.str(i + 1)
	case '{':
		kind = Object
		end, f = s.object(i+1, node, depth+1)
	case '[':
		kind = Array
		end, f = s.array(i+1, depth+1)
	case 't':
		kind = True
		end, f = s.literal(i, "true")
	case 'f':
		kind = False
		end, f = s.literal(i, "false")
	case 'n':
		kind = Null
		end, f = s.literal(i, "null")
	default:
		kind = Number
		end, f = s.number(i)
	}
	if f != OK {
		return end, f
	}
	if node > 0 {
		if slot := s.paths.nodes[node].slot; slot >= 0 {
			s.values[slot] = Span{Raw: s.src[start:end:end], At: uint32(start), Kind: kind, Escaped: flags&hasEscape != 0}
		}
	}
	if kind == String {
		end++
	}
	return end, OK
}
