package httpgate

import (
	"strconv"
	"strings"

	"haechi"
)

// Rule ids of requests that are readable, and that somebody behind could read as
// something else.
const (
	RuleHost   = "http/host"   // two hosts
	RuleLength = "http/length" // a length that is none, or another than that of the body
	RulePath   = "http/path"   // a zero byte, or dots hidden in overlong UTF-8
)

// misread reports whether a request could be taken for another one by what is behind,
// and fills in why.
func (a *asked) misread(v *haechi.Verdict) bool {
	switch {
	case !token(a.method):
		v.Rule = RuleMethod
	case a.otherHost():
		v.Rule = RuleHost
	case a.otherLength():
		v.Rule = RuleLength
	case hides(a.path):
		v.Rule = RulePath
	default:
		return false
	}
	v.Reason = haechi.ReasonMalformed
	return true
}

// otherHost reports whether a Host header stands beside another name (RFC 9113, 8.3.1).
// Over HTTP/1 there is none besides.
func (a *asked) otherHost() bool {
	for _, h := range a.header.values("Host") {
		if h != a.host {
			return true
		}
	}
	return false
}

// otherLength reports whether Content-Length says something else than was understood.
func (a *asked) otherLength() bool {
	said := a.header.values("Content-Length")
	if len(said) == 0 {
		return false
	}
	n, err := strconv.ParseUint(said[0], 10, 63)
	return len(said) > 1 || err != nil || int64(n) != a.length
}

// token reports whether a name is one (RFC 9110, 5.6.2).
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if ('a' > c|0x20 || c|0x20 > 'z') && ('0' > c || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// hides reports whether a decoded path holds a zero byte, or becomes a way upwards for
// whoever decodes overlong UTF-8 (RFC 3629, 10). Paths in EUC-KR hold the same bytes
// (유 is C0 AF) and pass: there they make no segment of two dots.
func hides(p string) bool {
	if strings.IndexByte(p, 0) >= 0 {
		return true
	}
	if strings.IndexByte(p, 0xc0) < 0 && strings.IndexByte(p, 0xc1) < 0 && strings.IndexByte(p, 0xe0) < 0 && strings.IndexByte(p, 0xf0) < 0 {
		return false
	}
	short := shortened(p)
	return strings.IndexByte(short, 0) >= 0 || upwards(short) > upwards(p)
}

// shortened is a path with overlong forms of ASCII written as what they stand for.
func shortened(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); {
		c, n := overlong(p[i:])
		b.WriteByte(c)
		i += n
	}
	return b.String()
}

// overlong is the first character of p and its length; what is no overlong form of
// ASCII is taken byte by byte.
func overlong(p string) (c byte, n int) {
	switch lead := p[0]; {
	case lead&0xfe == 0xc0:
		c, n = lead&1, 2
	case lead == 0xe0:
		n = 3
	case lead == 0xf0:
		n = 4
	default:
		return p[0], 1
	}
	if len(p) < n {
		return p[0], 1
	}
	v := int(c)
	for i := 1; i < n; i++ {
		if p[i]&0xc0 != 0x80 {
			return p[0], 1
		}
		v = v<<6 | int(p[i]&0x3f)
	}
	if v >= 0x80 {
		return p[0], 1
	}
	return byte(v), n
}

// upwards counts the segments of two dots.
func upwards(p string) (n int) {
	for s := range strings.FieldsFuncSeq(p, func(r rune) bool { return r == '/' || r == '\\' }) {
		if s == ".." {
			n++
		}
	}
	return n
}
