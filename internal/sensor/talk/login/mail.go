package login

import (
	"bytes"

	"haechi"
	"haechi/internal/brick/http1"
	"haechi/internal/sensor/talk"
)

// smtpTalk tells of SMTP logins (RFC 4954): AUTH answered 235 is a success, 535 and other
// 4xx and 5xx answers a failure. Behind STARTTLS, others listen. Once mail is sent nothing
// more is heard.
type smtpTalk struct {
	sasl     sasl
	startTLS bool
}

func (s *smtpTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	line, used := takeLine(b)
	switch {
	case used < 0:
		c.Finish()
		return len(b)
	case used == 0:
		return 0
	case from == talk.FromServer:
		s.reply(c, replyCode(line))
		return used
	}
	first, rest := word(line)
	switch {
	case s.sasl.open:
		s.sasl.message(c, line)
	case http1.Equal(first, "auth"):
		s.sasl.begin(c, rest)
	case http1.Equal(first, "starttls"):
		s.startTLS = true
	case http1.Equal(first, "mail"), http1.Equal(first, "data"), http1.Equal(first, "bdat"):
		c.Finish()
	}
	return used
}

func (s *smtpTalk) reply(c *talk.Conversation, code int) {
	switch {
	case code == 0:
	case s.startTLS:
		s.startTLS = false
		if code == 220 {
			c.Become(nil)
		}
	case s.sasl.open && code == 235:
		s.sasl.tell(c, haechi.Success)
	case s.sasl.open && code >= 400:
		s.sasl.tell(c, haechi.Failure)
	}
}

func (s *smtpTalk) Miss(*talk.Conversation, talk.Side) bool { return false }
func (s *smtpTalk) End(*talk.Conversation)                  {}

// popTalk tells of POP3 logins (RFC 1939, RFC 5034): PASS, APOP or AUTH answered +OK or
// -ERR. Behind STLS, others listen. After a success nothing more is heard.
type popTalk struct {
	sasl  sasl
	pair  pair
	asked popAsked
}

type popAsked uint8

const (
	popOther popAsked = iota
	popPass
	popAuth
	popTLS
)

// matchPOP: the greeting.
func matchPOP(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	return talk.Begins(b, "+OK"), talk.FromServer
}

func (p *popTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	line, used := takeLine(b)
	switch {
	case used < 0:
		c.Finish()
		return len(b)
	case used == 0:
		return 0
	case from == talk.FromServer:
		p.reply(c, line)
		return used
	case p.asked == popAuth && p.sasl.open:
		p.sasl.message(c, line)
		return used
	}
	p.asked = popOther
	first, rest := word(line)
	switch {
	case http1.Equal(first, "user"):
		p.pair.named(rest)
	case http1.Equal(first, "pass"):
		p.asked = popPass
		p.pair.proved(c, rest)
	case http1.Equal(first, "apop"):
		user, _ := word(rest)
		p.pair.named(user)
		p.asked = popPass
	case http1.Equal(first, "auth") && len(rest) > 0:
		p.asked = popAuth
		p.sasl.begin(c, rest)
	case http1.Equal(first, "stls"):
		p.asked = popTLS
	}
	return used
}

func (p *popTalk) reply(c *talk.Conversation, line []byte) {
	good, bad := bytes.HasPrefix(line, []byte("+OK")), bytes.HasPrefix(line, []byte("-ERR"))
	if !good && !bad || p.asked == popOther {
		return
	}
	outcome := haechi.Failure
	if good {
		outcome = haechi.Success
	}
	switch p.asked {
	case popPass:
		c.TellLogin(p.pair.user, outcome, p.pair.kind("password"))
	case popAuth:
		p.sasl.tell(c, outcome)
	case popTLS:
		if good {
			c.Become(nil)
		}
	}
	if good && p.asked != popTLS {
		c.Finish()
	}
	p.asked = popOther
}

func (p *popTalk) Miss(*talk.Conversation, talk.Side) bool { return false }
func (p *popTalk) End(*talk.Conversation)                  {}

