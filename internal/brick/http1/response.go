package http1

// Response is the head of a response. Its bytes lie in the caller's buffer.
type Response struct {
	Status    int    // 200 to 999
	Reason    []byte // the phrase
	Length    int64  // of the body in bytes, where stated
	HasLength bool
	Chunked   bool // the body comes in chunks
	Close     bool // the connection ends behind it
	// Fields are all of them, in order.
	Fields []Field
	// Size is that of the head in bytes; the body follows.
	Size int
}

// Response reads the head at the beginning of b: a final answer of HTTP/1.1. Names are
// put into canonical form in b itself. On an outcome other than Read, p is void.
func (r *Reader) Response(b []byte, p *Response) Outcome {
	*p = Response{Fields: p.Fields[:0]}
	text, at, out := line(b)
	if out != Read {
		return out
	}
	if !startResponse(text, p) {
		return Other
	}
	named := false // a Connection field came
	for {
		text, size, out := line(b[at:])
		if out != Read {
			return out
		}
		at += size
		if len(text) == 0 {
			break
		}
		if !r.takeAnswer(text, p, &named) {
			return Other
		}
	}
	p.Size = at
	return Read
}

// startResponse reads the status line.
func startResponse(text []byte, p *Response) bool {
	const version = "HTTP/1.1 "
	if len(text) < len(version)+3 || string(text[:len(version)]) != version {
		return false
	}
	text = text[len(version):]
	n, ok := number(text[:3])
	if !ok || n < 200 || len(text) > 3 && text[3] != ' ' {
		return false
	}
	p.Status, p.Reason = int(n), text[min(len(text), 4):]
	return printable(p.Reason)
}

func (r *Reader) takeAnswer(text []byte, p *Response, named *bool) (ok bool) {
	f, ok := r.field(text)
	if !ok || len(p.Fields) == MaxFields {
		return false
	}
	switch recognise(f.Name) {
	case length:
		if p.HasLength || p.Chunked {
			return false
		}
		p.Length, p.HasLength = number(f.Value)
		f.Hop, ok = true, p.HasLength
	case coding:
		if p.HasLength || p.Chunked {
			return false
		}
		p.Chunked = Equal(f.Value, "chunked")
		f.Hop, ok = true, p.Chunked
	case strange:
		return false
	case connection:
		if *named {
			return false
		}
		*named = true
		p.Close = Equal(f.Value, "close")
		f.Hop, ok = true, p.Close || Equal(f.Value, "keep-alive")
	case hop:
		f.Hop = true
	}
	p.Fields = append(p.Fields, f)
	return ok
}
