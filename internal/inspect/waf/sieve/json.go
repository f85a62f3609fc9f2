package sieve

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// walker reads a JSON body strictly and flattens it into parameters with the names
// that the oracle gives them: json.list.0.name. What it does not read exactly so goes
// to the oracle.
type walker struct {
	text  []byte
	at    int
	name  []byte
	value []byte
	count int // parameters
	lists int // lengths of lists, which the oracle counts apart
	bytes int
	room  int
}

const (
	flatFactor = 8    // the oracle's bound on names and values, in lengths of the body
	flatFloor  = 4096 // and at least, in bytes
)

func (r *run) walkJSON(body []byte) {
	w := &r.json
	w.text, w.at, w.count, w.lists, w.bytes = body, 0, 0, 0, 0
	w.room = max(len(body)*flatFactor, flatFloor)
	w.name = append(w.name[:0], "json"...)
	w.space()
	if c := w.peek(); c != '{' && c != '[' {
		r.ask(0, "a JSON body that is no object or list")
		return
	}
	ok := r.element(w, 0)
	w.space()
	if !r.stop && (!ok || w.at != len(w.text)) {
		r.ask(0, "a JSON body that is broken or beyond a limit")
	}
}

func (w *walker) peek() byte {
	if w.at < len(w.text) {
		return w.text[w.at]
	}
	return 0
}

func (w *walker) space() {
	for w.at < len(w.text) && (w.text[w.at] == ' ' || w.text[w.at] == '\n' || w.text[w.at] == '\t' || w.text[w.at] == '\r') {
		w.at++
	}
}

// element reads one object or list. It reports false if it is broken or beyond a limit.
func (r *run) element(w *walker, depth int) bool {
	if depth >= r.s.settings.depth-1 {
		return false
	}
	list := w.peek() == '['
	end := byte('}')
	if list {
		end = ']'
	}
	w.at++
	w.space()
	if w.peek() == end {
		w.at++
		return true
	}
	base, index := len(w.name), 0
	for {
		if !w.key(list, index) || !r.member(w, depth) || r.stop {
			return false
		}
		w.name = w.name[:base]
		index++
		w.space()
		c := w.peek()
		w.at++
		if c == end {
			break
		}
		if c != ',' {
			return false
		}
		w.space()
	}
	if !list {
		return true
	}
	w.lists++
	w.value = strconv.AppendInt(w.value[:0], int64(index), 10)
	return w.lists < r.s.settings.arguments && r.leaf(w, w.value)
}

// key appends the name of the next member: its key, or its place in a list.
func (w *walker) key(list bool, index int) bool {
	w.name = append(w.name, '.')
	if list {
		w.name = strconv.AppendInt(w.name, int64(index), 10)
		return true
	}
	var ok bool
	if w.name, ok = w.str(w.name); !ok {
		return false
	}
	w.space()
	if w.peek() != ':' {
		return false
	}
	w.at++
	w.space()
	return true
}

// member reads the value of a member.
func (r *run) member(w *walker, depth int) bool {
	switch c := w.peek(); c {
	case '{', '[':
		return r.element(w, depth+1)
	case '"':
		var ok bool
		if w.value, ok = w.str(w.value[:0]); !ok {
			return false
		}
	case 't', 'f', 'n':
		start := w.at
		if !w.word("true") && !w.word("false") && !w.word("null") {
			return false
		}
		w.value = append(w.value[:0], w.text[start:w.at]...)
		if c == 'n' {
			w.value = w.value[:0]
		}
	default:
		start := w.at
		if !w.number() {
			return false
		}
		w.value = append(w.value[:0], w.text[start:w.at]...)
	}
	w.count++
	return w.count < r.s.settings.arguments && r.leaf(w, w.value)
}

// leaf judges one parameter within the oracle's bound on all of them.
func (r *run) leaf(w *walker, value []byte) bool {
	w.bytes += len(w.name) + len(value)
	if w.bytes > w.room {
		return false
	}
	r.argument(fromPost, fromPostName, w.name, value)
	return true
}

func (w *walker) word(word string) bool {
	if len(w.text)-w.at < len(word) || string(w.text[w.at:w.at+len(word)]) != word {
		return false
	}
	w.at += len(word)
	return true
}

// number reads a number of RFC 8259.
func (w *walker) number() bool {
	if w.peek() == '-' {
		w.at++
	}
	if w.peek() == '0' {
		w.at++
	} else if !w.digits() {
		return false
	}
	if w.peek() == '.' {
		w.at++
		if !w.digits() {
			return false
		}
	}
	if w.peek()|0x20 == 'e' {
		w.at++
		if c := w.peek(); c == '+' || c == '-' {
			w.at++
		}
		return w.digits()
	}
	return true
}

func (w *walker) digits() bool {
	start := w.at
	for c := w.peek(); '0' <= c && c <= '9'; c = w.peek() {
		w.at++
	}
	return w.at > start
}

// str reads a string and appends what it means.
func (w *walker) str(dst []byte) ([]byte, bool) {
	if w.peek() != '"' {
		return dst, false
	}
	w.at++
	for {
		start := w.at
		for w.at < len(w.text) && w.text[w.at] != '"' && w.text[w.at] != '\\' && w.text[w.at] >= ' ' {
			w.at++
		}
		dst = append(dst, w.text[start:w.at]...)
		switch w.peek() {
		case '"':
			w.at++
			return dst, true
		case '\\':
			var ok bool
			if dst, ok = w.escape(dst); !ok {
				return dst, false
			}
		default:
			return dst, false
		}
	}
}

func (w *walker) escape(dst []byte) ([]byte, bool) {
	if w.at+1 >= len(w.text) {
		return dst, false
	}
	c := w.text[w.at+1]
	w.at += 2
	switch c {
	case '"', '\\', '/':
		return append(dst, c), true
	case 'b':
		return append(dst, '\b'), true
	case 'f':
		return append(dst, '\f'), true
	case 'n':
		return append(dst, '\n'), true
	case 'r':
		return append(dst, '\r'), true
	case 't':
		return append(dst, '\t'), true
	case 'u':
		return w.unicode(dst)
	}
	return dst, false
}

// unicode reads the digits of \uXXXX. Half a surrogate pair is not read as the oracle
// does.
func (w *walker) unicode(dst []byte) ([]byte, bool) {
	a, ok := w.hex4()
	if !ok {
		return dst, false
	}
	if utf16.IsSurrogate(a) {
		if !w.word(`\u`) {
			return dst, false
		}
		b, ok := w.hex4()
		if a = utf16.DecodeRune(a, b); !ok || a == utf8.RuneError {
			return dst, false
		}
	}
	return utf8.AppendRune(dst, a), true
}

func (w *walker) hex4() (rune, bool) {
	if len(w.text)-w.at < 4 {
		return 0, false
	}
	v, err := strconv.ParseUint(string(w.text[w.at:w.at+4]), 16, 16)
	w.at += 4
	return rune(v), err == nil
}
