package login

import (
	"bytes"
	"encoding/binary"

	"haechi"
	"haechi/internal/sensor/talk"
)

// postgresTalk tells of logins to PostgreSQL (protocol 3): AuthenticationOk after a
// password is a success; an error of class 28 is a failure, with or without one. Who is
// let in without a password did not log in. Behind a request for TLS, others listen.
type postgresTalk struct {
	user   string
	stage  postgresStage
	proved bool // a password was sent
}

type postgresStage uint8

const (
	postgresStart postgresStage = iota
	postgresTLS                 // the server's one byte comes next
	postgresLogin
)

const (
	postgresProtocol = 0x00030000
	postgresSSL      = 80877103
	postgresGSS      = 80877104
	postgresMost     = 8 << 10 // of a message before the login is over, in bytes
)

// matchPostgres: a start-up message, or the request for encryption before it.
func matchPostgres(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	if b[0] != 0 || len(b) > 1 && b[1] != 0 || len(b) > 2 && b[2] > 0x1f || len(b) > 4 && b[4] != 0 && b[4] != 4 {
		return talk.No, talk.FromClient
	}
	if len(b) < 8 {
		return talk.Unsure, talk.FromClient
	}
	n, code := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	if (code == postgresSSL || code == postgresGSS) && n == 8 || code == postgresProtocol && n > 12 {
		return talk.Yes, talk.FromClient
	}
	return talk.No, talk.FromClient
}

func (p *postgresTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	switch {
	case p.stage == postgresTLS && from == talk.FromServer:
		p.stage = postgresStart
		if b[0] == 'S' || b[0] == 'G' {
			c.Become(nil)
		}
		return 1
	case p.stage == postgresStart && from == talk.FromClient:
		return p.start(c, b)
	}
	const head = 5
	if len(b) < head {
		return 0
	}
	n := int(binary.BigEndian.Uint32(b[1:]))
	if p.stage != postgresLogin || n < 4 || n > postgresMost {
		c.Finish()
		return len(b)
	}
	if len(b) < 1+n {
		return 0
	}
	if from == talk.FromClient {
		p.proved = p.proved || b[0] == 'p'
	} else {
		p.judge(c, b[0], b[head:1+n])
	}
	return 1 + n
}

func (p *postgresTalk) start(c *talk.Conversation, b []byte) int {
	if len(b) < 8 {
		return 0
	}
	n, code := int(binary.BigEndian.Uint32(b)), binary.BigEndian.Uint32(b[4:])
	switch {
	case n < 8 || n > postgresMost:
		c.Finish()
		return len(b)
	case len(b) < n:
		return 0
	case code == postgresSSL || code == postgresGSS:
		p.stage = postgresTLS
		return n
	case code != postgresProtocol:
		c.Finish()
		return n
	}
	p.stage = postgresLogin
	for rest := b[8:n]; len(rest) > 1; {
		var name, value []byte
		name, rest, _ = bytes.Cut(rest, []byte{0})
		value, rest, _ = bytes.Cut(rest, []byte{0})
		if string(name) == "user" {
			p.user = talk.Text(value)
		}
	}
	return n
}

func (p *postgresTalk) judge(c *talk.Conversation, kind byte, body []byte) {
	switch {
	case kind == 'R' && len(body) >= 4 && binary.BigEndian.Uint32(body) == 0:
		if p.proved {
			c.TellLogin(p.user, haechi.Success, "password")
		}
		c.Finish()
	case kind == 'E':
		if bytes.Contains(body, []byte("\x00C28")) {
			c.TellLogin(p.user, haechi.Failure, "password")
		}
		c.Finish()
	}
}

func (p *postgresTalk) Miss(*talk.Conversation, talk.Side) bool { return false }
func (p *postgresTalk) End(*talk.Conversation)                  {}
