package xdp

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"

	"haechi"
)

// The form of a generation, as bpf/tables.h has it.
const (
	listMagic  = 0x48415831
	listTop    = 64
	listTables = 63
	listProbes = 8
	topLines   = 65536 / 16
	pageLines  = 256 / 16
	whole      = 1 // all of a /16 or of a /24
	few        = 1 << 31
	mostFew    = 3 // addresses of a /24 that need no block of bits
)

// layout is a deny list on its way into the kernel.
type layout struct {
	v4            []key4
	in            []uint8 // how many addresses there are of each /24; more than mostFew: it has a block
	v6            []*table6
	pages, blocks uint32 // how many /16 and /24 have parts
	n6            uint64
}

// plan reads the prefixes and finds how large they become. Those that the kernel does not
// take are left out.
func plan(ps []netip.Prefix) (*layout, error) {
	g := &layout{}
	var by [mostLengths][]key6
	for _, p := range ps {
		if !p.IsValid() || p.Bits() < 1 || p.Addr().Is4In6() {
			continue
		}
		if p.Addr().Is4() {
			k := toKey4(p)
			k.Addr &= ^uint32(0) << (32 - k.Bits)
			g.v4 = append(g.v4, k)
			continue
		}
		by[p.Bits()] = append(by[p.Bits()], toKey6(p.Masked()))
	}
	g.measure()
	for n, keys := range by {
		if len(keys) == 0 {
			continue
		}
		if len(g.v6) == listTables {
			return nil, &haechi.Error{Kind: haechi.Exhausted, Op: "load the deny list",
				Msg: fmt.Sprintf("it has IPv6 prefixes of more than %d lengths", listTables), Hint: "write the rare ones in another length"}
		}
		t := newTable6(n, keys)
		g.v6 = append(g.v6, t)
		g.n6 += t.n
	}
	return g, nil
}

// measure counts the pages and the blocks.
func (g *layout) measure() {
	var page [65536]bool
	g.in = make([]uint8, 1<<24)
	for _, k := range g.v4 {
		n := &g.in[k.Addr>>8]
		switch {
		case k.Bits <= 16:
			continue
		case k.Bits == 32 && *n < mostFew:
			*n++
		case k.Bits > 24 && *n <= mostFew:
			*n = mostFew + 1
			g.blocks++
		}
		if !page[k.Addr>>16] {
			page[k.Addr>>16] = true
			g.pages++
		}
	}
}

// The parts of a generation, in lines.
func (g *layout) firstPage() uint32    { return listTop + topLines }
func (g *layout) firstBlock() uint32   { return g.firstPage() + g.pages*pageLines }
func (g *layout) firstTable() uint32   { return g.firstBlock() + (g.blocks+1)/2 }
func (g *layout) count() uint64        { return uint64(len(g.v4)) + g.n6 }
func word(mem []byte, i uint32) uint32 { return binary.NativeEndian.Uint32(mem[i*4:]) }
func set(mem []byte, i, v uint32)      { binary.NativeEndian.PutUint32(mem[i*4:], v) }

// lines is how long it becomes.
func (g *layout) lines() uint32 {
	n := g.firstTable()
	for _, t := range g.v6 {
		n += uint32(len(t.words) / 8)
	}
	return n
}

// write writes it into memory that is all zeros.
func (g *layout) write(mem []byte) {
	page, block := g.firstPage(), g.firstBlock()*2
	for _, k := range g.v4 {
		switch {
		case k.Bits <= 16:
			for i := k.Addr >> 16; i <= (k.Addr|uint32(1<<(32-k.Bits)-1))>>16; i++ {
				set(mem, listTop*16+i, whole)
			}
			continue
		case word(mem, listTop*16+k.Addr>>16) == whole:
			continue
		case word(mem, listTop*16+k.Addr>>16) == 0:
			set(mem, listTop*16+k.Addr>>16, page)
			page += pageLines
		}
		at := word(mem, listTop*16+k.Addr>>16)*16 + k.Addr>>8&255
		switch {
		case k.Bits <= 24:
			for i := range uint32(1) << (24 - k.Bits) {
				set(mem, at+i, whole)
			}
			continue
		case word(mem, at) == whole:
			continue
		case g.in[k.Addr>>8] <= mostFew:
			set(mem, at, another(word(mem, at), k.Addr&255))
			continue
		case word(mem, at) == 0:
			set(mem, at, block)
			block++
		}
		mark(mem, word(mem, at)*8, k)
	}
	g.write6(mem)
	set(mem, 0, listMagic)
	set(mem, 1, uint32(len(g.v6)))
	set(mem, 2, uint32(len(g.v4)))
	set(mem, 3, uint32(g.n6))
}

