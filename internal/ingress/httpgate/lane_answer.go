package httpgate

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"

	"haechi/internal/brick/http1"
)

// forward asks the upstream and passes its answer on.
func (l *lane) forward(x *exchange) {
	if !x.direct || x.site.service != x.c.service {
		x.openLease(l.interrupt)
	}
	x.bodyHere, x.arrived = true, l.in[l.at+l.q.Size:l.at+l.q.Size+int(l.q.Length)]
	if !x.screen(nil) || !x.enter() {
		return
	}
	x.expect()
	l.request = l.compose(l.spare()[:0])
	var u *upstream
	var w *wire
	var err error
	if s := x.site.transport; l.lot != nil && len(l.request) <= maxLaunch {
		if err = l.launch(s.list[0].up); err == nil {
			l.asking = true
			return
		}
	} else {
		l.apart() // from here on it waits for the server
		u, w, err = l.askAny(s)
	}
	l.request = nil
	l.received(x, u, w, err)
}

// spare is the half of the buffer that requests are not read into.
func (l *lane) spare() []byte { return l.in[laneBuffer:bufferSize] }

// received passes the answer on whose head the wire has.
func (l *lane) received(x *exchange, u *upstream, w *wire, err error) {
	if err != nil {
		l.failed(x, err)
		return
	}
	l.loan = loan{l: l, u: u, w: w}
	t, keep := &l.loan, false
	switch {
	case l.plain(x):
		keep = l.pass(x, t, l.spare())
	case l.alight() && l.land(w) == nil:
		keep = l.translate(x, t)
	default:
		l.failed(x, errNoDescriptor)
	}
	if t.back || keep && t.giveBack(w.at(l)) {
		return
	}
	l.drop(w) // whatever is on it is nobody's
}

// askAny asks a server, and others when it fails before it answered, as
// [servers.RoundTrip] does.
func (l *lane) askAny(s *servers) (*upstream, *wire, error) {
	if len(s.list) == 1 {
		u := s.list[0].up
		w, err := l.ask(u)
		return u, w, err
	}
	tries := 0
	var last error
	for one := range s.turn {
		l.x.use(one)
		w, err := l.ask(one.up)
		if err == nil || !errors.Is(err, errStopped) {
			one.down.Store(err != nil)
		}
		if tries++; err == nil || tries == maxTries || !l.repeatable() || errors.Is(err, errStopped) {
			return one.up, w, err
		}
		last = err
	}
	return nil, nil, last
}

// failed answers when the upstream did not.
func (l *lane) failed(x *exchange, err error) {
	v, status := x.failure(err)
	if status == statusClientGone {
		x.status, x.abort = status, true
		return
	}
	x.refuse(v, status)
}

// plain reports whether an answer can be passed on as it comes: its head was read
// here, its body has a length, and nothing is to be put into it.
func (l *lane) plain(x *exchange) bool {
	p := &l.reply
	if l.understood != http1.Read || p.Chunked && !l.bodiless() || !p.HasLength && !l.bodiless() {
		return false
	}
	return (x.site.protection == nil || !l.toRead(x)) && !l.judged(x)
}

// toRead reports whether an answer is a page that gets a policy or is to be looked at.
func (l *lane) toRead(x *exchange) bool {
	html, plain := false, true
	for i := range l.reply.Fields {
		switch f := &l.reply.Fields[i]; string(f.Name) {
		case "Content-Type":
			html = html || htmlType(f.Value)
		case "Content-Encoding":
			plain = uncoded(string(f.Value))
		}
	}
	return html && (x.site.protection.csp != nil || plain && !l.bodiless() && x.looksAt(l.reply.Status, false))
}

// bodiless reports whether the answer has no body, whatever its head says (RFC 9112,
// 6.3).
func (l *lane) bodiless() bool {
	return l.x.in.method == http.MethodHead || l.reply.Status == http.StatusNoContent || l.reply.Status == http.StatusNotModified
}

