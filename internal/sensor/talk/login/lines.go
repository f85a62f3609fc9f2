package login

import (
	"bytes"

	"haechi/internal/sensor/talk"
)

// lineMost bounds a line of a dialogue in bytes: a longer one ends it.
const lineMost = 4 << 10

// takeLine cuts the first line off, without its end. used is 0 while it is incomplete, and
// -1 when it is too long.
func takeLine(b []byte) (line []byte, used int) {
	i := bytes.IndexByte(b, '\n')
	switch {
	case i > lineMost, i < 0 && len(b) > lineMost:
		return nil, -1
	case i < 0:
		return nil, 0
	}
	return bytes.TrimSuffix(b[:i], []byte("\r")), i + 1
}

// word cuts the first word off a line.
func word(line []byte) (first, rest []byte) {
	first, rest, _ = bytes.Cut(line, []byte(" "))
	return first, rest
}

// pair are the credentials of a dialogue. The password is not among them.
type pair struct {
	user   string
	raw    [64]byte // the user as sent, for as long as the password is not there
	rawLen int
	listed string // the list of default credentials they are on
}

// named notes the user.
func (p *pair) named(user []byte) {
	*p = pair{user: talk.Text(user)}
	p.rawLen = copy(p.raw[:], user)
}

// proved notes that a password came.
func (p *pair) proved(c *talk.Conversation, password []byte) {
	if p.rawLen < len(p.raw) {
		p.listed = c.Listed(p.raw[:p.rawLen], password)
	}
}

// kind is the Type of a login event.
func (p *pair) kind(method string) string {
	if p.listed != "" {
		return "default:" + p.listed
	}
	return method
}
