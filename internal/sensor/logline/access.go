package logline

import (
	"bytes"
	"time"
)

// accessTime is the time of the common log format.
const accessTime = "02/Jan/2006:15:04:05 -0700"

// access reads the common log format, with what nginx and Apache add behind it: the
// referer and the agent. Both servers escape quotes in what a client chose, and so the
// first quote begins the request; the client's address is what the line begins with.
func (c *clock) access(b []byte, f *fields) (at time.Time, ok bool) {
	open := bytes.IndexByte(b, '"')
	if open < 20 {
		return at, false
	}
	head := b[:open]
	end := bytes.LastIndexByte(head, ']')
	begin := bytes.LastIndexByte(head, '[')
	if begin < 4 || end < begin {
		return at, false
	}
	at, err := time.Parse(accessTime, string(head[begin+1:end]))
	if err != nil {
		return at, false
	}
	*f = fields{}
	if !who(head[:begin-1], f) {
		return at, false
	}
	return at, answered(b[open:], f)
}

// who reads "source ident user", with or without a virtual host before it.
func who(b []byte, f *fields) bool {
	first, rest, ok := bytes.Cut(b, []byte(" "))
	if !ok {
		return false
	}
	if !address(first, &f.source) {
		f.host = first
		if i := bytes.IndexByte(first, ':'); i > 0 {
			f.host = first[:i]
		}
		if first, rest, ok = bytes.Cut(rest, []byte(" ")); !ok || !address(first, &f.source) {
			return false
		}
	}
	_, name, ok := bytes.Cut(rest, []byte(" ")) // ident
	if !ok {
		return false
	}
	if string(name) != "-" && string(name) != `""` {
		f.user = name
	}
	return true
}

// answered reads the request in quotes, status and size, then the agent as the second
// text in quotes behind them.
func answered(b []byte, f *fields) bool {
	request, rest, ok := inQuotes(b)
	if !ok {
		return false
	}
	f.method, request, _ = bytes.Cut(request, []byte(" "))
	f.path, _, _ = bytes.Cut(request, []byte(" "))
	f.path, _, _ = bytes.Cut(f.path, []byte("?"))
	rest = bytes.TrimPrefix(rest, []byte(" "))
	code, rest, _ := bytes.Cut(rest, []byte(" "))
	if !f.set(status, code) {
		return false
	}
	sent, rest, _ := bytes.Cut(rest, []byte(" "))
	if string(sent) != "-" && !f.set(size, sent) {
		return false
	}
	if _, rest, ok = inQuotes(rest); ok { // the referer
		if text, _, ok := inQuotes(bytes.TrimLeft(rest, " ")); ok {
			f.agent = text
		}
	}
	return true
}

// inQuotes takes a text in quotes off, in which quotes are escaped by a backslash.
func inQuotes(b []byte) (text, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != '"' {
		return nil, b, false
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[1:i], b[i+1:], true
		}
	}
	return nil, b, false
}
