package windows

import (
	"encoding/binary"

	"haechi"
	"haechi/internal/sensor/talk"
)

// kerberosTalk tells, of Kerberos (RFC 4120) over TCP and UDP:
//
//   - logins: a request for a first ticket with a proof (an encrypted time stamp, a
//     certificate, an armour), answered with a ticket or with "pre-authentication failed"; and any request for one that is answered
//     with "unknown principal" or "revoked", Type "principal". That pre-authentication is
//     required is what every login begins with, and told to nobody. A ticket without
//     pre-authentication is a call, "kerberos.ASWithoutProof", because its answer can be
//     guessed at offline.
//   - kerberos.TGS: a request for a ticket to a service, Name its name;
//     "kerberos.TGSWithRC4" where the ticket is sealed with RC4, which can be guessed at.
type kerberosTalk struct {
	asked kerberosAsked
}

type kerberosAsked struct {
	kind    byte // tag of the request, 0 for none
	proof   bool
	user    string
	service string
}

const (
	kerberosAS       = 0x6a
	kerberosASReply  = 0x6b
	kerberosTGS      = 0x6c
	kerberosTGSReply = 0x6d
	kerberosError    = 0x7e

	kerberosMost = 12 << 10 // of a message, in bytes

	unknownPrincipal = 6
	revoked          = 18
	proofFailed      = 24
	proofRequired    = 25
	rc4              = 23
)

// matchKerberos: over UDP, a request of one of the two kinds.
func matchKerberos(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	if b[0] != kerberosAS && b[0] != kerberosTGS {
		return talk.No, talk.FromClient
	}
	if m := der(b).in(b[0]).in(derSequence); m == nil || m.find(0xa1).number() != 5 {
		return talk.No, talk.FromClient
	}
	return talk.Yes, talk.FromClient
}

// matchKerberosStream: over TCP, behind four bytes of length.
func matchKerberosStream(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	switch {
	case b[0] != 0, len(b) > 1 && b[1] != 0, len(b) > 2 && b[2] > kerberosMost>>8:
		return talk.No, talk.FromClient
	case len(b) > 4 && b[4] != kerberosAS && b[4] != kerberosTGS:
		return talk.No, talk.FromClient
	case len(b) < 9:
		return talk.Unsure, talk.FromClient
	}
	size, head := derSize(b[4:])
	switch {
	case size != int(binary.BigEndian.Uint32(b)):
		return talk.No, talk.FromClient
	case len(b) <= 4+head:
		return talk.Unsure, talk.FromClient
	case b[4+head] != derSequence:
		return talk.No, talk.FromClient
	}
	return talk.Yes, talk.FromClient
}

func (k *kerberosTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	if !c.Stream() {
		k.message(c, from, b)
		return len(b)
	}
	if len(b) < 4 {
		return 0
	}
	n := int(binary.BigEndian.Uint32(b))
	if n > kerberosMost {
		c.Finish()
		return len(b)
	}
	if len(b) < 4+n {
		return 0
	}
	k.message(c, from, b[4:4+n])
	return 4 + n
}

func (k *kerberosTalk) message(c *talk.Conversation, from talk.Side, b der) {
	tag, body, _, ok := b.next()
	body = body.in(derSequence)
	if !ok || body == nil {
		return
	}
	switch {
	case from == talk.FromClient && (tag == kerberosAS || tag == kerberosTGS):
		k.request(tag, body)
	case from == talk.FromServer && k.asked.kind != 0:
		k.answer(c, tag, body)
		k.asked = kerberosAsked{}
	}
}

func (k *kerberosTalk) request(tag byte, body der) {
	const encryptedTime, certificate, fast = 2, 16, 136
	k.asked = kerberosAsked{kind: tag}
	for all := body.find(0xa3).in(derSequence); len(all) > 0; {
		_, one, rest, ok := all.next()
		if !ok {
			break
		}
		if t := one.find(0xa1).number(); t == encryptedTime || t == certificate || t == fast {
			k.asked.proof = true
		}
		all = rest
	}
	asked := body.find(0xa4).in(derSequence)
	k.asked.user = principal(asked.find(0xa1))
	k.asked.service = principal(asked.find(0xa3))
}

// principal joins the parts of a name: "cifs/host".
func principal(b der) string {
	var name []byte
	for parts := b.in(derSequence).find(0xa1).in(derSequence); len(parts) > 0 && len(name) < talk.MaxText; {
		_, part, rest, ok := parts.next()
		if !ok {
			break
		}
		if len(name) > 0 {
			name = append(name, '/')
		}
		name = append(name, part...)
		parts = rest
	}
	return talk.Text(name)
}

func (k *kerberosTalk) answer(c *talk.Conversation, tag byte, body der) {
	a := &k.asked
	switch {
	case tag == kerberosError:
		k.refused(c, body.find(0xa6).number())
	case tag == kerberosASReply && a.kind == kerberosAS && a.proof:
		c.TellLogin(a.user, haechi.Success, "password")
	case tag == kerberosASReply && a.kind == kerberosAS:
		c.TellCall("kerberos", "kerberos.ASWithoutProof", a.service, a.user, haechi.Success)
	case tag == kerberosTGSReply && a.kind == kerberosTGS:
		operation := "kerberos.TGS"
		if body.find(0xa5).in(0x61).in(derSequence).find(0xa3).in(derSequence).find(0xa0).number() == rc4 {
			operation = "kerberos.TGSWithRC4"
		}
		c.TellCall("kerberos", operation, a.service, "", haechi.Success)
	}
}

func (k *kerberosTalk) refused(c *talk.Conversation, code int) {
	a := &k.asked
	switch {
	case a.kind == kerberosTGS:
		c.TellCall("kerberos", "kerberos.TGS", a.service, "", haechi.Failure)
	case code == proofFailed:
		c.TellLogin(a.user, haechi.Failure, "password")
	case code == unknownPrincipal, code == revoked:
		c.TellLogin(a.user, haechi.Failure, "principal")
	}
}

func (k *kerberosTalk) Miss(*talk.Conversation, talk.Side) bool { return false }
func (k *kerberosTalk) End(*talk.Conversation)                  {}
