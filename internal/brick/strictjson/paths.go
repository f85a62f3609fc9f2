package strictjson

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"strings"
)

// MaxPaths bounds the paths of one set.
const MaxPaths = 64

// Paths is a compiled set of paths, each a dotted list of member names from the
// top object, for example "data.auth.signature". It is immutable and may be
// shared. Names are matched byte for byte after unescaping.
type Paths struct {
	seed  uint64
	nodes []node
	n     int
}

// node is one name on some path, with a hash table of the names below it.
type node struct {
	name  string
	hash  uint64 // of the folded name
	slot  int16  // -1: only on the way
	mask  uint64
	table []int16 // 0: free, otherwise the index of a node
}

// Compile compiles paths; the value of the i-th is found in slot i. Errors name
// the path that is empty, repeated or one too many.
func Compile(paths ...string) (*Paths, error) {
	if len(paths) > MaxPaths {
		return nil, fmt.Errorf("strictjson: %d paths, at most %d", len(paths), MaxPaths)
	}
	p := &Paths{seed: rand.Uint64(), nodes: []node{{slot: -1}}, n: len(paths)}
	below := map[int][]int{}
	for slot, path := range paths {
		at := 0
		for _, part := range strings.Split(path, ".") {
			if part == "" || len(part) > MaxName {
				return nil, fmt.Errorf("strictjson: bad path %q", path)
			}
			at = p.child(below, at, part)
		}
		if p.nodes[at].slot >= 0 {
			return nil, fmt.Errorf("strictjson: path %q is given twice", path)
		}
		p.nodes[at].slot = int16(slot)
	}
	for at, list := range below {
		p.fill(at, list)
	}
	return p, nil
}

// child returns the node for a name below another, making it if need be.
func (p *Paths) child(below map[int][]int, at int, part string) int {
	for _, i := range below[at] {
		if p.nodes[i].name == part {
			return i
		}
	}
	p.nodes = append(p.nodes, node{name: part, slot: -1})
	i := len(p.nodes) - 1
	below[at] = append(below[at], i)
	return i
}

func (p *Paths) fill(at int, list []int) {
	size := 1 << bits.Len(uint(2*len(list)))
	n := &p.nodes[at]
	n.table, n.mask = make([]int16, size), uint64(size-1)
	for _, i := range list {
		text := []byte(p.nodes[i].name)
		p.nodes[i].hash = hash(appendFolded(nil, text), p.seed)
		k := p.nodes[i].hash & n.mask
		for n.table[k] != 0 {
			k = (k + 1) & n.mask
		}
		n.table[k] = int16(i)
	}
}

// find returns the node of a name below another, 0 if it is on no path. alike is
// the node whose name the text may be but for case, 0 if none.
func (p *Paths) find(at int, h uint64, text []byte) (found, alike int) {
	n := &p.nodes[at]
	if n.table == nil {
		return 0, 0
	}
	for k := h & n.mask; n.table[k] != 0; k = (k + 1) & n.mask {
		i := int(n.table[k])
		if p.nodes[i].name == string(text) {
			return i, 0
		}
		if p.nodes[i].hash == h {
			alike = i
		}
	}
	return 0, alike
}
