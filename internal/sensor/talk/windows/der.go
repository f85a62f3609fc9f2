package windows

// der walks values of ASN.1 in their tag, length, value form (X.690), definite lengths
// only. What is malformed gives nothing.
type der []byte

// next cuts the first value off: its tag byte, and its body.
func (d der) next() (tag byte, body, rest der, ok bool) {
	size, head := derSize(d)
	if size <= 0 || size > len(d) {
		return 0, nil, nil, false
	}
	return d[0], d[head:size:size], d[size:], true
}

// derSize is the size of the first value with its head, and that of its head: 0 while
// the head is incomplete, -1 when it is none that is read.
func derSize(b []byte) (size, head int) {
	if len(b) < 2 {
		return 0, 0
	}
	if b[0]&0x1f == 0x1f || b[1] == 0x80 || b[1] > 0x84 {
		return -1, 0
	}
	if b[1] < 0x80 {
		return 2 + int(b[1]), 2
	}
	n := int(b[1] & 0x7f)
	if len(b) < 2+n {
		return 0, 0
	}
	for _, c := range b[2 : 2+n] {
		size = size<<8 | int(c)
	}
	return size + 2 + n, 2 + n
}

// find returns the body of the first value with a tag.
func (d der) find(tag byte) der {
	for len(d) > 0 {
		t, body, rest, ok := d.next()
		if !ok {
			return nil
		}
		if t == tag {
			return body
		}
		d = rest
	}
	return nil
}

// in returns the body of a value, if it has the tag.
func (d der) in(tag byte) der {
	t, body, _, ok := d.next()
	if !ok || t != tag {
		return nil
	}
	return body
}

// number reads an INTEGER or ENUMERATED in d, -1 if it is none or a large one.
func (d der) number() int {
	tag, body, _, ok := d.next()
	if !ok || tag != derInteger && tag != derEnumerated || len(body) == 0 || len(body) > 4 {
		return -1
	}
	n := 0
	for _, c := range body {
		n = n<<8 | int(c)
	}
	return n
}

const (
	derInteger    = 0x02
	derOctets     = 0x04
	derEnumerated = 0x0a
	derSequence   = 0x30
)
