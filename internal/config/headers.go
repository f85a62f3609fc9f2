package config

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Headers are what every answer of a web service says besides.
type Headers struct {
	Off        bool
	HSTS       time.Duration // 0: none
	Subdomains bool
	Preload    bool
	Frames     string // any, self or none
	Referrer   string
	Cookies    Cookies
	CSP        CSP
}

// Cookies are what cookies of the upstream get that they do not say themselves.
type Cookies struct {
	Secure, HTTPOnly bool
	Readable         []string
	SameSite         string // Lax, Strict or empty
}

// CSP is a content security policy; an empty Policy: none.
type CSP struct {
	Policy, Placeholder string
	ReportOnly          bool
}

func compileHeaders(h *rawHeaders) Headers {
	out := Headers{
		Off: h.Mode == "off", HSTS: time.Duration(h.HSTS), Subdomains: h.Subdomains, Preload: h.Preload != "", Frames: h.Frames, Referrer: h.Referrer,
		Cookies: Cookies{Secure: h.Cookies.Secure, HTTPOnly: h.Cookies.HTTPOnly, Readable: h.Cookies.Readable},
		CSP:     CSP{Policy: h.CSP.Policy, Placeholder: h.CSP.Placeholder, ReportOnly: h.CSP.Mode == "shadow"},
	}
	switch h.Cookies.SameSite {
	case "lax":
		out.Cookies.SameSite = "Lax"
	case "strict":
		out.Cookies.SameSite = "Strict"
	}
	if h.CSP.Mode == "off" {
		out.CSP = CSP{}
	}
	return out
}

var (
	cookieName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$")
	unguessed  = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)
	policyText = regexp.MustCompile(`^[ -+\--~]+$`) // printable ASCII without the comma, which begins another policy
)

// maxPolicy bounds a header that every page carries, in bytes.
const maxPolicy = 2000

// preloadLeast is what browsers' lists ask for.
const preloadLeast = 365 * day

func (v *validator) headers(key string, s *rawService) {
	h := &s.Headers
	if h.Preload != "" {
		v.preload(key, s)
	}
	for i, name := range h.Cookies.Readable {
		if !cookieName.MatchString(name) {
			v.wrongAt(index(key+".cookies.readable", i), "write the cookie's name as the server sets it", "%s is no name of a cookie", quoted(name))
		}
	}
	if h.CSP.Mode != "off" && (len(h.CSP.Policy) > maxPolicy || !policyText.MatchString(h.CSP.Policy)) {
		v.wrongAt(key+".csp.policy", "write directives with semicolons between them, for example default-src 'self'; object-src 'none'",
			"%s is empty, too long, or has a comma or letters outside ASCII", key+".csp.policy")
	}
	switch p := h.CSP.Placeholder; {
	case p == "":
	case !unguessed.MatchString(p):
		v.wrongAt(key+".csp.placeholder", "write 16 to 64 random letters and digits: who guesses it can run scripts", "%s is no placeholder", key+".csp.placeholder")
	case !strings.Contains(h.CSP.Policy, "{nonce}"):
		v.wrongAt(key+".csp.placeholder", "write 'nonce-{nonce}' into the policy, or leave the placeholder out", "the policy has no {nonce} that it would stand for")
	}
	v.redirect(strings.TrimSuffix(key, ".headers"), s)
}

// preload wants the domain written out and everything that browsers' lists ask for.
func (v *validator) preload(key string, s *rawService) {
	h := &s.Headers
	at := key + ".hsts_preload"
	switch {
	case !slices.ContainsFunc(s.Hosts, func(host string) bool { return host == h.Preload || strings.HasSuffix(host, "."+h.Preload) }):
		v.wrongAt(at, "write the domain that the hosts belong to, for example example.com", "%s is not the domain of any host of this service", quoted(h.Preload))
	case !h.Subdomains:
		v.wrongAt(at, "add hsts_subdomains: true once every name below the domain has https", "browsers take no domain into their lists without its subdomains")
	case h.HSTS < preloadLeast:
		v.wrongAt(at, "raise hsts to 365d once 30d made no trouble", "browsers take no domain into their lists for less than a year")
	}
}

func (v *validator) redirect(key string, s *rawService) {
	if len(s.Redirect) == 0 {
		return
	}
	if s.TLS == (rawTLS{}) {
		v.wrongAt(key+".redirect", "add tls:, or leave redirect out", "%s would send to https, which the service does not speak", key+".redirect")
	}
	for i, l := range s.Redirect {
		if l == "" {
			v.wrongAt(index(key+".redirect", i), listenHint, "an empty text is no address to listen on")
		}
	}
}
