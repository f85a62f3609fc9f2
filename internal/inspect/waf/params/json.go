package params

import (
	"unicode/utf8"

	"haechi/internal/inspect/waf"
)

// document reads the scalars of a JSON text (RFC 8259). The name of one is the way to it,
// with "*" for the place in a list: json.items.*.id. What is no JSON ends the reading; to
// refuse it is for the rules.
type document struct {
	w     *walk
	b     []byte
	at    int
	depth int
}

func (d *document) read() {
	d.w.size = 0
	for i := range len("json") {
		d.w.put("json"[i])
	}
	d.value()
}

func (d *document) space() byte {
	for ; d.at < len(d.b); d.at++ {
		switch c := d.b[d.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// value reads one value, and reports whether to go on.
func (d *document) value() bool {
	if d.w.n >= maxSeen {
		return false
	}
	switch c := d.space(); c {
	case '{', '[':
		if d.depth++; d.depth > waf.MaxDepth {
			return false
		}
		d.at++
		ok := d.members(c == '{')
		d.depth--
		return ok
	case '"':
		d.w.s.begin()
		ok := d.text(func(b byte) {
			if d.w.s.n <= maxScan {
				d.w.s.add(b)
			}
		})
		d.w.tell()
		return ok
	case 0, '}', ']', ',', ':':
		return false
	}
	return d.bare()
}

// bare reads a number, true, false or null.
func (d *document) bare() bool {
	from := d.at
	d.w.s.begin()
	for ; d.at < len(d.b); d.at++ {
		switch c := d.b[d.at]; c {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			if string(d.b[from:d.at]) == "null" {
				return true
			}
			d.w.tell()
			return true
		default:
			d.w.s.add(c)
		}
	}
	return false
}

// members reads what stands in an object or a list.
func (d *document) members(named bool) bool {
	size := d.w.size
	for {
		c := d.space()
		if c == '}' || c == ']' {
			d.at++
			return true
		}
		if c == ',' {
			d.at++
			continue
		}
		d.w.size = size
		d.w.put('.')
		if !named {
			d.w.put('*')
		} else if c != '"' || !d.text(d.w.put) || d.space() != ':' {
			return false
		} else {
			d.at++
		}
		ok := d.value()
		d.w.size = size
		if !ok {
			return false
		}
	}
}

// text gives the bytes of a string, decoded.
func (d *document) text(to func(byte)) bool {
	for d.at++; d.at < len(d.b); d.at++ {
		switch c := d.b[d.at]; c {
		case '"':
			d.at++
			return true
		case '\\':
			if d.at++; d.at >= len(d.b) {
				return false
			}
			d.escape(to)
		default:
			to(c)
		}
	}
	return false
}

// escape gives what is written after a backslash. Halves of a pair are given as one sign
// each: only that they are beyond ASCII matters.
func (d *document) escape(to func(byte)) {
	switch c := d.b[d.at]; c {
	case 'n', 'r', 't':
		to(' ')
	case 'b', 'f':
		to('\b')
	case 'u':
		var r rune
		for range 4 {
			if d.at+1 >= len(d.b) || nibble(d.b[d.at+1]) > 15 {
				return
			}
			d.at++
			r = r<<4 | rune(nibble(d.b[d.at]))
		}
		if r < utf8.RuneSelf {
			to(byte(r))
			return
		}
		to(0xc2)
	default:
		to(c)
	}
}
