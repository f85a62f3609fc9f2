package app

import (
	"net"
	"strconv"
	"strings"

	"haechi/internal/config"
	"haechi/internal/ingress/httpgate"
)

// protection spells the configured headers.
func protection(h *config.Headers) *httpgate.Protection {
	out := &httpgate.Protection{
		HSTS: hsts(h), Referrer: h.Referrer, NoSniff: true,
		Cookies: httpgate.Cookies{Secure: h.Cookies.Secure, HTTPOnly: h.Cookies.HTTPOnly, Readable: h.Cookies.Readable, SameSite: h.Cookies.SameSite},
		CSP:     httpgate.CSP{Policy: h.CSP.Policy, ReportOnly: h.CSP.ReportOnly, Placeholder: h.CSP.Placeholder},
	}
	switch h.Frames {
	case "self":
		out.Frames = "SAMEORIGIN"
	case "none":
		out.Frames = "DENY"
	}
	if p := out.CSP.Policy; p != "" && !strings.Contains(p, "report-uri") {
		// report-uri is what every browser still speaks; report-to needs another header
		// and an origin of its own.
		out.CSP.Policy = strings.TrimRight(p, "; ") + "; report-uri " + httpgate.ReportPath
	}
	return out
}

// hsts is the value of Strict-Transport-Security (RFC 6797).
func hsts(h *config.Headers) string {
	if h.HSTS <= 0 {
		return ""
	}
	out := "max-age=" + strconv.FormatInt(int64(h.HSTS.Seconds()), 10)
	if h.Subdomains {
		out += "; includeSubDomains"
	}
	if h.Preload {
		out += "; preload"
	}
	return out
}

// secureAt is where a service that redirects is served over TLS: at 443 if it listens
// there, else at its first port.
func secureAt(s *config.Service) string {
	first := ""
	for _, l := range s.Listen {
		_, port, err := net.SplitHostPort(l)
		switch {
		case err != nil:
		case port == "443":
			return ":443"
		case first == "":
			first = ":" + port
		}
	}
	return first
}
