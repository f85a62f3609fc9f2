package logline

import (
	"bytes"
	"fmt"
	"strings"
)

// place is a kind of place in a template.
type place uint8

const (
	literal place = iota
	source
	target
	sourceEnd // address:port
	targetEnd
	port
	targetPort
	status
	size
	number
	word
	method
	transport
	quoted
	user // from here on any text
	path
	host
	agent
	anyText
	places
)

func placeNames() [places]string {
	return [places]string{"", "source", "target", "endpoint", "target_endpoint", "port", "target_port", "status", "bytes", "number",
		"word", "method", "transport", "quoted", "user", "path", "host", "agent", "any"}
}

func (p place) free() bool { return p >= user }

// token is a piece of a template.
type token struct {
	place place
	text  []byte // of a literal
	eight eight  // of it
	takes bytesOf
	// inside says of a word that the text behind it may begin within it.
	inside bool
}

// bytesOf is a set of bytes.
type bytesOf [4]uint64

func (s *bytesOf) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }

// template matches a whole message.
type template struct {
	head []token // before the first place of any text
	free []token // such places, and what stands between them
	tail []token // behind the last
	// must is the longest literal, looked for before anything else where the template
	// begins with a place; where it begins with text, that says enough.
	must []byte
	// first is the byte that a message must begin with; 0: any.
	first byte
}

// parse reads a template.
func parse(text string) (t template, err error) {
	all, err := tokens(text)
	if err != nil {
		return t, err
	}
	first, last := -1, -1
	for i := range all {
		k := &all[i]
		k.inside = k.place == word && i+1 < len(all) && k.takes.has(all[i+1].text[0])
		if k.place.free() {
			if first < 0 {
				first = i
			}
			if last == i-1 && last >= 0 {
				return t, fmt.Errorf("two places of any text stand side by side")
			}
			last = i
		}
		if len(k.text) > len(t.must) {
			t.must = k.text
		}
	}
	if len(t.must) < 3 {
		return t, fmt.Errorf("there is hardly any text by which a line could be known")
	}
	if all[0].place == literal {
		t.first = all[0].text[0]
	}
	if first < 0 {
		t.head = all
		return t, nil
	}
	t.head, t.free, t.tail = all[:first], all[first:last+1], all[last+1:]
	return t, nil
}

func tokens(text string) (all []token, err error) {
	for text != "" {
		i := strings.IndexByte(text, '{')
		if i < 0 {
			i = len(text)
		}
		if i > 0 {
			all = append(all, token{text: []byte(text[:i]), eight: eightOf(text[:i])})
			text = text[i:]
			continue
		}
		end := strings.IndexByte(text, '}')
		if end < 0 {
			return nil, fmt.Errorf("a brace is not closed")
		}
		p, ok := placeOf(text[1:end])
		if !ok {
			return nil, fmt.Errorf("{%s} is no place", text[1:end])
		}
		if len(all) > 0 && all[len(all)-1].place != literal {
			return nil, fmt.Errorf("{%s} stands directly behind another place", text[1:end])
		}
		all = append(all, token{place: p, takes: p.bytes()})
		text = text[end+1:]
	}
	return all, nil
}

func placeOf(name string) (place, bool) {
	for i, n := range placeNames() {
		if n == name && n != "" {
			return place(i), true
		}
	}
	return 0, false
}

// verdict is how a message fits a template.
type verdict uint8

const (
	misses verdict = iota
	fits
	twofold // in more than one way
)

// match reads a message; got is filled in where it fits.
func (t *template) match(message []byte, got *fields) verdict {
	if t.first != 0 {
		if !bytes.HasPrefix(message, t.head[0].text) {
			return misses
		}
	} else if !bytes.Contains(message, t.must) {
		return misses
	}
	*got = fields{}
	return t.fit(t.head, message, got)
}

// fit reads a message, or what of it is behind the text that the head leaves out.
func (t *template) fit(head []token, message []byte, got *fields) verdict {
	rest, ok := left(head, message, got)
	if !ok {
		return misses
	}
	if t.free == nil {
		if len(rest) > 0 {
			return misses
		}
		return fits
	}
	if rest, ok = right(t.tail, rest, got); !ok {
		return misses
	}
	return t.between(rest, got)
}

