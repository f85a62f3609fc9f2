package login

import (
	"bytes"

	"haechi"
	"haechi/internal/brick/http1"
	"haechi/internal/sensor/talk"
)

// greetTalk hears who a server that says 220 is: the client's first command tells whether
// it is asked for files (FTP) or takes mail (SMTP).
type greetTalk struct{}

// match220: the greeting of FTP and SMTP.
func match220(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	v := talk.Begins(b, "220")
	if v == talk.Yes && len(b) > 3 && b[3] != ' ' && b[3] != '-' {
		v = talk.No
	}
	if v == talk.Yes && len(b) < 4 {
		v = talk.Unsure
	}
	return v, talk.FromServer
}

func (greetTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	line, used := takeLine(b)
	switch {
	case used < 0:
		c.Finish()
		return len(b)
	case used == 0:
		return 0
	case from == talk.FromServer:
		return used
	}
	first, _ := word(line)
	switch {
	case http1.Equal(first, "ehlo"), http1.Equal(first, "helo"), http1.Equal(first, "lhlo"):
		c.SetProtocol("smtp")
		c.Become(&smtpTalk{})
	case http1.Equal(first, "user"), http1.Equal(first, "auth"), http1.Equal(first, "feat"), http1.Equal(first, "opts"), http1.Equal(first, "syst"), http1.Equal(first, "pasv"), http1.Equal(first, "host"):
		c.SetProtocol("ftp")
		c.Become(&ftpTalk{})
	case http1.Equal(first, "quit"):
		c.Finish()
	default:
		if !talk.Plain(line) {
			c.Finish()
		}
		return used
	}
	return 0
}

func (greetTalk) Miss(*talk.Conversation, talk.Side) bool { return false }
func (greetTalk) End(*talk.Conversation)                  {}

// ftpTalk tells of FTP logins (RFC 959): PASS answered 230 or 202 is a success, 530 and
// other 4xx and 5xx answers a failure; USER answered 230 is a success without a password,
// and answered 530 a failure. Behind AUTH, others listen. After a success nothing more is
// heard.
type ftpTalk struct {
	pair  pair
	asked ftpAsked
}

type ftpAsked uint8

const (
	ftpOther ftpAsked = iota
	ftpUser
	ftpPass
	ftpAuth
)

func (f *ftpTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	line, used := takeLine(b)
	switch {
	case used < 0:
		c.Finish()
		return len(b)
	case used == 0:
		return 0
	case from == talk.FromClient:
		f.command(c, line)
	default:
		f.reply(c, line)
	}
	return used
}

func (f *ftpTalk) command(c *talk.Conversation, line []byte) {
	first, rest := word(line)
	f.asked = ftpOther
	switch {
	case http1.Equal(first, "user"):
		f.asked = ftpUser
		f.pair.named(rest)
	case http1.Equal(first, "pass"):
		f.asked = ftpPass
		f.pair.proved(c, rest)
	case http1.Equal(first, "auth"):
		f.asked = ftpAuth
	case http1.Equal(first, "quit"):
		f.asked = ftpOther
	}
}

func (f *ftpTalk) reply(c *talk.Conversation, line []byte) {
	code := replyCode(line)
	if code < 200 || f.asked == ftpOther {
		return
	}
	asked := f.asked
	f.asked = ftpOther
	switch {
	case asked == ftpAuth:
		if code == 234 {
			c.Become(nil)
		}
	case code == 230 || code == 202 && asked == ftpPass:
		c.TellLogin(f.pair.user, haechi.Success, f.pair.kind("password"))
		c.Finish()
	case code >= 400 && (asked == ftpPass || code == 530):
		c.TellLogin(f.pair.user, haechi.Failure, f.pair.kind("password"))
	}
}

// replyCode is the code of the last line of a reply, 0 for others.
func replyCode(line []byte) int {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' {
		return 0
	}
	n := 0
	for _, d := range line[:3] {
		if d < '0' || d > '9' {
			return 0
		}
		n = 10*n + int(d-'0')
	}
	return n
}

func (f *ftpTalk) Miss(*talk.Conversation, talk.Side) bool { return false }

func (f *ftpTalk) End(c *talk.Conversation) {
	if f.asked == ftpPass {
		c.TellLogin(f.pair.user, haechi.Unknown, f.pair.kind("password"))
	}
}

// sasl follows a login by SASL (RFC 4422) as mail protocols carry it: PLAIN, LOGIN and
// CRAM-MD5 name the user; of others, NTLM does in its last message.
type sasl struct {
	mechanism [12]byte
	pair      pair
	step      int
	open      bool
}

// begin takes the command's arguments: the mechanism, and perhaps its first message.
func (s *sasl) begin(c *talk.Conversation, rest []byte) {
	first, rest := word(rest)
	*s = sasl{open: true}
	copy(s.mechanism[:], bytes.ToUpper(first))
	if len(rest) > 0 {
		s.message(c, rest)
	}
}

func (s *sasl) name() string { return string(bytes.TrimRight(s.mechanism[:], "\x00")) }

// message takes one message of the client.
func (s *sasl) message(c *talk.Conversation, line []byte) {
	msg := c.Unbase64(line)
	s.step++
	switch s.name() {
	case "PLAIN":
		parts := bytes.SplitN(msg, []byte{0}, 3)
		if len(parts) == 3 {
			s.pair.named(parts[1])
			s.pair.proved(c, parts[2])
		}
	case "LOGIN":
		if s.step == 1 {
			s.pair.named(msg)
		} else if s.step == 2 {
			s.pair.proved(c, msg)
		}
	case "CRAM-MD5":
		if i := bytes.LastIndexByte(msg, ' '); i > 0 {
			s.pair.named(msg[:i])
		}
	case "NTLM", "GSSAPI", "GSS-SPNEGO":
		if user, step := talk.NTLM(msg); step == talk.NTLMAuthenticate {
			s.pair.user = user
		}
	}
	clear(msg)
}

func (s *sasl) tell(c *talk.Conversation, outcome haechi.Outcome) {
	s.open = false
	c.TellLogin(s.pair.user, outcome, s.pair.kind("password"))
}
