package login

import (
	"encoding/binary"

	"haechi"
	"haechi/internal/sensor/talk"
)

// vncTalk tells of logins to VNC with a password (RFC 6143 section 7.2.2): the server's
// result is 0 for a success. Other ways to log in are not told.
type vncTalk struct {
	old   bool // version 3.3, where the server chooses
	stage vncStage
	spoke [2]bool
}

type vncStage uint8

const (
	vncVersion vncStage = iota
	vncTypes            // the server's list comes next
	vncChoice           // the client's choice
	vncChallenge
	vncResponse
	vncResult
)

const (
	vncPassword = 2
	vncGreeting = 12 // bytes
)

// matchVNC: the greeting, which the server says first.
func matchVNC(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	return talk.Begins(b, "RFB 003."), talk.FromServer
}

func (v *vncTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	if !v.spoke[from] {
		if len(b) < vncGreeting {
			return 0
		}
		v.spoke[from] = true
		v.old = v.old || string(b[:vncGreeting]) < "RFB 003.007\n"
		if v.spoke[from] && from == talk.FromClient {
			v.stage = vncTypes
		}
		return vncGreeting
	}
	server := v.stage == vncTypes || v.stage == vncChallenge || v.stage == vncResult
	if server != (from == talk.FromServer) {
		return 0
	}
	used, next := v.step(c, b)
	if used < 0 {
		c.Finish()
		return len(b)
	}
	if used > 0 {
		v.stage = next
	}
	return used
}

// step takes what is said at a stage: how many bytes, 0 while it is incomplete, -1 when no
// password is asked for.
func (v *vncTalk) step(c *talk.Conversation, b []byte) (used int, next vncStage) {
	const challenge, result = 16, 4
	need := func(n int) bool { return len(b) >= n }
	switch v.stage {
	case vncTypes:
		if v.old && need(result) {
			if binary.BigEndian.Uint32(b) != vncPassword {
				return -1, 0
			}
			return result, vncChallenge
		}
		if !v.old && need(1+int(b[0])) {
			if b[0] == 0 {
				return -1, 0
			}
			return 1 + int(b[0]), vncChoice
		}
	case vncChoice:
		if b[0] != vncPassword {
			return -1, 0
		}
		return 1, vncChallenge
	case vncChallenge, vncResponse:
		if need(challenge) {
			return challenge, v.stage + 1
		}
	case vncResult:
		if need(result) {
			outcome := haechi.Failure
			if binary.BigEndian.Uint32(b) == 0 {
				outcome = haechi.Success
			}
			c.TellLogin("", outcome, "password")
			return -1, 0
		}
	}
	return 0, 0
}

func (v *vncTalk) Miss(*talk.Conversation, talk.Side) bool { return false }
func (v *vncTalk) End(*talk.Conversation)                  {}
