package logline

import (
	"bytes"
	"time"
)

// heading is what the line before began with: stamp, host and tag up to its bracket.
type heading struct {
	text [96]byte
	n    int // of text, 0: none
	host int // where the tag begins
	at   time.Time
	tag  *tag
}

// read reads a heading that is the same again; false: it is not.
func (h *heading) read(b []byte, m *message) bool {
	n := h.n
	if n == 0 || len(b) < n || string(b[:n]) != string(h.text[:n]) {
		return false
	}
	text, ok := numbered(b[n:])
	if ok {
		m.at, m.tag, m.program, m.text = h.at, h.tag, b[h.host:h.host+int(h.tag.name)], text
	}
	return ok
}

// keep keeps the heading of a line whose tag begins at host.
func (h *heading) keep(b []byte, host int, m *message) {
	h.n = 0
	if m.tag == nil || host+int(m.tag.n) > len(h.text) {
		return
	}
	h.n = copy(h.text[:], b[:host+int(m.tag.n)])
	h.host, h.at, h.tag = host, m.at, m.tag
}

// instant is the second of the line before that has its time as RFC 3339, and its zone.
type instant struct {
	text [19]byte
	zone [6]byte
	n    int // of zone, 0: none
	at   time.Time
}

// read reads a time of the same second and zone, up to a blank; false: it is another.
func (s *instant) read(b []byte) (at time.Time, rest []byte, ok bool) {
	if s.n == 0 || len(b) < len(s.text)+s.n || [19]byte(b) != s.text {
		return at, b, false
	}
	nanos, n := fraction(b[len(s.text):])
	end := len(s.text) + n + s.n
	if n < 0 || len(b) < end || string(b[end-s.n:end]) != string(s.zone[:s.n]) || len(b) > end && b[end] != ' ' {
		return at, b, false
	}
	return s.at.Add(nanos), b[min(end+1, len(b)):], true
}

// keep keeps what a text of a time says.
func (s *instant) keep(b []byte, at time.Time) {
	s.n = 0
	if len(b) <= len(s.text) {
		return
	}
	_, n := fraction(b[len(s.text):])
	if n < 0 {
		return
	}
	if zone := b[len(s.text)+n:]; string(zone) == "Z" || len(zone) == len(s.zone) && (zone[0] == '+' || zone[0] == '-') {
		s.text, s.at = [19]byte(b), at.Add(-time.Duration(at.Nanosecond()))
		s.n = copy(s.zone[:], zone)
	}
}

// fraction reads ".digits" of a second, if they are there, and how long they are; -1: not so.
func fraction(b []byte) (nanos time.Duration, n int) {
	if len(b) == 0 || b[0] != '.' {
		return 0, 0
	}
	if n = digitsAt(b[1:]); n == 0 || n > 9 {
		return 0, -1
	}
	for i := 1; i < 10; i++ {
		nanos *= 10
		if i <= n {
			nanos += time.Duration(b[i] - '0')
		}
	}
	return nanos, n + 1
}

// hosts is the host of the line before, with the blank behind it: nearly always it is that
// of the next line as well.
type hosts struct {
	text [64]byte
	n    int
}

// skip takes a host off; false: there is nothing behind it.
func (h *hosts) skip(b []byte) (rest []byte, ok bool) {
	if n := h.n; n > 0 && len(b) >= n && string(b[:n]) == string(h.text[:n]) {
		return b[n:], true
	}
	n := bytes.IndexByte(b, ' ') + 1
	if n == 0 {
		return nil, false
	}
	if n <= len(h.text) {
		h.n = copy(h.text[:], b[:n])
	}
	return b[n:], true
}

// tag is a "program[" that lines began with.
type tag struct {
	text  [31]byte
	n     uint8 // of text, 0: none
	name  uint8 // of it, what is the program
	asked bool  // whether there is a plan
	plan  *plan // nil: no pattern is about it
}

// tags are some of the tags that were read lately, by their first bytes.
type tags [16]tag

func (t *tags) of(b []byte) *tag { return &t[(b[0]<<1^b[1])&15] }

// maxProcess bounds the digits of a number of a process, in a tag that is known.
const maxProcess = 10

// read reads a tag that is known, a number and "]:"; false: it is another. A colon, blank or
// bracket in the name would have made it another one when it was kept.
func (t *tags) read(b []byte, m *message) bool {
	if len(b) < 4 {
		return false
	}
	k := t.of(b)
	n := int(k.n)
	if n == 0 || len(b) < n || string(b[:n]) != string(k.text[:n]) {
		return false
	}
	text, ok := numbered(b[n:])
	if ok {
		m.program, m.tag, m.text = b[:k.name], k, text
	}
	return ok
}

// numbered takes the number of a process and "]:" off.
func numbered(b []byte) (text []byte, ok bool) {
	i := digitsAt(b)
	if i == 0 || i > maxProcess || i+1 >= len(b) || b[i] != ']' || b[i+1] != ':' {
		return nil, false
	}
	if i += 2; i < len(b) && b[i] == ' ' {
		i++
	}
	return b[i:], true
}

// keep keeps the tag that b begins with, whose bracket stands at end; nil: it is too long.
func (t *tags) keep(b []byte, end, name int) *tag {
	k := t.of(b)
	if end+1 > len(k.text) {
		return nil
	}
	*k = tag{name: uint8(name)}
	k.n = uint8(copy(k.text[:], b[:end+1]))
	return k
}
