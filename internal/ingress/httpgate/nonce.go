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

// offersNonce makes a nonce for a request for a page, where the policy has one.
func (x *exchange) offersNonce() bool {
	p := x.site.protection
	if p == nil || p.csp == nil || !p.csp.nonced() || !strings.Contains(x.in.header.first("Accept"), "text/html") {
		return false
	}
	x.nonce = newNonce()
	return true
}

// withholds reports whether a request for a page with a nonce is asked without that
// header: such a page is made for one visit, so it is asked for whole, and where the
// nonce has to be put into it, uncompressed.
func (p *policy) withholds(name string) bool {
	switch name {
	case "If-None-Match", "If-Modified-Since", "If-Range", "Range":
		return true
	case "Accept-Encoding":
		return p.placeholder != nil
	}
	return false
}

// offerNonce hands the upstream a nonce with a request for a page.
func (x *exchange) offerNonce(out *http.Request) {
	h := out.Header
	delete(h, nonceHeader)
	if !x.offersNonce() {
		return
	}
	p := x.site.protection.csp
	for name := range h {
		if p.withholds(name) {
			delete(h, name)
		}
	}
	h[nonceHeader] = []string{x.nonce}
	if p.placeholder != nil {
		h["Accept-Encoding"] = []string{"identity"}
	}
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
