package http1

import "bytes"

// Outcome is how far a reading came.
type Outcome uint8

// The outcomes.
const (
	More  Outcome = iota // the head goes on behind the bytes given
	Read                 // it was read
	Other                // it is none of those that this package reads
)

// MaxFields bounds the fields of a head.
const MaxFields = 100

// Field is one line of a head. Both lie in the caller's buffer.
type Field struct {
	Name  []byte // in canonical form
	Value []byte // without the white space around it
	Hop   bool   // it is of this connection only, or frames the body: not to be passed on
}

// known are the fields that rule how a message is framed and passed on.
type known uint8

const (
	ordinary known = iota
	length
	coding
	connection
	hop // of this connection only, and without meaning for framing
	strange
)

// recognise says what a field of that canonical name is.
func recognise(name []byte) known {
	switch len(name) {
	case 2:
		if string(name) == "Te" {
			return strange
		}
	case 6:
		if string(name) == "Expect" {
			return strange
		}
	case 7:
		if string(name) == "Upgrade" || string(name) == "Trailer" {
			return strange
		}
	case 10:
		switch string(name) {
		case "Connection":
			return connection
		case "Keep-Alive":
			return hop
		}
	case 14:
		switch string(name) {
		case "Content-Length":
			return length
		case "Http2-Settings":
			return strange
		}
	case 16:
		if string(name) == "Proxy-Connection" {
			return hop
		}
	case 17:
		if string(name) == "Transfer-Encoding" {
			return coding
		}
	case 18:
		if string(name) == "Proxy-Authenticate" {
			return hop
		}
	case 19:
		if string(name) == "Proxy-Authorization" {
			return hop
		}
	}
	return ordinary
}

// line cuts the first line off, without its end. Only CR LF ends one.
func line(b []byte) (text []byte, size int, out Outcome) {
	i := bytes.IndexByte(b, '\n')
	switch {
	case i < 0:
		return nil, 0, More
	case i == 0 || b[i-1] != '\r':
		return nil, 0, Other
	}
	return b[:i-1], i + 1, Read
}

// field reads one line behind the first.
func (r *Reader) field(text []byte) (f Field, ok bool) {
	i := r.canonical(text)
	if i <= 0 {
		return f, false
	}
	f.Name, f.Value = text[:i], trim(text[i+1:])
	return f, printable(f.Value)
}

// trim cuts blanks and tabs off both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// number reads a length in bytes: digits only, below 10^15.
func number(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 15 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// Equal compares text without regard to the case of its letters; want is in lower case.
func Equal(text []byte, want string) bool {
	if len(text) != len(want) {
		return false
	}
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != want[i] {
			return false
		}
	}
	return true
}
