package httpgate

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"haechi"
)

// Rule ids of what net/http refuses before a request is one.
const (
	RuleUnreadable  = "http/unreadable"
	RuleHeader      = "http/header-size"
	RuleCoding      = "http/transfer-coding"
	RuleVersion     = "http/version"
	RuleExpectation = "http/expectation"
	RuleNoTLS       = "tls/required"
)

// h1 is what net/http speaks HTTP/1 on. What is written while no request is being
// answered is net/http's own answer to something that it could not read: it is
// recorded, and answered with a reference instead.
type h1 struct {
	net.Conn // the gate's own, or TLS over it
	c        *conn
	over     bool // something else was said instead; written by net/http's one goroutine
}

// h1tls is the same for a connection with TLS, whose state net/http asks for.
type h1tls struct{ h1 }

// ConnectionState tells net/http what its requests came through.
func (h *h1tls) ConnectionState() tls.ConnectionState { return *h.c.secured }

// Write implements net.Conn.
func (h *h1) Write(p []byte) (int, error) {
	if h.c.answering.Load() {
		return h.Conn.Write(p)
	}
	if h.over { // the rest of what was replaced
		return len(p), nil
	}
	answer := h.c.refuseHead(p)
	if answer == nil {
		return h.Conn.Write(p)
	}
	h.over = true
	if _, err := h.Conn.Write(answer); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close implements net.Conn. The session has ended when it returns, also where TLS is
// being closed already.
func (h *h1) Close() error { return errors.Join(h.Conn.Close(), h.c.Close()) }

// CloseWrite lets net/http end a connection without a reset.
func (h *h1) CloseWrite() error {
	if w, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return net.ErrClosed
}

// watch is told by net/http that a connection waits for its next request.
func watch(c net.Conn, state http.ConnState) {
	if state != http.StateIdle {
		return
	}
	switch h := c.(type) {
	case *h1:
		h.c.answering.Store(false)
	case *h1tls:
		h.c.answering.Store(false)
	}
}

// refuseHead records an answer of net/http's own and returns what is said instead;
// nil for one that is no refusal.
func (c *conn) refuseHead(theirs []byte) []byte {
	line, _, _ := bytes.Cut(theirs, []byte("\r\n"))
	version, rest, _ := bytes.Cut(line, []byte(" "))
	code, text, _ := bytes.Cut(rest, []byte(" "))
	status, err := strconv.Atoi(string(code))
	if err != nil || status < http.StatusBadRequest || !bytes.HasPrefix(version, []byte("HTTP/1.")) {
		return nil
	}
	v := haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonMalformed, Rule: ruleOfHead(status)}
	if status == http.StatusRequestHeaderFieldsTooLarge {
		v.Reason, v.Threshold = haechi.ReasonOversize, float64(c.g.cfg.MaxHeaderBytes)
	}
	e := c.refusal(haechi.KindRequest, v)
	e.Status, e.Text = status, bounded(string(text), maxText) // of net/http's own words, none of the peer's
	g := c.g.present()
	g.counts.unreadable.Add(1)
	g.deps.Sink.Emit(e)
	return g.bare(e)
}

func ruleOfHead(status int) string {
	switch status {
	case http.StatusRequestHeaderFieldsTooLarge:
		return RuleHeader
	case http.StatusNotImplemented:
		return RuleCoding
	case http.StatusHTTPVersionNotSupported:
		return RuleVersion
	case http.StatusExpectationFailed:
		return RuleExpectation
	}
	return RuleUnreadable
}

// refusal is the event of something on the connection that never became a request.
func (c *conn) refusal(kind haechi.Kind, v haechi.Verdict) *haechi.Event {
	g := c.g.present()
	g.counts.refused.Add(1)
	now := g.deps.Now()
	scope := haechi.Scope{Kind: haechi.ScopeAddress, Prefix: c.Actor.Client}
	service := c.service
	if service == "" {
		service = g.cfg.Name
	}
	return &haechi.Event{
		Time: now.UTC(), Kind: kind, Outcome: haechi.Failure, Reason: v.Reason, Service: service, Actor: c.Actor,
		Port: c.Port, LocalPort: c.LocalPort, Session: c.session, TLS: c.secured != nil, Verdict: v.Action, Rule: v.Rule,
		Ref: haechi.NewReference(v.Rule, scope.String(), now), Observed: v.Observed, Threshold: v.Threshold, Window: v.Window,
		BytesIn: c.in.Load(), Duration: time.Since(c.opened),
	}
}

// bare is a whole answer to what never became a request: the same page as to a
// request, and the connection ends.
func (g *Gate) bare(e *haechi.Event) []byte {
	page := refusalText(nil, e.Ref)
	h := http.Header{
		RefHeader: {string(e.Ref)}, "Cache-Control": g.values.noStore, "Content-Security-Policy": g.values.noContent,
		"X-Content-Type-Options": g.values.noSniff, "Content-Type": g.values.text, "Connection": g.values.closing,
		"Content-Length": {strconv.Itoa(len(page))},
	}
	if p := g.sites[0].protection; len(g.sites) == 1 && p != nil && p.hsts != nil && e.TLS {
		h["Strict-Transport-Security"] = p.hsts // of several sites nobody knows which was meant
	}
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 " + strconv.Itoa(e.Status) + " " + http.StatusText(e.Status) + "\r\n")
	_ = h.Write(&b) // a buffer takes everything
	b.WriteString("\r\n")
	b.Write(page)
	return b.Bytes()
}

// refusalText is the page of a refusal as plain text, appended to b.
func refusalText(b []byte, ref haechi.Reference) []byte {
	b = append(b, "refused · 거절됨\n"...)
	b = append(b, ref...)
	return append(b, '\n')
}

// begin notes that a request is being answered, and completes one of HTTP/2, which
// net/http got without the TLS that it came through.
func (c *conn) begin(r *http.Request) {
	if c == nil {
		return
	}
	c.answering.Store(true)
	if r.TLS == nil {
		r.TLS = c.secured
	}
}