// imapTalk tells of IMAP logins (RFC 9051): LOGIN and AUTHENTICATE, answered OK or NO with
// the same tag. Behind STARTTLS, others listen. After a success nothing more is heard.
type imapTalk struct {
	sasl    sasl
	pair    pair
	tag     [16]byte
	tagLen  int
	tls     bool
	literal imapLiteral
}

// imapLiteral says which argument of LOGIN comes as a literal next.
type imapLiteral uint8

const (
	noLiteral imapLiteral = iota
	userLiteral
	passwordLiteral
)

// matchIMAP: the greeting.
func matchIMAP(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	if v := talk.Begins(b, "* OK"); v != talk.No {
		return v, talk.FromServer
	}
	return talk.Begins(b, "* PREAUTH"), talk.FromServer
}

func (m *imapTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	line, used := takeLine(b)
	switch {
	case used < 0:
		c.Finish()
		return len(b)
	case used == 0:
		return 0
	case from == talk.FromServer:
		m.reply(c, line)
	case m.sasl.open:
		m.sasl.message(c, line)
	case m.literal != noLiteral:
		m.arguments(c, line)
	default:
		m.command(c, line)
	}
	return used
}

func (m *imapTalk) command(c *talk.Conversation, line []byte) {
	tag, rest := word(line)
	verb, rest := word(rest)
	known := http1.Equal(verb, "login") || http1.Equal(verb, "authenticate") || http1.Equal(verb, "starttls")
	if !known || len(tag) > len(m.tag) {
		return
	}
	m.tagLen = copy(m.tag[:], tag)
	m.tls = http1.Equal(verb, "starttls")
	m.pair = pair{}
	switch {
	case http1.Equal(verb, "login"):
		m.literal = userLiteral
		m.arguments(c, rest)
	case http1.Equal(verb, "authenticate"):
		m.sasl.begin(c, rest)
	}
}

// arguments takes the user and the password of LOGIN, as far as the line has them: either
// may be a literal on a line of its own.
func (m *imapTalk) arguments(c *talk.Conversation, line []byte) {
	line = bytes.TrimLeft(line, " ")
	if m.literal == userLiteral {
		user, rest, ok := imapString(line)
		if !ok {
			return // the literal comes next
		}
		m.pair.named(user)
		m.literal, line = passwordLiteral, bytes.TrimLeft(rest, " ")
		if len(line) == 0 {
			return
		}
	}
	if password, _, ok := imapString(line); ok {
		m.pair.proved(c, password)
		m.literal = noLiteral
	}
}

// imapString cuts a quoted string or an atom off. It returns false for the announcement of
// a literal.
func imapString(b []byte) (s, rest []byte, ok bool) {
	switch {
	case len(b) > 0 && b[0] == '"':
		s, rest, _ = bytes.Cut(b[1:], []byte(`"`))
		return s, rest, true
	case len(b) > 0 && b[0] == '{':
		return nil, nil, false
	}
	s, rest = word(b)
	return s, rest, true
}

func (m *imapTalk) reply(c *talk.Conversation, line []byte) {
	tag, rest := word(line)
	if m.tagLen == 0 || string(tag) != string(m.tag[:m.tagLen]) {
		return
	}
	m.tagLen, m.literal = 0, noLiteral
	verb, _ := word(rest)
	good := http1.Equal(verb, "ok")
	outcome := haechi.Failure
	if good {
		outcome = haechi.Success
	}
	switch {
	case m.tls:
		m.tls = false
		if good {
			c.Become(nil)
		}
		return
	case m.sasl.open:
		m.sasl.tell(c, outcome)
	case http1.Equal(verb, "no") || good:
		c.TellLogin(m.pair.user, outcome, m.pair.kind("password"))
	}
	if good {
		c.Finish()
	}
}

func (m *imapTalk) Miss(*talk.Conversation, talk.Side) bool { return false }
func (m *imapTalk) End(*talk.Conversation)                  {}
