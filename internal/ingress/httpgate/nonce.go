package httpgate

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
)

// nonceHeader tells the upstream the nonce of the answer that it is about to make.
const nonceHeader = "X-Csp-Nonce"

// policy is a CSP made ready.
type policy struct {
	parts       []string // around the nonce
	header      string
	placeholder []byte // nil: none
}

func newPolicy(c CSP) *policy {
	if c.Policy == "" {
		return nil
	}
	p := &policy{parts: strings.Split(c.Policy, "{nonce}"), header: "Content-Security-Policy"}
	if c.ReportOnly {
		p.header = "Content-Security-Policy-Report-Only"
	}
	if c.Placeholder != "" {
		p.placeholder = []byte(c.Placeholder)
	}
	return p
}

func (p *policy) nonced() bool { return len(p.parts) > 1 }

// newNonce makes 128 random bits, as CSP3 asks for, in characters that stand in
// HTML and in a header as they are.
func newNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// offerNonce hands the upstream a nonce with a request for a page. A page with a
// nonce is made for one visit, so it is asked for whole, and where the nonce has to
// be put into it, uncompressed.
func (x *exchange) offerNonce(out *http.Request) {
	h := out.Header
	delete(h, nonceHeader)
	p := x.site.protection
	if p == nil || p.csp == nil || !p.csp.nonced() || !wantsPage(h) {
		return
	}
	x.nonce = newNonce()
	h[nonceHeader] = []string{x.nonce}
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "If-Range", "Range"} {
		delete(h, name)
	}
	if p.csp.placeholder != nil {
		h["Accept-Encoding"] = []string{"identity"}
	}
}

// wantsPage reports whether the answer may become a document of its own.
func wantsPage(h http.Header) bool {
	return strings.Contains(h.Get("Accept"), "text/html")
}

// usePolicy puts the policy on a page, and the nonce into it. A policy of the
// upstream's own counts alone: it knows its pages, and two policies together block
// what either does.
func (x *exchange) usePolicy(res *http.Response) {
	p, h := x.site.protection.csp, res.Header
	if p == nil || !isHTML(h) || h["Content-Security-Policy"] != nil {
		return
	}
	if x.nonce == "" && p.nonced() {
		x.nonce = newNonce() // that no script can have
	}
	h[p.header] = []string{strings.Join(p.parts, x.nonce)}
	if !p.nonced() {
		return
	}
	// A page that is shown again with another answer's header would be blocked.
	h["Cache-Control"] = []string{"no-store"}
	delete(h, "Etag")
	delete(h, "Last-Modified")
	if coded := h.Get("Content-Encoding"); p.placeholder == nil || coded != "" && coded != "identity" ||
		res.Body == nil || res.Body == http.NoBody || x.in.method == http.MethodHead {
		return
	}
	res.Body = newSwapper(res.Body, p.placeholder, []byte(x.nonce))
	res.ContentLength = -1
	delete(h, "Content-Length")
	delete(h, "Accept-Ranges")
}
