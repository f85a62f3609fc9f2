package devicegate

// early keeps, in order, the lines that came before the proof.
type early struct {
	buf  []byte
	ends []int
	next int // the line to deliver next
}

// add keeps a copy of the line, unless that exceeds a bound.
func (e *early) add(line []byte, maxLines, maxBytes int) bool {
	if len(e.ends) >= maxLines || len(e.buf)+len(line) > maxBytes {
		return false
	}
	e.buf = append(e.buf, line...)
	e.ends = append(e.ends, len(e.buf))
	return true
}

// peek returns the next line.
func (e *early) peek() ([]byte, bool) {
	if e.next >= len(e.ends) {
		return nil, false
	}
	from := 0
	if e.next > 0 {
		from = e.ends[e.next-1]
	}
	return e.buf[from:e.ends[e.next]:e.ends[e.next]], true
}

func (e *early) drop() { e.next++ }
