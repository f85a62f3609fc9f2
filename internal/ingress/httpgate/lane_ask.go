package httpgate

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"haechi"
)

// laneTexts are texts of the last request. On one connection they mostly come again,
// and events keep them.
type laneTexts struct {
	host, agent, raw, path string
	site                   *site // of the host, at the gate
	gate                   *Gate
	passed                 []byte                             // who asks, as servers are told of a client that nobody stands before
	said                   [saidTexts]struct{ of, is string } // as events have them
}

// same returns the last text if the bytes are equal, or a new one.
func same(last string, b []byte) string {
	if string(b) == last { // which does not allocate
		return last
	}
	return string(b)
}

// meet has the request judged that was read.
func (l *lane) meet() stride {
	g := l.c.g.present()
	site := l.site(g)
	whole := int64(l.q.Size) + l.q.Length
	if site != nil && len(site.transport.list) > 1 && !l.alight() {
		return end // one server after the other may have to be waited for
	}
	if site != nil && !site.quick || whole > laneBuffer || l.q.Size > g.cfg.MaxHeaderBytes {
		return l.other()
	}
	if int(whole) > laneBuffer-l.at {
		l.compact()
		return onward
	}
	l.texts()
	if l.last.path == ReportPath {
		return l.other() // its body is read there
	}
	x := g.exchanges.Get().(*exchange)
	x.w, x.lane, x.c, x.origin, x.start, x.site = &l.page, l, l.c, l.c.opened, l.clock(), site
	g.counts.requests.Add(1)
	x.in = asked{method: methodOf(l.q.Method), host: l.last.host, path: l.last.path, query: string(l.q.Query),
		length: l.q.Length, secure: l.tls != nil, header: l}
	l.x = x
	l.page.reset(l)
	l.due = x.start + g.cfg.BodyTimeout + time.Duration(l.q.Length)*time.Second/time.Duration(g.cfg.MinRate)
	if !x.admit() || !l.roomForBody(x) {
		return l.conclude()
	}
	return onward
}

// site is the one that the request is for, nil if there is none.
func (l *lane) site(g *Gate) *site {
	if l.last.gate != g || l.last.host != string(l.q.Host) {
		l.last.gate, l.last.host, l.last.passed = g, string(l.q.Host), nil
		l.last.site = g.hosts.find(l.last.host)
	}
	return l.last.site
}

// roomForBody takes a place for a body that is waited for. When it reports false, it
// has answered.
func (l *lane) roomForBody(x *exchange) bool {
	if l.q.Length <= minHeldBody {
		return true
	}
	if !x.g.hold(l.q.Length) {
		x.refuseBody(errNoRoom)
		return false
	}
	x.heldBytes = l.q.Length
	return true
}

// texts makes texts of host and path.
func (l *lane) texts() {
	if raw := same(l.last.raw, l.q.Path); raw != l.last.raw {
		l.last.raw, l.last.path = raw, raw
		if l.q.Escaped {
			l.last.path, _ = url.PathUnescape(raw) // http1 has looked at every escape
		}
	}
}

// methodOf is a text of a method that http1 knows.
func methodOf(b []byte) string {
	switch string(b) {
	case http.MethodGet:
		return http.MethodGet
	case http.MethodHead:
		return http.MethodHead
	case http.MethodPost:
		return http.MethodPost
	}
	return string(b)
}

// first implements header.
func (l *lane) first(name string) string {
	for i := range l.q.Fields {
		if f := &l.q.Fields[i]; string(f.Name) == name {
			if name == "User-Agent" {
				l.last.agent = same(l.last.agent, f.Value)
				return l.last.agent
			}
			return string(f.Value)
		}
	}
	return ""
}

// values implements header.
func (l *lane) values(name string) (out []string) {
	for i := range l.q.Fields {
		if f := &l.q.Fields[i]; string(f.Name) == name {
			out = append(out, string(f.Value))
		}
	}
	return out
}

// each implements header.
func (l *lane) each(yield func(name, value string) bool) {
	for i := range l.q.Fields {
		if f := &l.q.Fields[i]; !yield(string(f.Name), string(f.Value)) {
			return
		}
	}
}

// target is the request's, as the client wrote it.
func (x *exchange) target() string {
	if x.lane == nil {
		return x.r.URL.RequestURI()
	}
	q := &x.lane.q
	if !q.HasQuery {
		return string(q.Path)
	}
	return string(q.Path) + "?" + string(q.Query)
}

// written is the target as it came, which may be no path.
func (x *exchange) written() string {
	if x.lane == nil {
		return x.r.RequestURI
	}
	return x.target()
}

func (x *exchange) protocol() string {
	if x.lane == nil {
		return x.r.Proto
	}
	return "HTTP/1.1"
}

