package flow

import (
	"encoding/binary"
	"math/bits"

	"haechi/internal/sensor"
)

// key tells flows apart: the two ends, the lower first. The protocol stands beside it in
// the slot, where it costs no padding.
type key interface {
	comparable
	hash(seed uint64, proto uint8) uint64
	path(p *sensor.Path, swap bool)
}

type key4 struct {
	lo, hi         uint32
	loPort, hiPort uint16
}

type key6 struct {
	lo, hi         [16]byte
	loPort, hiPort uint16
}

// Constants of wyhash (public domain).
const (
	mix1 = 0xa0761d6478bd642f
	mix2 = 0xe7037ed1a0b428db
)

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

func (k key4) hash(seed uint64, proto uint8) uint64 {
	ends := uint64(k.lo)<<32 | uint64(k.hi)
	ports := uint64(k.loPort)<<24 | uint64(k.hiPort)<<8 | uint64(proto)
	return fold(fold(ends^mix1, ports^seed), seed^mix2)
}

// word is no variable that holds the function, by which the key would escape to the heap.
func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

func (k key6) hash(seed uint64, proto uint8) uint64 {
	ports := uint64(k.loPort)<<24 | uint64(k.hiPort)<<8 | uint64(proto)
	h := fold(word(k.lo[:])^mix1, word(k.lo[8:])^seed)
	h = fold(word(k.hi[:])^h, word(k.hi[8:])^mix2)
	return fold(h^ports, seed^mix2)
}

// path writes the ends out, the lower one as source unless swapped.
func (k key4) path(p *sensor.Path, swap bool) {
	if swap {
		k = key4{k.hi, k.lo, k.hiPort, k.loPort}
	}
	binary.BigEndian.PutUint32(p.Src[:], k.lo)
	binary.BigEndian.PutUint32(p.Dst[:], k.hi)
	p.SrcPort, p.DstPort, p.V6 = k.loPort, k.hiPort, false
}

func (k key6) path(p *sensor.Path, swap bool) {
	if swap {
		k = key6{k.hi, k.lo, k.hiPort, k.loPort}
	}
	p.Src, p.Dst, p.SrcPort, p.DstPort, p.V6 = k.lo, k.hi, k.loPort, k.hiPort, true
}

// key4Of and key6Of make a key, and say whether the source is the higher end.
func key4Of(p *sensor.Path) (k key4, high bool) {
	src, dst := binary.BigEndian.Uint32(p.Src[:]), binary.BigEndian.Uint32(p.Dst[:])
	if src > dst || src == dst && p.SrcPort > p.DstPort {
		return key4{dst, src, p.DstPort, p.SrcPort}, true
	}
	return key4{src, dst, p.SrcPort, p.DstPort}, false
}

func key6Of(p *sensor.Path) (k key6, high bool) {
	switch order(&p.Src, &p.Dst) {
	case 1:
		high = true
	case 0:
		high = p.SrcPort > p.DstPort
	}
	if high {
		return key6{p.Dst, p.Src, p.DstPort, p.SrcPort}, true
	}
	return key6{p.Src, p.Dst, p.SrcPort, p.DstPort}, false
}

func order(a, b *[16]byte) int {
	for i := 0; i < 16; i += 8 {
		x, y := binary.BigEndian.Uint64(a[i:]), binary.BigEndian.Uint64(b[i:])
		if x != y {
			if x > y {
				return 1
			}
			return -1
		}
	}
	return 0
}
