package windows

import (
	"bytes"

	"haechi"
	"haechi/internal/sensor/talk"
)

// ldapTalk tells, of LDAP over TCP (RFC 4511):
//
//   - logins: a simple bind with a password, or a SASL bind that names a user (NTLM),
//     answered with success or a refusal.
//   - ldap.Search, the first of a conversation below an entry, and ldap.Modify, ldap.Add, ldap.Delete and
//     ldap.Rename with the name of the entry.
//
// Behind StartTLS, others listen; behind a SASL layer that seals, nothing is understood.
type ldapTalk struct {
	user     string
	mayLogin bool // a bind that is an attempt waits for its answer
	kind     string
	tls      bool
	searched bool
}

const (
	ldapBind           = 0x60
	ldapBindAnswer     = 0x61
	ldapSearch         = 0x63
	ldapModify         = 0x66
	ldapAdd            = 0x68
	ldapDelete         = 0x4a
	ldapRename         = 0x6c
	ldapExtended       = 0x77
	ldapExtendedAnswer = 0x78

	ldapSimple = 0x80
	ldapSASL   = 0xa3

	ldapSuccess, ldapInProgress = 0, 14

	// ldapPeek is how much of a message is looked at, in bytes.
	ldapPeek = 4 << 10
)

// matchLDAP: a message with a small number, that binds, searches or asks for an extension.
func matchLDAP(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	if b[0] != derSequence {
		return talk.No, talk.FromClient
	}
	size, head := derSize(b)
	if size == 0 {
		return talk.Unsure, talk.FromClient
	}
	if size < 0 || size > 1<<20 {
		return talk.No, talk.FromClient
	}
	rest := b[head:]
	if len(rest) < 2 {
		return talk.Unsure, talk.FromClient
	}
	n := 2 + int(rest[1])
	if rest[0] != derInteger || n < 3 || n > 6 {
		return talk.No, talk.FromClient
	}
	if len(rest) <= n {
		return talk.Unsure, talk.FromClient
	}
	switch rest[n] {
	case ldapBind, ldapSearch, ldapExtended:
		return talk.Yes, talk.FromClient
	case ldapBindAnswer, ldapExtendedAnswer, 0x64, 0x65:
		return talk.Yes, talk.FromServer
	}
	return talk.No, talk.FromClient
}

func (l *ldapTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	size, head := derSize(b)
	switch {
	case b[0] != derSequence || size < 0:
		c.Finish()
		return len(b)
	case size == 0:
		return 0
	}
	n := min(size, ldapPeek)
	if len(b) < n {
		return 0
	}
	l.message(c, from, b[head:n])
	c.Pass(from, int64(size-n))
	return n
}

// message takes the body of a message, of which the end may be missing.
func (l *ldapTalk) message(c *talk.Conversation, from talk.Side, b der) {
	_, _, b, ok := b.next() // its number
	if !ok || len(b) == 0 {
		return
	}
	tag := b[0]
	size, head := derSize(b)
	if size <= 0 {
		return
	}
	body := b[head:min(size, len(b))]
	if from == talk.FromClient {
		l.asked(c, tag, body)
	} else {
		l.answered(c, tag, body)
	}
}

func (l *ldapTalk) asked(c *talk.Conversation, tag byte, body der) {
	switch tag {
	case ldapBind:
		l.bind(body)
	case ldapSearch:
		if base := body.find(derOctets); !l.searched && len(base) > 0 {
			l.searched = true
			l.tell(c, "ldap.Search", base)
		}
	case ldapModify:
		l.tell(c, "ldap.Modify", body.find(derOctets))
	case ldapAdd:
		l.tell(c, "ldap.Add", body.find(derOctets))
	case ldapRename:
		l.tell(c, "ldap.Rename", body.find(derOctets))
	case ldapDelete:
		l.tell(c, "ldap.Delete", body)
	case ldapExtended:
		l.tls = bytes.Equal(body.find(0x80), []byte("1.3.6.1.4.1.1466.20037"))
	}
}

func (l *ldapTalk) tell(c *talk.Conversation, operation string, name der) {
	c.TellCall("ldap", operation, talk.Text(name), l.user, haechi.Unknown)
}

// bind reads who wants to be known. A bind without a name or a password proves nothing.
func (l *ldapTalk) bind(body der) {
	l.mayLogin = false
	name := body.find(derOctets)
	if password := body.find(ldapSimple); len(password) > 0 && len(name) > 0 {
		l.user, l.kind, l.mayLogin = talk.Text(name), "password", true
		return
	}
	if user, step := talk.NTLM(body.find(ldapSASL)); step == talk.NTLMAuthenticate && user != "" {
		l.user, l.kind, l.mayLogin = user, "ntlm", true
	}
}

func (l *ldapTalk) answered(c *talk.Conversation, tag byte, body der) {
	code := body.number()
	switch {
	case tag == ldapExtendedAnswer && l.tls:
		l.tls = false
		if code == ldapSuccess {
			c.Become(nil)
		}
	case tag == ldapBindAnswer && l.mayLogin && code != ldapInProgress && code >= 0:
		l.mayLogin = false
		if code == ldapSuccess {
			c.TellLogin(l.user, haechi.Success, l.kind)
			return
		}
		c.TellLogin(l.user, haechi.Failure, l.kind)
		l.user = ""
	}
}

func (l *ldapTalk) Miss(*talk.Conversation, talk.Side) bool { return false }
func (l *ldapTalk) End(*talk.Conversation)                  {}
