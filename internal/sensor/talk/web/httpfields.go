package web

import (
	"bytes"
	"strconv"
	"strings"

	"haechi"
	"haechi/internal/brick/http1"
	"haechi/internal/sensor/talk"
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

func (f *httpFields) frame(name, value []byte) {
	switch {
	case http1.Equal(name, "content-length"):
		if n, err := strconv.ParseInt(string(value), 10, 48); err == nil && n >= 0 {
			f.length = n
		}
	case http1.Equal(name, "transfer-encoding"):
		f.chunked = bytes.Contains(bytes.ToLower(value), []byte("chunked"))
	}
}

// fields reads the fields of a request.
func (q *httpRequest) fields(c *talk.Conversation, b []byte) (f httpFields) {
	f.length = -1
	eachField(b, func(name, value []byte) {
		f.frame(name, value)
		switch {
		case http1.Equal(name, "host"):
			f.host = value
		case http1.Equal(name, "user-agent"):
			q.agent = talk.Text(value)
		case http1.Equal(name, "content-type"):
			f.kind = value
		case http1.Equal(name, "authorization"), http1.Equal(name, "proxy-authorization"):
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
	case http1.Equal(name, "accept"):
		return haechi.HasAccept
	case http1.Equal(name, "accept-language"):
		return haechi.HasLanguage
	case http1.Equal(name, "accept-encoding"):
		return haechi.HasEncoding
	case http1.Equal(name, "referer"), http1.Equal(name, "origin"):
		return haechi.HasReferer
	case http1.Equal(name, "cookie"):
		return haechi.HasCookie
	}
	return 0
}

// answerFields reads the fields of an answer.
func answerFields(b []byte) (f httpFields) {
	f.length = -1
	eachField(b, func(name, value []byte) {
		f.frame(name, value)
		if http1.Equal(name, "www-authenticate") || http1.Equal(name, "proxy-authenticate") {
			f.stale = f.stale || bytes.Contains(bytes.ToLower(value), []byte("stale=true"))
		}
	})
	return f
}

// credentials reads an Authorization field.
func credentials(c *talk.Conversation, value []byte) (l httpLogin) {
	scheme, rest, _ := bytes.Cut(value, []byte(" "))
	rest = bytes.TrimSpace(rest)
	switch {
	case http1.Equal(scheme, "basic"):
		l.scheme = basicScheme
		user, password, ok := bytes.Cut(c.Unbase64(rest), []byte(":"))
		if !ok {
			return httpLogin{}
		}
		l.user, l.listed = talk.Text(user), c.Listed(user, password)
		clear(password)
	case http1.Equal(scheme, "digest"):
		l.scheme = digestScheme
		if _, after, ok := bytes.Cut(rest, []byte(`username="`)); ok {
			user, _, _ := bytes.Cut(after, []byte(`"`))
			l.user = talk.Text(user)
		}
	case http1.Equal(scheme, "ntlm"), http1.Equal(scheme, "negotiate"), http1.Equal(scheme, "kerberos"):
		l.scheme = negotiateScheme
		msg := c.Unbase64(rest)
		if user, step := talk.NTLM(msg); step == talk.NTLMAuthenticate {
			l.scheme, l.user = ntlmScheme, user
		} else if step != 0 || len(msg) == 0 {
			return httpLogin{} // the question before the answer
		}
	}
	return l
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
func (h *httpTalk) judge(c *talk.Conversation, q *httpRequest, stale bool) {
	refused := q.status == 401 || q.status == 403
	switch {
	case q.login.scheme == noScheme || stale:
		return
	case q.login.scheme == formScheme:
		if refused {
			c.TellLogin(q.login.user, haechi.Failure, schemeNames()[formScheme])
		}
		return
	}
	kind := schemeNames()[q.login.scheme]
	if q.login.listed != "" {
		kind = "default:" + q.login.listed
	}
	switch {
	case refused || q.status == 407:
		c.TellLogin(q.login.user, haechi.Failure, kind)
	case q.status < 400 || q.status == 404:
		if h.first(q.login.user) {
			c.TellLogin(q.login.user, haechi.Success, kind)
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
