package httpgate

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"haechi"
)

// AnswerInspector judges what the servers behind answer, before the client has it or
// after.
type AnswerInspector interface {
	// WantsAnswer is how much of the body of the answer to the request it needs at most,
	// in bytes, and whether the client is to wait until it has judged; 0: it does not
	// judge it.
	WantsAnswer(r *haechi.Request) (most int, hold bool)
	// InspectAnswer judges an answer. A verdict that refuses withholds it.
	InspectAnswer(r *haechi.Request, a *haechi.Answer, now time.Time) haechi.Verdict
}

// errWithheld ends an answer that is not to be passed on; the exchange has the verdict.
var errWithheld = errors.New("the answer is withheld")

// expect asks who judges answers what is needed of this one.
func (x *exchange) expect() {
	if x.actor.Allowed {
		return
	}
	if x.most, x.holds = x.g.deps.Answers.WantsAnswer(&x.view); x.most > 0 {
		// Without the trailer, which may be coming while the server answers.
		x.view.Target, x.view.Protocol, x.view.Headers = x.written(), x.protocol(), x.headers
	}
}

// offered is what the server behind may compress an answer with that is to be judged: what
// who judges can decode.
func (x *exchange) offered() string {
	for _, list := range x.in.header.values("Accept-Encoding") {
		for part := range strings.SplitSeq(list, ",") {
			name, weight, weighed := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") && (!weighed || strings.Trim(weight, " qQ=0.") != "") {
				return "gzip"
			}
		}
	}
	return "identity"
}

// readable reports whether answers of a media type are judged: pages, plain text, and
// documents that programs read. Streams of events, scripts, images and downloads are not.
func readable(mediaType string) bool {
	kind, _, _ := strings.Cut(mediaType, ";")
	switch kind = strings.ToLower(strings.TrimSpace(kind)); kind {
	case "", "text/html", "text/plain", "text/xml", "application/json", "application/xml":
		return true
	}
	return strings.HasPrefix(kind, "application/") && (strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml"))
}

// judged reports whether the answer that a lane has heard the head of is to be judged.
func (l *lane) judged(x *exchange) bool {
	if x.most == 0 {
		return false
	}
	kind := ""
	for i := range l.reply.Fields {
		if f := &l.reply.Fields[i]; string(f.Name) == "Content-Type" {
			kind = string(f.Value)
		}
	}
	return readable(kind) && (kind != "" || !l.bodiless() && l.reply.Length != 0)
}

// judgeAnswer has an answer judged. In enforce it waits for the beginning of the body; in
// shadow it sees to it that what passes is kept and judged at the end.
func (x *exchange) judgeAnswer(res *http.Response) error {
	kind := res.Header.Get("Content-Type")
	bare := res.Body == nil || res.Body == http.NoBody
	if x.most == 0 || res.StatusCode == http.StatusSwitchingProtocols || !readable(kind) || kind == "" && bare {
		return nil
	}
	if !x.holds {
		x.tap = &tap{g: x.g, status: res.StatusCode, header: res.Header.Clone(), most: x.most}
		if !bare {
			x.tap.ReadCloser = res.Body
			res.Body = x.tap
		}
		return nil
	}
	first, cut, err := x.firstOf(res, bare)
	if err != nil {
		return err
	}
	if v := x.askAnswer(res.StatusCode, res.Header, first, cut); v.Refuses() {
		x.withheld = v
		return errWithheld
	}
	return nil
}

// firstOf waits for the beginning of a body and puts it in front of the rest.
func (x *exchange) firstOf(res *http.Response, bare bool) (first []byte, cut bool, err error) {
	if bare {
		return nil, false, nil
	}
	room := int64(x.most) + 1
	if res.ContentLength >= 0 {
		room = min(room, res.ContentLength+1)
	}
	if !x.g.hold(room) {
		return nil, false, errNoRoom
	}
	x.heldBytes += room
	if res.ContentLength < 0 {
		x.early = newEarly(res.Body, int(room))
		res.Body = x.early
		first, cut = x.early.wait(maxEarly)
		return first[:min(len(first), x.most)], cut || len(first) > x.most, nil
	}
	h := &heldAnswer{rest: res.Body}
	h.first, h.err = readUpTo(res.Body, int(room))
	res.Body = h
	return h.first[:min(len(h.first), x.most)], h.err == nil || len(h.first) > x.most, nil
}

// readUpTo reads so many bytes, or less with the error that ended them.
func readUpTo(r io.Reader, n int) (b []byte, err error) {
	for b = make([]byte, 0, n); len(b) < n && err == nil; {
		var m int
		m, err = r.Read(b[len(b):n])
		b = b[:len(b)+m]
	}
	return b, err
}

// heldAnswer is a body of which the beginning was read.
type heldAnswer struct {
	first []byte
	err   error // that ended the body there
	rest  io.ReadCloser
}

// Read implements io.Reader.
func (h *heldAnswer) Read(p []byte) (int, error) {
	if len(h.first) > 0 {
		n := copy(p, h.first)
		h.first = h.first[n:]
		return n, nil
	}
	if h.err != nil {
		return 0, h.err
	}
	return h.rest.Read(p)
}

// Close implements io.Closer.
func (h *heldAnswer) Close() error { return h.rest.Close() }

// tap keeps the beginning of a body that passes.
type tap struct {
	io.ReadCloser // nil without a body
	g             *Gate
	status        int
	header        http.Header
	most          int
	kept          []byte
	held          int64 // of the gate's memory
	cut           bool
}

// Read implements io.Reader.
func (t *tap) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.keep(p[:n])
	return n, err
}