// between reads what lies between the first and the last place of any text.
func (t *template) between(b []byte, got *fields) verdict {
	if len(t.free) == 1 {
		got.set(t.free[0].place, b)
		return fits
	}
	return split(t.free, b, got)
}

// split finds the one way to read places of any text with something between them.
func split(all []token, b []byte, got *fields) verdict {
	next := 1
	for next < len(all) && !all[next].place.free() {
		next++
	}
	if next == len(all) {
		got.set(all[0].place, b)
		return fits
	}
	found, at := misses, *got
	for i := 0; i <= len(b); i++ {
		if first := all[1].text; first != nil {
			j := bytes.Index(b[i:], first)
			if j < 0 {
				break
			}
			i += j
		}
		trial := *got
		rest, ok := left(all[1:next], b[i:], &trial)
		if !ok {
			continue
		}
		v := split(all[next:], rest, &trial)
		if v == misses {
			continue
		}
		if v == twofold || found != misses {
			return twofold
		}
		trial.set(all[0].place, b[:i])
		found, at = fits, trial
	}
	*got = at
	return found
}

// left reads tokens from the beginning. Each place takes as much as it can, but a word
// ends at the first text that may follow it.
func left(all []token, b []byte, got *fields) (rest []byte, ok bool) {
	for i := range all {
		k := &all[i]
		if k.place == literal {
			if !k.eight.begins(b, k.text) {
				return nil, false
			}
			b = b[len(k.text):]
			continue
		}
		n := 0
		for n < len(b) && k.takes.has(b[n]) && (k.place != quoted || !bareQuote(b, n)) {
			n++
		}
		if k.inside { // it ends where what follows begins
			if j := bytes.Index(b[:min(n+len(all[i+1].text), len(b))], all[i+1].text); j >= 0 {
				n = j
			}
		}
		if !got.set(k.place, b[:n]) {
			return nil, false
		}
		b = b[n:]
	}
	return b, true
}

// right reads tokens from the end.
func right(all []token, b []byte, got *fields) (rest []byte, ok bool) {
	for i := len(all) - 1; i >= 0; i-- {
		k := &all[i]
		n := len(b)
		switch k.place {
		case literal:
			if !k.eight.ends(b, k.text) {
				return nil, false
			}
			b = b[:n-len(k.text)]
			continue
		case source:
			if a, from, ok := dottedEnd(b); ok {
				got.source, b = a, b[:from]
				continue
			}
		case port:
			if v, from, ok := shortEnd(b); ok {
				got.port, b = v, b[:from]
				continue
			}
		}
		for n > 0 && k.takes.has(b[n-1]) && (k.place != quoted || !bareQuote(b, n-1)) {
			n--
		}
		if !got.set(k.place, b[n:]) {
			return nil, false
		}
		b = b[:n]
	}
	return b, true
}

// bytes are those of which the text of a place consists.
func (p place) bytes() (s bytesOf) {
	for c := range 256 {
		if p.takes(byte(c)) {
			s[c>>6] |= 1 << (c & 63)
		}
	}
	return s
}

// bareQuote reports whether there is a quote at i that no backslash takes its meaning; a
// backslash may itself be escaped.
func bareQuote(b []byte, i int) bool {
	if b[i] != '"' {
		return false
	}
	n := 0
	for n < i && b[i-1-n] == '\\' {
		n++
	}
	return n%2 == 0
}

// takes reports whether a place of limited text goes on with a byte.
func (p place) takes(c byte) bool {
	switch p {
	case source, target:
		return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' || c == ':' || c == '.'
	case sourceEnd, targetEnd:
		return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' || c == ':' || c == '.' || c == '[' || c == ']'
	case port, targetPort, status, size, number:
		return '0' <= c && c <= '9'
	case quoted:
		return true
	}
	return c > ' ' && c != '"' && c != ',' && c != '(' && c != ')' && c != '[' && c != ']' && c != ';'
}
