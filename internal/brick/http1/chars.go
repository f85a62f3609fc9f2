package http1

import "encoding/binary"

// The classes of bytes, as bits of a table.
const (
	isTarget = 1 << iota // of a path or query that URL parsers leave as it is, without % and ?
	isHost               // of a host with port
	isHex
)

// plain is added to a letter that is no capital.
const plain = 1 << 8

// Reader reads heads. It is safe for concurrent use.
type Reader struct {
	class [256]uint8
	// form is what becomes of the bytes of a field's name (RFC 9110, 5.6.2): of those at
	// its beginning and behind a dash, and from plain on of the others. The low byte is
	// how it is written, 0 for one that may not stand there; plain is set in the rest
	// unless a capital follows.
	form [2 * plain]uint16
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
		upper, lower, then := uint16(c), uint16(c), uint16(plain)
		switch {
		case c == '-':
			then = 0
		case c >= 'A' && c <= 'Z':
			lower += 0x20
		case c >= 'a' && c <= 'z':
			upper -= 0x20
		}
		r.form[c], r.form[plain+int(c)] = upper|then, lower|then
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
	if len(b) < 8 {
		return eachPrintable(b)
	}
	last := b[len(b)-8:]
	for len(b) > 8 {
		if suspect(b) && !eachPrintable(b[:8]) {
			return false
		}
		b = b[8:]
	}
	return !suspect(last) || eachPrintable(last)
}

// suspect reports whether one of the first eight bytes may be a control character.
func suspect(b []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	v := binary.LittleEndian.Uint64(b)
	del := v ^ ones*0x7f
	return ((v-ones*0x20)&^v|(del-ones)&^del)&tops != 0
}

func eachPrintable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// canonical puts the name before the first colon into the form that net/http gives it:
// capitals at the beginning and behind each dash, in place. It returns where the colon is;
// -1 if a byte comes before it that may not stand in a name, or none comes. Part of the
// text has been changed then.
func (r *Reader) canonical(text []byte) int {
	then := uint16(0)
	for i, c := range text {
		then = r.form[(then&plain|uint16(c))%uint16(len(r.form))]
		switch is := byte(then); {
		case is == 0:
			if c != ':' {
				return -1
			}
			return i
		case is != c: // seldom
			text[i] = is
		}
	}
	return -1
}
