package http1

import "encoding/binary"

// The classes of bytes, as bits of a table.
const (
	isTarget = 1 << iota // of a path or query that URL parsers leave as it is, without % and ?
	isHost               // of a host with port
	isHex
)

// Reader reads heads. It is safe for concurrent use.
type Reader struct {
	class [256]uint8
	// upper and lower are the bytes of a field's name (RFC 9110, 5.6.2) with letters as
	// capitals and not, 0 for those that may not stand there.
	upper, lower [256]uint8
}

// NewReader makes a Reader.
func NewReader() *Reader {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	const digits = "0123456789"
	r := &Reader{}
	set := func(class uint8, text string) {
		for i := range len(text) {
			r.class[text[i]] |= class
		}
	}
	for _, c := range []byte(letters + digits + "!#$%&'*+-.^_`|~") {
		r.upper[c], r.lower[c] = c, c
		if c >= 'A' && c <= 'Z' {
			r.lower[c] = c + 0x20
		} else if c >= 'a' && c <= 'z' {
			r.upper[c] = c - 0x20
		}
	}
	set(isTarget, letters+digits+"-._~!$&'()*+,=:@/")
	set(isHost, letters+digits+"-.:[]")
	set(isHex, digits+"abcdefABCDEF")
	return r
}

// all reports whether every byte is of the class.
func (r *Reader) all(b []byte, class uint8) bool {
	for _, c := range b {
		if r.class[c]&class == 0 {
			return false
		}
	}
	return true
}

// target reports whether the bytes are those of a path or query that no URL parser
// reads in two ways.
func (r *Reader) target(b []byte) bool {
	for i := 0; i < len(b); i++ {
		switch {
		case r.class[b[i]]&isTarget != 0:
		case b[i] == '%' && i+2 < len(b) && r.class[b[i+1]]&r.class[b[i+2]]&isHex != 0:
			i += 2
		default:
			return false
		}
	}
	return true
}

// printable reports whether the bytes may stand in a field's value: no control
// characters but the tab (RFC 9110, 5.5). It looks at eight at a time.
func printable(b []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for len(b) >= 8 {
		v := binary.LittleEndian.Uint64(b)
		del := v ^ ones*0x7f
		if ((v-ones*0x20)&^v|(del-ones)&^del)&tops != 0 && !eachPrintable(b[:8]) {
			return false
		}
		b = b[8:]
	}
	return eachPrintable(b)
}

func eachPrintable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// canonical puts a name into the form that net/http gives it: capitals at the beginning
// and behind each dash, in place. It reports whether every byte may stand in a name; if
// not, part of it has been changed.
func (r *Reader) canonical(name []byte) bool {
	form := &r.upper
	for i, c := range name {
		c = form[c]
		if c == 0 {
			return false
		}
		name[i] = c
		if form = &r.lower; c == '-' {
			form = &r.upper
		}
	}
	return true
}