// leaves is closed when the client leaves; nil where nobody watches.
func (x *exchange) leaves() <-chan struct{} {
	if x.r == nil {
		return nil
	}
	return x.r.Context().Done()
}

// left reports whether the client has left.
func (x *exchange) left() bool {
	if x.lane != nil {
		return x.lane.gone.Load() || x.lane.stopped.Load()
	}
	return x.r.Context().Err() != nil
}

// proceed answers the judged request, which is there with its body.
func (l *lane) proceed() stride {
	x := l.x
	x.got = l.q.Length
	x.answer()
	if l.asking {
		l.asking = false
		return away
	}
	return l.conclude()
}

// conclude ends a request: what is left of the answer is written, and the request
// recorded.
func (l *lane) conclude() stride {
	x, whole := l.x, l.q.Size+int(l.q.Length)
	l.page.finish()
	l.unread = l.have-l.at < whole
	l.closing = l.closing || l.unread
	l.at = min(l.have, l.at+whole)
	if x.abort || l.gone.Load() || l.closing || l.page.failed {
		return end
	}
	l.finish()
	l.served++
	if l.c.g.lanes.ending.Load() {
		return end
	}
	l.due = l.clock() + l.c.g.cfg.IdleTimeout
	// Who half-closes the connection behind a request usually does so behind the first
	// one: only there it is looked for at once. A loop is told.
	switch {
	case l.lot != nil:
	case l.served == 1:
		l.sock.drained = false
	default:
		l.unsure = true
	}
	if l.have == l.at {
		l.at, l.have = 0, 0
		l.state.Store(laneIdle)
	}
	return onward
}

// finish lets go of the exchange.
func (l *lane) finish() {
	x := l.x
	l.x = nil
	x.end()
}

// tooSlow refuses a request whose body did not come in time.
func (l *lane) tooSlow() {
	x := l.x
	x.got = int64(l.have - l.at - l.q.Size)
	if x.cutBy() == nil {
		x.refuse(haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonTimeout, Rule: RuleSlowBody}, http.StatusRequestTimeout)
		l.page.finish()
	}
}

// compose appends the upstream's request, its body included. Every byte of the head is
// written anew.
func (l *lane) compose(b []byte) []byte {
	x, q := l.x, &l.q
	b = append(b, x.in.method...)
	b = append(b, ' ')
	b = append(b, q.Path...)
	if q.HasQuery {
		b = append(b, '?')
		b = append(b, q.Query...)
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, q.Host...)
	b = append(b, "\r\n"...)
	paged := x.offersNonce()
	for i := range q.Fields {
		f := &q.Fields[i]
		switch {
		case f.Hop, string(f.Name) == nonceHeader, x.most > 0 && string(f.Name) == "Accept-Encoding", x.noRange && rangeHeader(f.Name), paged && x.site.protection.csp.withholds(string(f.Name)):
		case claimsClient(f.Name) && !(x.trusted && forwardedOther(f.Name)):
		default:
			b = line(b, f.Name, f.Value)
		}
	}
	if paged {
		b = line(b, nonceHeader, x.nonce)
		if x.site.protection.csp.placeholder != nil {
			b = append(b, "Accept-Encoding: identity\r\n"...)
		}
	}
	if x.most > 0 && !(paged && x.site.protection.csp.placeholder != nil) {
		b = line(b, "Accept-Encoding", x.offered())
	}
	b = l.passage(b, x)
	if x.cert != nil && x.cert.header != nil {
		b = line(b, certHeader, x.cert.header[0])
	}
	if q.Length > 0 || x.in.method == http.MethodPost || x.in.method == http.MethodPut || x.in.method == http.MethodPatch {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, q.Length, 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	return append(b, l.in[l.at+q.Size:l.at+q.Size+int(q.Length)]...)
}

// passage appends the lines that say who asks. They are the same for all that a client
// asks of one host, unless others stand in between.
func (l *lane) passage(b []byte, x *exchange) []byte {
	switch {
	case x.trusted || !x.direct:
		return x.passage().lines(b)
	case l.last.passed == nil:
		l.last.passed = x.passage().lines(nil)
	}
	return append(b, l.last.passed...)
}

// line appends one line of a head.
func line[N, V string | []byte](b []byte, name N, value V) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

// rangeHeader reports the headers that ask for a part.
func rangeHeader(name []byte) bool { return string(name) == "Range" || string(name) == "If-Range" }

// forwardedOther are the headers of a trusted proxy that pass as they came; the others
// of their kind are written anew.
func forwardedOther(name []byte) bool {
	switch string(name) {
	case "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto":
		return false
	}
	return bytes.HasPrefix(name, []byte("X-Forwarded-"))
}
