package http1

import "bytes"

// Request is the head of a request. Its bytes lie in the caller's buffer.
type Request struct {
	Method      []byte
	Path, Query []byte // as written; Query is what follows the first question mark
	Escaped     bool   // the path holds percent-encodings
	HasQuery    bool   // also where it is empty
	Host        []byte
	Length      int64 // of the body in bytes
	HasLength   bool  // also where it is 0
	Close       bool  // the client wants the connection closed behind the answer
	// Fields are all but Host, in order.
	Fields []Field
	// Size is that of the head in bytes; the body follows.
	Size int
}

// Request reads the head at the beginning of b: HTTP/1.1 in its plainest form, with
// one host, a path for its target, and no body or one of a stated length. Names are
// put into canonical form in b itself. On an outcome other than Read, q is void.
func (r *Reader) Request(b []byte, q *Request) Outcome {
	*q = Request{Fields: q.Fields[:0]}
	text, at, out := line(b)
	if out != Read {
		return out
	}
	if !r.start(text, q) {
		return Other
	}
	var seen seen
	for {
		text, size, out := line(b[at:])
		if out != Read {
			return out
		}
		at += size
		if len(text) == 0 {
			break
		}
		if !r.take(text, q, &seen) {
			return Other
		}
	}
	if q.Host == nil || seen.pragma && !seen.cache {
		return Other // net/http reads Pragma as a Cache-Control, where there is none
	}
	q.Size = at
	return Read
}

// start reads the request line.
func (r *Reader) start(text []byte, q *Request) bool {
	i := bytes.IndexByte(text, ' ')
	if i < 0 || !method(text[:i]) {
		return false
	}
	target, ok := bytes.CutSuffix(text[i+1:], []byte(" HTTP/1.1"))
	if !ok || len(target) == 0 || target[0] != '/' || len(target) > 1 && target[1] == '/' {
		return false
	}
	q.Method = text[:i]
	q.Path, q.Query, q.HasQuery = bytes.Cut(target, []byte("?"))
	q.Escaped = bytes.IndexByte(q.Path, '%') >= 0
	return r.target(q.Path) && r.query(q.Query)
}

// query is like target, where further question marks are text.
func (r *Reader) query(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '?')
		if i < 0 {
			return r.target(b)
		}
		if !r.target(b[:i]) {
			return false
		}
		b = b[i+1:]
	}
}

func method(b []byte) bool {
	switch string(b) {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return true
	}
	return false
}

// seen are the fields that may come once, and those that change each other.
type seen struct{ connection, pragma, cache bool }

// take reads one field into the request.
func (r *Reader) take(text []byte, q *Request, s *seen) (ok bool) {
	f, ok := r.field(text)
	if !ok || len(q.Fields) == MaxFields {
		return false
	}
	switch recognise(f.Name) {
	case length:
		if q.HasLength {
			return false
		}
		q.Length, q.HasLength = number(f.Value)
		f.Hop, ok = true, q.HasLength
	case coding, strange:
		return false
	case connection:
		if s.connection {
			return false
		}
		s.connection = true
		q.Close = Equal(f.Value, "close")
		f.Hop, ok = true, q.Close || Equal(f.Value, "keep-alive")
	case hop:
		f.Hop = true
	}
	switch string(f.Name) {
	case "Host":
		if q.Host != nil || len(f.Value) == 0 || !r.all(f.Value, isHost) {
			return false
		}
		q.Host = f.Value
		return true
	case "Pragma":
		s.pragma = true
	case "Cache-Control":
		s.cache = true
	}
	q.Fields = append(q.Fields, f)
	return ok
}
