package httpgate

import "strings"

// Cookies completes cookies that an upstream sets: what a cookie says itself is
// never changed.
type Cookies struct {
	// Secure adds Secure to cookies that are set over TLS.
	Secure bool
	// HTTPOnly adds HttpOnly, save to the cookies in Readable, which scripts read.
	HTTPOnly bool
	Readable []string
	// SameSite is added to cookies without one: "Lax", "Strict" or nothing.
	SameSite string
}

// cookieRules are Cookies made ready.
type cookieRules struct {
	secure, httpOnly bool
	readable         map[string]struct{}
	sameSite         string // with its separator
}

func newCookieRules(c Cookies) cookieRules {
	r := cookieRules{secure: c.Secure, httpOnly: c.HTTPOnly, readable: make(map[string]struct{}, len(c.Readable))}
	for _, name := range c.Readable {
		r.readable[name] = struct{}{}
	}
	if c.SameSite != "" {
		r.sameSite = "; SameSite=" + c.SameSite
	}
	return r
}

// complete adds missing attributes to Set-Cookie lines, in place (RFC 6265).
func (r *cookieRules) complete(lines []string, secure bool) {
	for i, line := range lines {
		name, _, _ := strings.Cut(line, "=")
		has := attributesOf(line)
		if r.secure && secure && !has.secure {
			line += "; Secure"
		}
		if _, readable := r.readable[strings.TrimSpace(name)]; r.httpOnly && !readable && !has.httpOnly {
			line += "; HttpOnly"
		}
		if !has.sameSite {
			line += r.sameSite
		}
		lines[i] = line
	}
}

// attributes are those of a cookie that matter here.
type attributes struct{ secure, httpOnly, sameSite bool }

func attributesOf(line string) (has attributes) {
	_, rest, _ := strings.Cut(line, ";") // the first part is name and value
	for part := range strings.SplitSeq(rest, ";") {
		key, _, _ := strings.Cut(part, "=")
		switch key = strings.TrimSpace(key); {
		case foldEqual(key, "secure"):
			has.secure = true
		case foldEqual(key, "httponly"):
			has.httpOnly = true
		case foldEqual(key, "samesite"):
			has.sameSite = true
		}
	}
	return has
}