// pass passes a plain answer on. It reports whether the connection to the upstream may
// be used again.
func (l *lane) pass(x *exchange, t *loan, buf []byte) (keep bool) {
	p, w := &l.reply, t.w
	x.site.cameBack(x.g.deps.Log)
	x.began(p.Status, "") // a stream of events has no length
	body, left := w.reply[p.Size:w.heard], p.Length
	if l.bodiless() {
		left = 0
	}
	keep = !p.Close && int64(len(body)) <= left // more would be somebody else's answer
	body = body[:min(int64(len(body)), left)]
	left -= int64(len(body))
	x.status, l.page.begun = p.Status, true
	out := l.head(x, buf[:0])
	if len(out)+len(body) > len(buf) {
		whole := l.c.g.buffers.Get()
		defer l.c.g.buffers.Put(whole)
		buf, out = whole, append(whole[:0], out...)
	}
	if len(out)+len(body) <= len(buf) {
		out, body = append(out, body...), nil
	}
	x.out = p.Length - left
	if l.bodiless() {
		x.out = 0
	}
	if !l.write(out) || len(body) > 0 && !l.write(body) {
		x.abort = true
		return false
	}
	return l.stream(x, t, left, keep) && keep
}

// rest is what has not come yet of a body with a length.
type rest struct {
	t    *loan
	left int64
	keep bool // the wire may be used again behind it
}

// Read implements io.Reader.
func (r *rest) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.t.l.pull(r.t.w, p[:min(r.left, int64(len(p)))])
	if r.left -= int64(n); err == io.EOF && r.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	if r.left == 0 && r.keep {
		r.t.giveBack(r.t.w.age())
	}
	return n, err
}

// Close implements io.Closer.
func (r *rest) Close() error { return nil }

// stream passes the rest of a body on.
func (l *lane) stream(x *exchange, t *loan, left int64, keep bool) (whole bool) {
	if left == 0 {
		return true
	}
	if !l.alight() || l.land(t.w) != nil {
		x.abort = true
		return false
	}
	body := x.watched(&rest{t, left, keep})
	if left >= minAhead {
		body = x.readAhead(body)
		defer func() { l.letGo(x, whole) }()
	}
	buf := l.c.g.buffers.Get()
	defer l.c.g.buffers.Put(buf)
	for {
		n, err := body.Read(buf)
		l.stale = true
		if n > 0 && !l.write(buf[:n]) {
			x.abort = true
			return false
		}
		switch x.out += int64(n); {
		case err == io.EOF:
			return true
		case err != nil:
			x.abort = true // the client sees that something is missing
			return false
		}
	}
}

// letGo ends the reading ahead of an answer, so that its wire is nobody's.
func (l *lane) letGo(x *exchange, whole bool) {
	if e := x.early; e != nil && !whole {
		l.quit.Store(true)
		l.interrupt()
		e.settle()
		l.quit.Store(false)
	}
	a := x.c.ahead.Swap(nil)
	if a == nil {
		return
	}
	if !whole {
		l.quit.Store(true)
		l.interrupt()
	}
	_ = a.Close() // nobody is left to be told
	a.settle()
	l.quit.Store(false)
}

// head appends the head of the client's answer.
func (l *lane) head(x *exchange, b []byte) []byte {
	p := &l.reply
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(p.Status), 10)
	b = append(b, ' ')
	b = append(b, p.Reason...)
	b = append(b, "\r\n"...)
	b, dated := l.fields(x, b)
	if p.HasLength && p.Status != http.StatusNoContent {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, p.Length, 10)
		b = append(b, "\r\n"...)
	}
	if !dated {
		b = x.g.date.line(b, x.asked)
	}
	if l.leaving() {
		b = append(b, "Connection: close\r\n"...)
	}
	return append(b, "\r\n"...)
}

// fields appends what the upstream says, without what is not for the client and with
// what the site adds.
func (l *lane) fields(x *exchange, b []byte) (_ []byte, dated bool) {
	s := x.site.protection
	var has spoken
	for i := range l.reply.Fields {
		f := &l.reply.Fields[i]
		switch {
		case f.Hop, len(f.Name) > 9 && string(f.Name[:9]) == "X-Haechi-":
			continue
		case s == nil:
		case s.replaces(string(f.Name)):
			continue
		default:
			switch string(f.Name) {
			case "Referrer-Policy":
				has.referrer = true
			case "X-Frame-Options":
				has.frames = true
			case "Content-Security-Policy":
				has.framing = has.framing || saysFraming([]string{string(f.Value)})
			case "Set-Cookie":
				one := []string{string(f.Value)}
				s.cookies.complete(one, x.secure())
				b = line(b, f.Name, one[0])
				continue
			}
		}
		dated = dated || string(f.Name) == "Date"
		b = line(b, f.Name, f.Value)
	}
	switch to := x.way(); {
	case s == nil:
	case has == spoken{}:
		b = append(b, s.usual[to.index()]...)
	default:
		b = s.lines(b, to, has)
	}
	return b, dated
}

