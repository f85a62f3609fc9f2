package sieve

import (
	"bytes"
	"net/url"
	"strings"
)

// target judges the request target: path, file name, query and its parameters.
func (r *run) target(raw string) {
	if at := strings.IndexByte(raw, '#'); at >= 0 {
		raw = raw[:at]
	}
	if path, query, ok := simple(raw); ok {
		r.see(fromURI, nil, r.text(raw))
		r.path(path)
		r.query(query)
		return
	}
	u, err := url.ParseRequestURI(raw)
	if err != nil {
		r.ask(0, "the target is no URI")
		return
	}
	r.see(fromURI, nil, r.text(u.String()))
	r.path(u.Path)
	r.query(u.RawQuery)
}

// simple cuts a target whose path needs no decoding, as net/url would, and whose
// spelling net/url would keep.
func simple(raw string) (path, query string, ok bool) {
	path, query, _ = strings.Cut(raw, "?")
	if path == "" || path[0] != '/' || strings.HasPrefix(path, "//") {
		return "", "", false
	}
	for i := range len(path) {
		b := path[i]
		if !('a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '/' || b == '-' || b == '_' || b == '.' || b == '~') {
			return "", "", false
		}
	}
	for i := range len(query) {
		if query[i] <= ' ' || query[i] >= 0x7f {
			return "", "", false
		}
	}
	return path, query, true
}

func (r *run) path(path string) {
	r.value = append(r.value[:0], path...)
	r.see(fromFilename, nil, r.value)
	base := r.value
	if at := bytes.LastIndexAny(base, `/\`); at >= 0 && len(base) > at+1 {
		base = base[at+1:]
	}
	r.see(fromBasename, nil, base)
}

func (r *run) query(query string) {
	r.value = append(r.value[:0], query...)
	r.see(fromQuery, nil, r.value)
	r.form(r.value, fromGet, fromGetName)
}

// form judges parameters as they stand in a query or form.
func (r *run) form(text []byte, values, names source) {
	count := 0
	for rest := text; len(rest) > 0 && !r.stop; {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte{'&'})
		if len(pair) == 0 {
			continue
		}
		if count++; count > r.s.settings.arguments {
			r.ask(0, "too many parameters")
			return
		}
		name, value, _ := bytes.Cut(pair, []byte{'='})
		r.decoded = unescape(r.decoded[:0], name)
		n := len(r.decoded)
		r.decoded = unescape(r.decoded, value)
		r.argument(values, names, r.decoded[:n], r.decoded[n:])
	}
}

// argument judges one parameter.
func (r *run) argument(values, names source, name, value []byte) {
	r.argBytes += len(name) + len(value)
	r.see(values, name, value)
	r.see(names, name, name)
}

// unescape decodes a form's text; what is no escape stays.
func unescape(dst, src []byte) []byte {
	for i := 0; i < len(src); i++ {
		b := src[i]
		switch {
		case b == '+':
			b = ' '
		case b == '%' && i+2 < len(src) && isHex(src[i+1]) && isHex(src[i+2]):
			b = nibble(src[i+1])<<4 | nibble(src[i+2])
			i += 2
		}
		dst = append(dst, b)
	}
	return dst
}

func nibble(b byte) byte {
	if b <= '9' {
		return b - '0'
	}
	return b | 0x20 - 'a' + 10
}