// another adds an address to a word with few.
func another(w, last uint32) uint32 {
	if w == 0 {
		return few | last<<16 | last<<8 | last
	}
	for shift := uint32(0); shift < 24; shift += 8 {
		if w>>shift&255 == last {
			return w
		}
	}
	if w>>8&255 == w&255 { // the second
		return w&^0xff00 | last<<8
	}
	return w&^0xff0000 | last<<16
}

// mark sets the bits of a prefix longer than a /24.
func mark(mem []byte, at uint32, k key4) {
	low, n := k.Addr&255, uint32(1)<<(32-k.Bits)
	mask := uint32(1<<min(n, 32)-1) << (low & 31)
	if n >= 32 {
		mask = ^uint32(0)
	}
	for i := low >> 5; i <= (low+n-1)>>5; i++ {
		set(mem, at+i, word(mem, at+i)|mask)
	}
}

// write6 writes the IPv6 tables and what describes them.
func (g *layout) write6(mem []byte) {
	first := g.firstTable()
	for i, t := range g.v6 {
		d := uint32(i+1) * 16
		set(mem, d, uint32(t.bits))
		set(mem, d+1, first)
		set(mem, d+2, uint32(len(t.words)/8-1))
		if t.zeros {
			set(mem, d+3, 1)
		}
		binary.NativeEndian.PutUint64(mem[(d+4)*4:], t.seed)
		for j, w := range t.words {
			binary.NativeEndian.PutUint64(mem[int(first)*lineBytes+j*8:], w)
		}
		first += uint32(len(t.words) / 8)
	}
}

// table6 has the IPv6 prefixes of one length, in buckets of a line.
type table6 struct {
	bits  int
	seed  uint64
	words []uint64
	zeros bool // it has the prefix of zeros, which is an empty place in a bucket
	n     uint64
}

// newTable6 fills a table at most by half. The rare one in which a bucket and the seven
// after it are full is made anew, with another seed, and larger.
func newTable6(length int, keys []key6) *table6 {
	places := 8
	if length > 64 {
		places = 4
	}
	lines := 1
	for lines*places < 2*len(keys) {
		lines *= 2
	}
	for ; ; lines *= 2 {
		t := &table6{bits: length, seed: rand.Uint64(), words: make([]uint64, lines*8)}
		if t.fill(keys) {
			return t
		}
	}
}

func (t *table6) fill(keys []key6) bool {
	for _, k := range keys {
		if k.High == 0 && k.Low == 0 {
			t.zeros = true
			continue
		}
		if !t.put(k) {
			return false
		}
	}
	if t.zeros {
		t.n++
	}
	return true
}

func (t *table6) put(k key6) bool {
	h, most := mix(k.High^mix(k.Low^t.seed)), uint64(len(t.words)/8-1)
	step := 1
	if t.bits > 64 {
		step = 2
	}
	for i := range uint64(listProbes) {
		line := t.words[(h+i)&most*8:][:8]
		for j := 0; j < 8; j += step {
			switch {
			case line[j] == 0 && (step == 1 || line[j+1] == 0):
				line[j] = k.High
				if step == 2 {
					line[j+1] = k.Low
				}
				t.n++
				return true
			case line[j] == k.High && (step == 1 || line[j+1] == k.Low):
				return true // twice in the list
			}
		}
	}
	return false
}
