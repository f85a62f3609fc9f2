package login

import (
	"bytes"
	"encoding/binary"

	"haechi"
	"haechi/internal/sensor/talk"
)

// mysqlTalk tells of logins to MySQL and MariaDB: the client's answer to the greeting names
// the user; OK is a success, an error a failure. Behind a request for TLS, others listen.
type mysqlTalk struct {
	user  string
	asked bool
}

const (
	mysqlHeader = 4
	mysqlMost   = 4 << 10 // of a packet before the login is over, in bytes
	mysqlTLS    = 0x800   // the capability that asks for TLS
)

// matchMySQL: a greeting of protocol version 10, with a version that begins with a digit.
func matchMySQL(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	switch {
	case len(b) > 2 && (b[2] != 0 || b[1] > 2), len(b) > 3 && b[3] != 0, len(b) > 4 && b[4] != 10, len(b) > 5 && (b[5] < '1' || b[5] > '9'):
		return talk.No, talk.FromServer
	case len(b) < 6:
		return talk.Unsure, talk.FromServer
	}
	return talk.Yes, talk.FromServer
}

func (m *mysqlTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	if len(b) < mysqlHeader+1 {
		return 0
	}
	n := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	if n == 0 || n > mysqlMost {
		c.Finish()
		return len(b)
	}
	if len(b) < mysqlHeader+n {
		return 0
	}
	seq, body := b[3], b[mysqlHeader:mysqlHeader+n]
	switch {
	case from == talk.FromClient && !m.asked:
		m.login(c, body)
	case from == talk.FromServer && seq == 0 && body[0] != 10:
		c.Finish() // it sends whoever comes away
	case from == talk.FromServer && m.asked:
		m.judge(c, body)
	}
	return mysqlHeader + n
}

// login reads the client's answer: 32 bytes of capabilities and the like, and the user.
func (m *mysqlTalk) login(c *talk.Conversation, body []byte) {
	const fixed = 32
	if len(body) < 4 {
		c.Finish()
		return
	}
	if binary.LittleEndian.Uint32(body)&mysqlTLS != 0 && len(body) == fixed {
		c.Become(nil)
		return
	}
	m.asked = true
	if len(body) > fixed {
		user, _, _ := bytes.Cut(body[fixed:], []byte{0})
		m.user = talk.Text(user)
	}
}

func (m *mysqlTalk) judge(c *talk.Conversation, body []byte) {
	outcome := haechi.Unknown
	switch body[0] {
	case 0:
		outcome = haechi.Success
	case 0xff:
		outcome = haechi.Failure
	default: // another method, or more of this one
		return
	}
	c.TellLogin(m.user, outcome, "password")
	c.Finish()
}

func (m *mysqlTalk) Miss(*talk.Conversation, talk.Side) bool { return false }
func (m *mysqlTalk) End(*talk.Conversation)                  {}
