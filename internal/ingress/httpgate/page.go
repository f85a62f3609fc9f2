package httpgate

import (
	"net/http"
	"strconv"
)

// page writes an answer of a lane that is not passed on as it came: a refusal, a
// redirect, or one that net/http read. It implements http.ResponseWriter.
type page struct {
	l       *lane
	h       http.Header // nil until somebody asks for it
	buf     []byte
	begun   bool
	bare    bool // no body belongs to it
	chunked bool
	failed  bool // the client did not take it
}

func (p *page) reset(l *lane) {
	*p = page{l: l, h: p.h, buf: p.buf[:0]}
	clear(p.h)
}

// Header implements http.ResponseWriter.
func (p *page) Header() http.Header {
	if p.h == nil {
		p.h = make(http.Header)
	}
	return p.h
}

// WriteHeader implements http.ResponseWriter. The answer is sent with the first of its
// body, or when it ends.
func (p *page) WriteHeader(status int) {
	if p.begun {
		return
	}
	h := p.Header()
	p.buf = append(p.buf, "HTTP/1.1 "...)
	p.buf = strconv.AppendInt(p.buf, int64(status), 10)
	p.buf = append(p.buf, ' ')
	p.buf = append(p.buf, http.StatusText(status)...)
	p.buf = append(p.buf, "\r\n"...)
	if status < http.StatusOK {
		p.lines(h)
		p.buf = append(p.buf, "\r\n"...)
		p.Flush()
		return
	}
	p.begun = true
	p.bare = status == http.StatusNoContent || status == http.StatusNotModified || p.l.x.in.method == http.MethodHead
	p.chunked = !p.bare && h["Content-Length"] == nil
	if h.Get("Connection") == "close" {
		p.l.closing = true
	}
	delete(h, "Connection")
	if p.l.leaving() {
		h["Connection"] = p.l.c.g.values.closing
	}
	p.lines(h)
	if p.chunked {
		p.buf = append(p.buf, "Transfer-Encoding: chunked\r\n"...)
	}
	if h["Date"] == nil {
		p.buf = p.l.c.g.date.line(p.buf, p.l.x.asked)
	}
	p.buf = append(p.buf, "\r\n"...)
}

// leaving reports whether the connection ends behind this answer, and sees to it.
func (l *lane) leaving() bool {
	l.closing = l.closing || l.q.Close || l.have-l.at < l.q.Size+int(l.q.Length) || l.c.g.lanes.ending.Load()
	return l.closing
}

// lines appends the header as net/http writes it: sorted, without names that are none
// and without line breaks in values.
func (p *page) lines(h http.Header) { _ = h.Write((*appender)(&p.buf)) }

// appender takes everything.
type appender []byte

// Write implements io.Writer.
func (a *appender) Write(b []byte) (int, error) {
	*a = append(*a, b...)
	return len(b), nil
}

// Write implements http.ResponseWriter.
func (p *page) Write(b []byte) (int, error) {
	if !p.begun {
		p.WriteHeader(http.StatusOK)
	}
	if p.bare || len(b) == 0 {
		return len(b), nil
	}
	if p.chunked {
		p.buf = strconv.AppendInt(p.buf, int64(len(b)), 16)
		p.buf = append(p.buf, "\r\n"...)
	}
	p.buf = append(p.buf, b...)
	if p.chunked {
		p.buf = append(p.buf, "\r\n"...)
	}
	if len(p.buf) >= bufferSize {
		p.Flush()
	}
	if p.failed {
		return 0, http.ErrAbortHandler
	}
	return len(b), nil
}

// Flush implements http.Flusher.
func (p *page) Flush() {
	if len(p.buf) > 0 && !p.failed {
		p.failed = !p.l.write(p.buf)
	}
	p.buf = p.buf[:0]
}

// finish ends the answer, if there is one. What does not end as it should is left
// open, so that the client sees that something is missing.
func (p *page) finish() {
	if p.begun && p.chunked && !p.l.x.abort {
		p.buf = append(p.buf, "0\r\n"...)
		p.buf = append(p.buf, "\r\n"...)
	}
	p.Flush()
	if cap(p.buf) > 1<<10 { // an idle connection holds little
		p.buf = nil
	}
}

// write sends to the client.
func (l *lane) write(b []byte) bool {
	var err error
	l.sock.now = l.clock() | 1
	if l.tls != nil {
		_, err = l.tls.Write(b)
	} else {
		_, err = l.c.Write(b)
	}
	l.stale = true
	return err == nil
}
