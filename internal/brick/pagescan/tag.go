package pagescan

import "bytes"

const (
	maxName       = 16 // bytes; longer names are of no element that is looked for
	maxAttributes = 64 // of one tag; further ones are passed over
)

// tag is a start or end tag. Its attributes are parts of the page.
type tag struct {
	name       string // lower case; "-" for one too long
	attributes []attribute
}

type attribute struct{ name, value []byte }

// of is the value of the attribute, nil without one. Of several the first counts.
func (t *tag) of(name string) []byte {
	for i := range t.attributes {
		if equal(t.attributes[i].name, name) {
			return t.attributes[i].value
		}
	}
	return nil
}

// read reads a tag from its name on, and returns what follows it (WHATWG HTML,
// 13.2.5.8 and 13.2.5.32 to 13.2.5.40).
func (t *tag) read(b []byte) (rest []byte, whole bool) {
	n := 0
	for n < len(b) && !blank(b[n]) && b[n] != '/' && b[n] != '>' {
		n++
	}
	t.name, t.attributes = "-", t.attributes[:0]
	if n <= maxName {
		t.name = string(bytes.ToLower(b[:n]))
	}
	for b = b[n:]; len(b) > 0; {
		switch {
		case b[0] == '>':
			return b[1:], true
		case blank(b[0]), b[0] == '/':
			b = b[1:]
		default:
			var a attribute
			a, b = readAttribute(b)
			if len(t.attributes) < maxAttributes {
				t.attributes = append(t.attributes, a)
			}
		}
	}
	return nil, false
}

// readAttribute reads a name and a value from the name on.
func readAttribute(b []byte) (a attribute, rest []byte) {
	n := 1 // an equals sign may begin a name
	for n < len(b) && !blank(b[n]) && b[n] != '/' && b[n] != '>' && b[n] != '=' {
		n++
	}
	a.name = b[:n]
	b = bytes.TrimLeft(b[n:], " \t\n\f\r")
	if len(b) == 0 || b[0] != '=' {
		return a, b
	}
	b = bytes.TrimLeft(b[1:], " \t\n\f\r")
	if len(b) > 0 && (b[0] == '"' || b[0] == '\'') {
		end := bytes.IndexByte(b[1:], b[0])
		if end < 0 {
			return a, nil
		}
		a.value = b[1 : 1+end]
		return a, b[end+2:]
	}
	n = 0
	for n < len(b) && !blank(b[n]) && b[n] != '>' {
		n++
	}
	a.value = b[:n]
	return a, b[n:]
}
