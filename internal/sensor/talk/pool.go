package talk

// mostHeld bounds what is kept of one direction while a message is incomplete: the longest
// client hello in the most records that are read.
const mostHeld = 36 << 10

// sizeOf returns the size of the buffers of a class.
func sizeOf(class int) int {
	switch class {
	case 0:
		return 1 << 10
	case 1:
		return 4 << 10
	case 2:
		return 12 << 10
	}
	return mostHeld
}

const classes = 4

// mostIdle bounds the buffers of a class that are kept for later.
const mostIdle = 256

// pool lends buffers of a few sizes, up to a bound for all that are lent together.
type pool struct {
	idle [classes][][]byte
	out  int // bytes that are lent
	most int
}

// take lends an empty buffer for at least n bytes, or nil if it has none of that size or
// too much is lent.
func (p *pool) take(n int) []byte {
	for class := range classes {
		size := sizeOf(class)
		if n > size {
			continue
		}
		if p.out+size > p.most {
			return nil
		}
		p.out += size
		if k := len(p.idle[class]); k > 0 {
			b := p.idle[class][k-1]
			p.idle[class] = p.idle[class][:k-1]
			return b
		}
		return make([]byte, 0, size)
	}
	return nil
}

// put takes a buffer back. A nil one is none.
func (p *pool) put(b []byte) {
	if b == nil {
		return
	}
	p.out -= cap(b)
	for class := range classes {
		if cap(b) == sizeOf(class) && len(p.idle[class]) < mostIdle {
			p.idle[class] = append(p.idle[class], b[:0])
		}
	}
}

// add appends to a lent buffer, exchanging it for a larger one where needed. It returns
// false, with the buffer as it was, when there is no room.
func (p *pool) add(to, b []byte) ([]byte, bool) {
	if to != nil && len(to)+len(b) <= cap(to) {
		return append(to, b...), true
	}
	larger := p.take(len(to) + len(b))
	if larger == nil {
		return to, false
	}
	larger = append(append(larger, to...), b...)
	p.put(to)
	return larger, true
}