// keep takes what belongs to the beginning, as long as there is memory for it.
func (t *tap) keep(p []byte) {
	n := min(len(p), t.most-len(t.kept))
	t.cut = t.cut || n < len(p)
	if more := int64(len(t.kept) + n - cap(t.kept)); more > 0 {
		more = max(more, int64(min(t.most-cap(t.kept), cap(t.kept)))) // it doubles
		if !t.g.hold(more) {
			t.most, t.cut = len(t.kept), true
			return
		}
		t.held += more
		grown := make([]byte, len(t.kept), cap(t.kept)+int(more))
		copy(grown, t.kept)
		t.kept = grown
	}
	t.kept = append(t.kept, p[:n]...)
}

// judgeTapped judges an answer that has passed.
func (x *exchange) judgeTapped() {
	t := x.tap
	if t == nil {
		return
	}
	x.tap = nil
	if !x.refused {
		x.askAnswer(t.status, t.header, t.kept, t.cut)
	}
	x.g.letGo(t.held)
}

// askAnswer asks for the verdict about an answer and tells of what was found in it.
func (x *exchange) askAnswer(status int, h http.Header, first []byte, cut bool) haechi.Verdict {
	a := haechi.Answer{Status: status, Headers: mapped(h).each, Body: first, Cut: cut}
	v := x.g.deps.Answers.InspectAnswer(&x.view, &a, x.g.deps.Now())
	if v.Action == haechi.Pass && v.Hits == "" {
		return v
	}
	if v.Action != haechi.Pass && v.Ref == "" {
		v.Ref = x.refFor(v.Rule)
	}
	e := haechi.Event{Time: x.g.deps.Now().UTC(), Kind: haechi.KindAnswer, Service: x.site.service, Actor: x.actor, TLS: x.in.secure,
		Method: bounded(x.in.method, maxMethod), Host: bounded(x.in.host, maxText), Path: bounded(x.in.path, maxText),
		Status: status, Class: x.view.Class, Hits: v.Hits,
		Verdict: v.Action, Reason: v.Reason, Rule: v.Rule, Ref: v.Ref, Observed: v.Observed, Threshold: v.Threshold, Shadow: v.Shadow}
	if v.Action != haechi.Pass {
		e.Severity = haechi.Medium
	}
	if x.c != nil {
		e.Session, e.LocalPort = x.c.session, x.c.LocalPort
	}
	x.g.deps.Sink.Emit(&e)
	return v
}
