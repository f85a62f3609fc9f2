package talk

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"

	"haechi"
)

// httpFields are the fields of a head that count.
type httpFields struct {
	host, kind []byte // kind is the content type
	length     int64  // -1 if not stated
	chunked    bool
	stale      bool // the server asks for a fresher digest
}

// httpLogin are the credentials that a request carried, without the secret.
type httpLogin struct {
	scheme loginScheme
	user   string
	listed string // the list of default credentials that they are on
}

type loginScheme uint8

const (
	noScheme loginScheme = iota
	basicScheme
	digestScheme
	ntlmScheme
	negotiateScheme
	formScheme
)

func schemeNames() [6]string {
	return [...]string{"", "basic", "digest", "ntlm", "negotiate", "form"}
}

// eachField walks the fields of a head.
func eachField(b []byte, take func(name, value []byte)) {
	for len(b) > 0 {
		var line []byte
		line, b = nextLine(b)
		if name, value, ok := bytes.Cut(line, []byte(":")); ok {
			take(bytes.TrimRight(name, " \t"), bytes.TrimSpace(value))
		}
	}
}

// is compares a field's name without regard to case; want is in lower case.
func is(name []byte, want string) bool {
	if len(name) != len(want) {
		return false
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != want[i] {
			return false
		}
	}
	return true
}

func (f *httpFields) frame(name, value []byte) {
	switch {
	case is(name, "content-length"):
		if n, err := strconv.ParseInt(string(value), 10, 48); err == nil && n >= 0 {
			f.length = n
		}
	case is(name, "transfer-encoding"):
		f.chunked = bytes.Contains(bytes.ToLower(value), []byte("chunked"))
	}
}

// fields reads the fields of a request.
func (q *httpRequest) fields(c *conversation, b []byte) (f httpFields) {
	f.length = -1
	eachField(b, func(name, value []byte) {
		f.frame(name, value)
		switch {
		case is(name, "host"):
			f.host = value
		case is(name, "user-agent"):
			q.agent = text(value)
		case is(name, "content-type"):
			f.kind = value
		case is(name, "authorization"), is(name, "proxy-authorization"):
			q.headers |= haechi.HasCredentials
			q.login = credentials(c, value)
		default:
			q.headers |= telling(name)
		}
	})
	return f
}

// telling is the header as a member of the set.
func telling(name []byte) haechi.Headers {
	switch {
	case is(name, "accept"):
		return haechi.HasAccept
	case is(name, "accept-language"):
		return haechi.HasLanguage
	case is(name, "accept-encoding"):
		return haechi.HasEncoding
	case is(name, "referer"), is(name, "origin"):
		return haechi.HasReferer
	case is(name, "cookie"):
		return haechi.HasCookie
	}
	return 0
}

// answerFields reads the fields of an answer.
func answerFields(b []byte) (f httpFields) {
	f.length = -1
	eachField(b, func(name, value []byte) {
		f.frame(name, value)
		if is(name, "www-authenticate") || is(name, "proxy-authenticate") {
			f.stale = f.stale || bytes.Contains(bytes.ToLower(value), []byte("stale=true"))
		}
	})
	return f
}

// credentials reads an Authorization field.
func credentials(c *conversation, value []byte) (l httpLogin) {
	scheme, rest, _ := bytes.Cut(value, []byte(" "))
	rest = bytes.TrimSpace(rest)
	switch {
	case is(scheme, "basic"):
		l.scheme = basicScheme
		user, password, ok := bytes.Cut(unbase64(c, rest), []byte(":"))
		if !ok {
			return httpLogin{}
		}
		l.user, l.listed = text(user), c.l.listed(user, password)
		clear(password)
	case is(scheme, "digest"):
		l.scheme = digestScheme
		if _, after, ok := bytes.Cut(rest, []byte(`username="`)); ok {
			user, _, _ := bytes.Cut(after, []byte(`"`))
			l.user = text(user)
		}
	case is(scheme, "ntlm"), is(scheme, "negotiate"), is(scheme, "kerberos"):
		l.scheme = negotiateScheme
		msg := unbase64(c, rest)
		if user, step := ntlmUser(msg); step == ntlmAuthenticate {
			l.scheme, l.user = ntlmScheme, user
		} else if step != 0 || len(msg) == 0 {
			return httpLogin{} // the question before the answer
		}
	}
	return l
}

// unbase64 decodes into the scratch buffer; what does not decode ends it.
func unbase64(c *conversation, b []byte) []byte {
	dst := c.l.scratch
	if base64.StdEncoding.DecodedLen(len(b)) > len(dst) {
		return nil
	}
	n, _ := base64.StdEncoding.Decode(dst, b) // what came before a mistake counts
	return dst[:n]
}

// listed names the list of default credentials on which a pair is, "" for none.
func (l *Listener) listed(user, password []byte) string {
	if l.cfg.Default == nil {
		return ""
	}
	return l.cfg.Default(user, password)
}

// formLogin reports whether a request posts to what speaks of a login.
func formLogin(q *httpRequest) bool {
	if q.method != "POST" || q.login.scheme != noScheme {
		return false
	}
	path := strings.ToLower(q.path)
	for _, word := range [...]string{"login", "logon", "signin", "sign-in", "sign_in", "auth", "session"} {
		if strings.Contains(path, word) {
			return true
		}
	}
	return false
}

// judge tells what an answer means for the credentials of its request.
func (h *httpTalk) judge(c *conversation, q *httpRequest, stale bool) {
	refused := q.status == 401 || q.status == 403
	switch {
	case q.login.scheme == noScheme || stale:
		return
	case q.login.scheme == formScheme:
		if refused {
			c.tellLogin(q.login.user, haechi.Failure, schemeNames()[formScheme])
		}
		return
	}
	kind := schemeNames()[q.login.scheme]
	if q.login.listed != "" {
		kind = "default:" + q.login.listed
	}
	switch {
	case refused || q.status == 407:
		c.tellLogin(q.login.user, haechi.Failure, kind)
	case q.status < 400 || q.status == 404:
		if h.first(q.login.user) {
			c.tellLogin(q.login.user, haechi.Success, kind)
		}
	}
}

// first reports whether no success of the user was told before. Of more users than are
// remembered it says so once.
func (h *httpTalk) first(user string) bool {
	user = "+" + user
	for i, known := range h.welcome {
		if known == user {
			return false
		}
		if known == "" {
			h.welcome[i] = user
			return true
		}
	}
	return false
}

// tellLogin tells of one attempt to log in.
func (c *conversation) tellLogin(user string, outcome haechi.Outcome, kind string) {
	e := c.about(haechi.KindAuth)
	e.User, e.Outcome, e.Type = user, outcome, kind
	c.tell()
}
