package columnar

import (
	"encoding/binary"
	"math/bits"
)

// span are the least and the greatest of some numbers.
type span struct{ low, high int64 }

func (s *span) take(v int64) { s.low, s.high = min(s.low, v), max(s.high, v) }

// width is how many bits the greatest difference from the least needs.
func (s *span) width() uint { return uint(bits.Len64(uint64(s.high) - uint64(s.low))) }

// appendColumn packs the values, or their differences where those are shorter.
// Differences are turned around where an int64 ends, as the sums that undo them are.
func appendColumn(dst []byte, values []int64) []byte {
	plain, step := span{values[0], values[0]}, span{}
	if len(values) > 1 {
		first := values[1] - values[0]
		step = span{first, first}
	}
	for i := 1; i < len(values); i++ {
		plain.take(values[i])
		step.take(values[i] - values[i-1])
	}
	if len(values) > 1 && step.width() < plain.width() {
		dst = append(dst, byte(step.width())|deltas)
		dst = binary.AppendVarint(dst, values[0])
		dst = binary.AppendVarint(dst, step.low)
		return packSteps(dst, values, step.low, step.width())
	}
	dst = append(dst, byte(plain.width()))
	dst = binary.AppendVarint(dst, plain.low)
	return pack(dst, values, plain.low, plain.width())
}

// packer collects bits.
type packer struct {
	dst  []byte
	word uint64
	held uint
}

func (p *packer) put(v uint64, width uint) {
	p.word |= v << p.held
	if p.held += width; p.held >= 64 {
		p.dst = binary.LittleEndian.AppendUint64(p.dst, p.word)
		p.held -= 64
		p.word = v >> (width - p.held)
	}
}

func (p *packer) end() []byte {
	for ; p.held > 0; p.held -= min(p.held, 8) {
		p.dst = append(p.dst, byte(p.word))
		p.word >>= 8
	}
	return p.dst
}

func pack(dst []byte, values []int64, low int64, width uint) []byte {
	if width == 0 {
		return dst
	}
	p := packer{dst: dst}
	for _, v := range values {
		p.put(uint64(v)-uint64(low), width)
	}
	return p.end()
}

func packSteps(dst []byte, values []int64, low int64, width uint) []byte {
	if width == 0 {
		return dst
	}
	p := packer{dst: dst}
	for i := 1; i < len(values); i++ {
		p.put(uint64(values[i])-uint64(values[i-1])-uint64(low), width)
	}
	return p.end()
}

// unpack reads as many values as out has; src has their bits.
func unpack(out []int64, src []byte, low int64, width uint) {
	if width == 0 {
		for i := range out {
			out[i] = low
		}
		return
	}
	mask := ^uint64(0) >> (64 - width)
	var word uint64
	var held uint
	for i := range out {
		v := word
		if held < width {
			next, n := load(src)
			src = src[n:]
			v |= next << held
			used := width - held
			word, held = next>>used, uint(n)*8-used
		} else {
			word, held = word>>width, held-width
		}
		out[i] = int64(v&mask) + low
	}
}

// load reads up to eight bytes.
func load(src []byte) (word uint64, n int) {
	if len(src) >= 8 {
		return binary.LittleEndian.Uint64(src), 8
	}
	for i, c := range src {
		word |= uint64(c) << (8 * i)
	}
	return word, len(src)
}