// heard reads an answer from its first byte, though some of it was read already.
type heard struct {
	l    *lane
	w    *wire
	from int
	left int64     // bytes that may still come; bounds the head
	due  time.Time // of the head
}

// Read implements io.Reader.
func (h *heard) Read(p []byte) (int, error) {
	if h.left <= 0 {
		return 0, errAnswerHeader
	}
	if h.from < h.w.heard {
		n := copy(p, h.w.reply[h.from:h.w.heard])
		h.from += n
		h.left -= int64(n)
		return n, nil
	}
	if !h.due.IsZero() && !time.Now().Before(h.due) {
		return 0, os.ErrDeadlineExceeded
	}
	n, err := h.l.pull(h.w, p)
	h.left -= int64(n)
	return n, err
}

// translate passes on an answer that net/http has to read: with chunks, without a
// length, with interim answers, or in a form that is not the plainest.
func (l *lane) translate(x *exchange, t *loan) (keep bool) {
	defer func() { l.letGo(x, keep) }()
	w := t.w
	src := &heard{l: l, w: w, left: maxAnswerHeader, due: time.Now().Add(x.site.transport.list[0].up.answer)}
	br := bufio.NewReaderSize(src, 4<<10)
	res, err := l.final(br)
	again := func() bool { return !res.Close && br.Buffered() == 0 && src.from == w.heard }
	if err == nil {
		removeHops(res.Header)
		if res.Body != http.NoBody {
			res.Body = &lastOf{res.Body, t, again}
		}
		src.left, src.due = 1<<62, time.Time{} // of the body, which may be read from here on
		err = x.answered(res)
		l.stale = true
	}
	if err != nil {
		l.failed(x, err)
		return false
	}
	// The body is not closed: that would read the rest of it, however much.
	h := l.page.Header()
	for name, values := range res.Header {
		h[name] = values
	}
	if res.ContentLength >= 0 && res.StatusCode != http.StatusNoContent && h["Content-Length"] == nil {
		h["Content-Length"] = []string{strconv.FormatInt(res.ContentLength, 10)}
	}
	x.WriteHeader(res.StatusCode)
	if x.dry(br.Buffered) && !l.page.bare {
		l.page.Flush() // the body may be long in coming
	}
	buf := l.c.g.buffers.Get()
	defer l.c.g.buffers.Put(buf)
	for {
		n, err := res.Body.Read(buf)
		l.stale = true
		if n > 0 {
			if _, werr := x.Write(buf[:n]); werr != nil {
				err = werr
			} else if x.dry(br.Buffered) {
				l.page.Flush() // a page that comes in pieces is not held up
			}
		}
		switch {
		case err == io.EOF:
			return t.back || again()
		case err != nil:
			x.abort = true
			return false
		}
	}
}

// final reads heads until that of the final answer; interim ones are passed on.
func (l *lane) final(br *bufio.Reader) (*http.Response, error) {
	for range maxInterim {
		res, err := http.ReadResponse(br, &http.Request{Method: l.x.in.method})
		switch {
		case err != nil:
			return nil, err
		case res.StatusCode == http.StatusSwitchingProtocols:
			return nil, errSwitch
		case res.StatusCode < http.StatusContinue:
			return nil, errStatus
		case res.StatusCode >= http.StatusOK:
			return res, nil
		case res.StatusCode > http.StatusContinue: // nobody waits to be told to continue
			h := l.page.Header()
			removeHops(res.Header)
			for name, values := range res.Header {
				h[name] = values
			}
			l.page.WriteHeader(res.StatusCode)
			clear(h)
		}
	}
	return nil, errInterim
}

// removeHops takes out what is of one connection only (RFC 9110, 7.6.1).
func removeHops(h http.Header) {
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			h.Del(textproto.TrimString(name))
		}
	}
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		delete(h, name)
	}
}

// htmlType reports whether a media type is that of a page.
func htmlType[T string | []byte](t T) bool {
	return foldPrefix(t, "text/html") || foldPrefix(t, "application/xhtml+xml")
}
