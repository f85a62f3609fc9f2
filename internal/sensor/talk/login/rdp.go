package login

import (
	"bytes"
	"encoding/binary"

	"haechi"
	"haechi/internal/sensor/talk"
)

// rdpTalk tells of RDP logins (MS-RDPBCGR). With network level authentication somebody
// proves who he is before the server shows anything, within TLS: what follows tells the
// outcome by its size. A server that goes on to show a desktop sends far more than its
// certificate and two messages of CredSSP: from [rdpDesktop] bytes on it is a success. A
// session that ends before, after the client sent enough for its proof, is a failure; one
// that ends before that was no attempt, but a look at the certificate.
//
// Without network level authentication the login happens on the shown desktop: what is
// told then is an attempt of unknown outcome. The user is the one of the cookie, which is
// cut at 9 characters by clients, or missing.
type rdpTalk struct {
	user  string
	stage rdpStage
	spoke int64 // bytes of application data of the client
	shown int64 // bytes of application data of the server
}

type rdpStage uint8

const (
	rdpRequest rdpStage = iota
	rdpConfirm
	rdpSealed // TLS with network level authentication
)

const (
	// rdpProof is what the proof takes at least, in bytes: the third message of NTLM, or
	// a ticket, and the server's key sealed.
	rdpProof = 500
	// rdpDesktop is what a server sends at least until a desktop is there, in bytes.
	rdpDesktop = 8 << 10

	rdpHybrid, rdpHybridEx = 2, 8
)

// matchRDP: a TPKT with a connection request of X.224.
func matchRDP(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	for i, want := range [...]byte{3, 0, 0, 0, 0, 0xe0} {
		switch {
		case i >= len(b):
			return talk.Unsure, talk.FromClient
		case i == 2 && b[i] < 2, i == 3, i == 4:
		case b[i] != want:
			return talk.No, talk.FromClient
		}
	}
	return talk.Yes, talk.FromClient
}

func (r *rdpTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	if r.stage == rdpSealed {
		return r.record(c, from, b)
	}
	const head, fixed = 4, 11
	if len(b) < head {
		return 0
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if b[0] != 3 || n < fixed || n > 4<<10 {
		c.Finish()
		return len(b)
	}
	if len(b) < n {
		return 0
	}
	switch {
	case from == talk.FromClient && r.stage == rdpRequest:
		r.stage = rdpConfirm
		if _, after, ok := bytes.Cut(b[fixed:n], []byte("mstshash=")); ok {
			user, _, _ := bytes.Cut(after, []byte("\r"))
			r.user = talk.Text(user)
		}
	case from == talk.FromServer && r.stage == rdpConfirm:
		r.confirm(c, b[fixed:n])
	default:
		c.Finish()
	}
	return n
}

// confirm reads what the server chose.
func (r *rdpTalk) confirm(c *talk.Conversation, b []byte) {
	const chosen = 2
	if len(b) == 8 && b[0] == chosen {
		if p := binary.LittleEndian.Uint32(b[4:]); p == rdpHybrid || p == rdpHybridEx {
			r.stage = rdpSealed
			return
		}
	} else if len(b) == 8 {
		c.Finish() // a refusal
		return
	}
	c.TellLogin(r.user, haechi.Unknown, "desktop")
	c.Become(nil)
}

// record counts the bytes of a TLS record with application data.
func (r *rdpTalk) record(c *talk.Conversation, from talk.Side, b []byte) int {
	const head, data = 5, 23
	if len(b) < head {
		return 0
	}
	n := int64(binary.BigEndian.Uint16(b[3:]))
	if b[0] < 20 || b[0] > data || b[1] != 3 {
		c.Finish()
		return len(b)
	}
	c.Pass(from, n)
	if b[0] == data && from == talk.FromClient {
		r.spoke += n
	} else if b[0] == data {
		if r.shown += n; r.shown >= rdpDesktop && r.spoke >= rdpProof {
			c.TellLogin(r.user, haechi.Success, "nla")
			c.Finish()
		}
	}
	return head
}

func (r *rdpTalk) Miss(*talk.Conversation, talk.Side) bool { return false }

func (r *rdpTalk) End(c *talk.Conversation) {
	if r.stage == rdpSealed && r.spoke >= rdpProof && !c.Done() {
		c.TellLogin(r.user, haechi.Failure, "nla")
	}
}
