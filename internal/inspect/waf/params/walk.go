package params

import (
	"strings"

	"haechi/internal/inspect/waf"
)

const (
	maxName = 64 // bytes of a parameter's name; what has a longer one is passed over
	maxSeen = 1000
)

// found is told of each parameter: its name as the rules name it, and what was seen of its
// value.
type found interface {
	parameter(name []byte, s *sight)
}

// walk goes through the parameters of a request, as far as they are learned.
type walk struct {
	to   found
	s    sight
	n    int
	name [maxName]byte
	size int // of the name; beyond maxName it does not count
}

func (w *walk) all(v *waf.View) {
	if _, query, ok := strings.Cut(v.Target, "?"); ok {
		pairs(w, query)
	}
	if len(v.Body) == 0 {
		return
	}
	switch kind := contentType(v); {
	case is(kind, "application/x-www-form-urlencoded"):
		pairs(w, v.Body)
	case is(kind, "application/json") || strings.HasSuffix(mediaType(kind), "+json"):
		(&document{w: w, b: v.Body}).read()
	}
}

func contentType(v *waf.View) string {
	for i := range v.Headers {
		if strings.EqualFold(v.Headers[i].Name, "Content-Type") {
			return v.Headers[i].Value
		}
	}
	return ""
}

// mediaType is the type without its parameters.
func mediaType(value string) string {
	kind, _, _ := strings.Cut(value, ";")
	return strings.TrimSpace(kind)
}

func is(value, kind string) bool { return strings.EqualFold(mediaType(value), kind) }

// put adds a byte to the name.
func (w *walk) put(c byte) {
	if w.size < maxName {
		w.name[w.size] = c
	}
	w.size++
}

func (w *walk) tell() {
	if w.n++; w.size > 0 && w.size <= maxName && w.n <= maxSeen {
		w.to.parameter(w.name[:w.size], &w.s)
	}
}

// pairs reads name=value&… as forms write them.
func pairs[T string | []byte](w *walk, text T) {
	for at := 0; at < len(text) && w.n < maxSeen; {
		w.size = 0
		w.s.begin()
		inName := true
		for ; at < len(text) && text[at] != '&'; at++ {
			c := text[at]
			switch {
			case c == '=' && inName:
				inName = false
				continue
			case c == '+':
				c = ' '
			case c == '%' && at+2 < len(text) && nibble(text[at+1]) < 16 && nibble(text[at+2]) < 16:
				c = nibble(text[at+1])<<4 | nibble(text[at+2])
				at += 2
			}
			if inName {
				w.put(c)
			} else if w.s.n <= maxScan {
				w.s.add(c)
			}
		}
		at++
		w.tell()
	}
}

// nibble is the value of a hexadecimal digit; 16 and more for others.
func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}
