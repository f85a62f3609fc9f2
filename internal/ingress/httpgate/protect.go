package httpgate

import (
	"net/http"
	"strings"
)

// Protection is what a site adds to every answer to a browser, its refusals
// included (rows B24 to B30; flaws F55 to F58). The zero value adds nothing.
type Protection struct {
	// HSTS is the value of Strict-Transport-Security (RFC 6797), sent over TLS only;
	// what the upstream says is replaced. Empty: none.
	HSTS string
	// Frames is the X-Frame-Options value for answers without a word of the
	// upstream's own on framing. Empty: none.
	Frames string
	// Referrer is the Referrer-Policy for answers without one. Empty: none.
	Referrer string
	// NoSniff sends nosniff, and takes the harmful X-XSS-Protection out.
	NoSniff bool
	// Cookies completes the upstream's cookies.
	Cookies Cookies
	// CSP is the Content-Security-Policy of HTML.
	CSP CSP
	// AltSvc is the value of Alt-Svc (RFC 7838), which says where HTTP/3 is spoken. It is
	// sent over TLS to clients that are not behind a proxy; what the upstream says is
	// replaced. Empty: none, and what the upstream says passes.
	AltSvc string
}

// CSP is a Content-Security-Policy for answers that are HTML and bring no policy of
// their own.
type CSP struct {
	// Policy may hold {nonce} where 'nonce-…' belongs. Empty: none.
	Policy string
	// ReportOnly lets a browser report what it would have blocked.
	ReportOnly bool
	// Placeholder is replaced in HTML by the answer's nonce, for upstreams that
	// cannot take it from the request header X-Csp-Nonce. It must be unguessable:
	// a script that holds it is allowed. Empty: nothing is replaced.
	Placeholder string
}

// ReportPath is where a browser sends its reports about a site's policy. No request
// to it reaches the upstream of a site with a policy.
const ReportPath = "/.well-known/haechi/csp"

// protection is a Protection with its header values made ready; they are shared and
// never changed.
type protection struct {
	hsts, frames, referrer, altSvc, noSniff []string
	cookies                                 cookieRules
	csp                                     *policy
	// usual are the lines that complete an answer which says nothing of its own, by
	// its way.
	usual [waysOn][]byte
}

func newProtection(p Protection) *protection {
	one := func(v string) []string {
		if v == "" {
			return nil
		}
		return []string{v}
	}
	made := &protection{hsts: one(p.HSTS), frames: one(p.Frames), referrer: one(p.Referrer), altSvc: one(p.AltSvc),
		cookies: newCookieRules(p.Cookies), csp: newPolicy(p.CSP)}
	if p.NoSniff {
		made.noSniff = one("nosniff")
	}
	for _, to := range []way{{}, {secure: true}, {direct: true}, {true, true}} {
		made.usual[to.index()] = made.lines(nil, to, spoken{})
	}
	return made
}

// lines appends what is missing of an answer's head, as [protection.completes].
func (p *protection) lines(b []byte, to way, has spoken) []byte {
	p.completes(to, has, func(name string, value []string) { b = line(b, name, value[0]) })
	return b
}

// secure reports whether the client's own connection is encrypted, by its word of a
// trusted proxy where there is one in between.
func (x *exchange) secure() bool {
	if x.trusted {
		proto := x.in.header.values("X-Forwarded-Proto")
		return len(proto) == 1 && proto[0] == "https" || x.in.secure && len(proto) == 0
	}
	return x.in.secure
}

// way is how an answer goes to the browser.
type way struct {
	secure bool // encrypted
	direct bool // by this gate, nobody in between
}

// waysOn is how many there are.
const waysOn = 4

// index is the way's place among them.
func (w way) index() (i int) {
	if w.secure {
		i = 1
	}
	if w.direct {
		i += 2
	}
	return i
}

func (x *exchange) way() way { return way{x.secure(), x.in.secure && !x.trusted} }

// spoken is what an answer of the upstream says itself.
type spoken struct{ referrer, frames, framing bool }

// protect completes the header of an answer.
func (x *exchange) protect(h http.Header) {
	p := x.site.protection
	for name := range h {
		if p.replaces(name) {
			delete(h, name)
		}
	}
	to := x.way()
	p.completes(to, spoken{h["Referrer-Policy"] != nil, h["X-Frame-Options"] != nil, saysFraming(h["Content-Security-Policy"])},
		func(name string, value []string) { h[name] = value })
	p.cookies.complete(h["Set-Cookie"], to.secure)
}

// replaces reports whether what the upstream says under that name does not count.
func (p *protection) replaces(name string) bool {
	switch name {
	case "Strict-Transport-Security":
		return true
	case "X-Content-Type-Options", "X-Xss-Protection":
		return p.noSniff != nil
	case "Alt-Svc":
		return p.altSvc != nil
	}
	return false
}

// completes gives the lines that are missing.
func (p *protection) completes(to way, has spoken, add func(name string, value []string)) {
	if to.secure && p.hsts != nil {
		add("Strict-Transport-Security", p.hsts)
	}
	if to.direct && p.altSvc != nil {
		add("Alt-Svc", p.altSvc)
	}
	if p.noSniff != nil {
		add("X-Content-Type-Options", p.noSniff)
	}
	if p.referrer != nil && !has.referrer {
		add("Referrer-Policy", p.referrer)
	}
	if p.frames != nil && !has.frames && !has.framing {
		add("X-Frame-Options", p.frames)
	}
}

// saysFraming reports whether a policy of the upstream rules on framing, which then
// counts alone.
func saysFraming(policies []string) bool {
	for _, p := range policies {
		if strings.Contains(strings.ToLower(p), "frame-ancestors") {
			return true
		}
	}
	return false
}

// isHTML reports whether an answer is a page.
func isHTML(h http.Header) bool {
	return htmlType(h.Get("Content-Type"))
}
