package devicegate

import (
	"encoding/binary"
	"encoding/json"
	"strings"

	"haechi"
)

// template is a frame of the gate's own with holes, cut up once.
type template []segment

type segment struct {
	text string
	hole int // the value that follows; -1: none
}

// parse cuts a text at the holes, which are names in braces.
func parse(text string, names ...string) (out template) {
	for text != "" {
		at, next, hole := len(text), len(text), -1
		for i, name := range names {
			if j := strings.Index(text, "{"+name+"}"); j >= 0 && j < at {
				at, next, hole = j, j+len(name)+2, i
			}
		}
		out = append(out, segment{text[:at], hole})
		text = text[next:]
	}
	return out
}

// fill appends the frame with its values. They stand within quotes, so they are
// written as JSON texts without theirs.
func (t template) fill(dst []byte, values ...string) []byte {
	for _, s := range t {
		dst = append(dst, s.text...)
		if s.hole >= 0 {
			quoted, _ := json.Marshal(values[s.hole]) // a text always can be
			dst = append(dst, quoted[1:len(quoted)-1]...)
		}
	}
	return dst
}

// frame is the filled template as the profile's framing has it; nil if there is
// none.
func (l *layout) frame(t template, values ...string) []byte {
	if len(t) == 0 {
		return nil
	}
	f := &l.Framing
	out := t.fill(make([]byte, prefixOf(f), 256), values...)
	n := len(out) - prefixOf(f)
	switch {
	case f.Kind <= haechi.LinesTail:
		return append(out, '\n')
	case f.Kind != haechi.LengthPrefix:
	case f.PrefixBytes == 2 && f.LittleEndian:
		binary.LittleEndian.PutUint16(out, uint16(n))
	case f.PrefixBytes == 2:
		binary.BigEndian.PutUint16(out, uint16(n))
	case f.LittleEndian:
		binary.LittleEndian.PutUint32(out, uint32(n))
	default:
		binary.BigEndian.PutUint32(out, uint32(n))
	}
	return out
}

// prefixOf is how many bytes of a frame are its length.
func prefixOf(f *haechi.Framing) int {
	if f.Kind != haechi.LengthPrefix {
		return 0
	}
	return f.PrefixBytes
}

// lengthOf reads a length prefix.
func lengthOf(f *haechi.Framing, p []byte) int {
	switch {
	case f.PrefixBytes == 2 && f.LittleEndian:
		return int(binary.LittleEndian.Uint16(p))
	case f.PrefixBytes == 2:
		return int(binary.BigEndian.Uint16(p))
	case f.LittleEndian:
		return int(binary.LittleEndian.Uint32(p))
	}
	return int(binary.BigEndian.Uint32(p))
}
