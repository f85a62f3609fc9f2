package strictjson

import (
	"encoding/binary"
	"math"
)

// How many shapes are remembered, and how much of one.
const (
	shapes     = 8
	shapeNames = 48
	shapeText  = 512
)

// shape is the names of one object scanned before, and of the objects in it, in the
// order in which they came. Who sends an object of the same shape again, as devices do
// all day, has the same names in the same order: then one comparison takes the place of
// reading, hashing and finding a name. What it foretells was judged when it was learnt:
// a name of plain ASCII, unlike those before it in its object and no lookalike. Nothing
// of a value is kept.
type shape struct {
	n    int // names known
	list [shapeNames]known
	text [shapeText]byte
}

// known is one name of a shape.
type known struct {
	at, end     uint16 // in the text
	first       uint16 // the place of the first name of its object
	node, child int16  // where its object and itself lie on the paths
}

// members is what has to be known of one open object.
type members struct {
	base  int    // where its names begin
	first int    // the place of its first name in the shape; -1: it has none yet
	lazy  bool   // its names are those of a shape, and not hashed yet
	seen  uint64 // a small filter of the hashes
}

// recall looks for the shape of an object that begins like this one. Which it is only
// matters for the time that a scan takes.
func (s *Scanner) recall() {
	s.place = 0
	s.shape = &s.shapes[0]
	if len(s.src) >= 24 {
		h := mix(binary.LittleEndian.Uint64(s.src[8:]) ^ mix(binary.LittleEndian.Uint64(s.src[16:])))
		s.shape = &s.shapes[h%shapes]
	}
}

// foretold returns the name that the shape has next, if it is the one at i.
//
// That all names of an object come from one object of the shape, each used once, keeps
// two alike apart: that one had none.
func (s *Scanner) foretold(o *members, i, node int) *known {
	sh := s.shape
	if sh == nil || s.place >= sh.n {
		return nil
	}
	k := &sh.list[s.place]
	first := o.first
	if first < 0 {
		first = s.place
	}
	end := i + int(k.end-k.at)
	if int(k.first) != first || int(k.node) != node || end >= len(s.src) || s.src[end] != '"' ||
		string(s.src[i:end]) != string(sh.text[k.at:k.end]) {
		return nil
	}
	return k
}

// member takes the name whose first byte is at i of an object that lies at node. end
// is where its closing quote is, child where it lies itself.
func (s *Scanner) member(o *members, i, node int) (end, child int, f Fault) {
	if k := s.foretold(o, i, node); k != nil {
		if f = s.room(); f != OK {
			return i - 1, 0, f
		}
		if o.first < 0 {
			o.first, o.lazy = s.place, true
		}
		end = i + int(k.end-k.at)
		s.note(name{start: uint32(i), end: uint32(end)})
		s.place++
		return end, int(k.child), OK
	}
	end, flags, f := s.str(i)
	if f != OK {
		return end, 0, f
	}
	if o.lazy {
		s.hash(o)
	}
	h, text, f := s.enter(o, i, end, flags)
	if f != OK {
		return i - 1, 0, f
	}
	child = -1
	if node >= 0 {
		if child, f = s.child(node, h, text); f != OK {
			return i - 1, 0, f
		}
	}
	s.learn(o, i, end, flags, node, child)
	return end, child, OK
}

// hash makes up for the names of an object that were foretold, now that one comes that
// was not. None of them is like another.
func (s *Scanner) hash(o *members) {
	o.lazy = false
	for i := o.base; i < s.open; i++ {
		n := &s.names[i]
		n.hash = hash(s.src[n.start:n.end], s.paths.seed)
		o.seen |= bit(n.hash)
	}
}

// learn puts a name in place of what the shape had there and behind.
func (s *Scanner) learn(o *members, i, end int, flags uint8, node, child int) {
	sh := s.shape
	if sh == nil {
		return
	}
	sh.n = s.place
	at := 0
	if sh.n > 0 {
		at = int(sh.list[sh.n-1].end)
	}
	if o.first < 0 {
		o.first = s.place
	}
	if flags != 0 || sh.n == shapeNames || at+end-i > shapeText || node > math.MaxInt16 || child > math.MaxInt16 {
		s.shape = nil // nothing behind it is foretold, this time or the next
		return
	}
	copy(sh.text[at:], s.src[i:end])
	sh.list[sh.n] = known{at: uint16(at), end: uint16(at + end - i), first: uint16(o.first), node: int16(node), child: int16(child)}
	sh.n++
	s.place++
}
