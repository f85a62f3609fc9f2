package login

import (
	"bytes"
	"encoding/binary"
	"time"

	"haechi"
	"haechi/internal/sensor/talk"
)

// sshTalk tells of SSH logins by the sizes of what is said, because after the exchange of
// keys everything is encrypted. The sizes follow from RFC 4252 and RFC 4253, and hold for
// all ciphers and MACs in use, which pad to 8 or 16 bytes and add a constant:
//
//   - The server's first encrypted answer to the client is SERVICE_ACCEPT, 17 bytes before
//     padding. What comes before the client spoke (EXT_INFO) does not count.
//   - SUCCESS is 1 byte before padding, and so exactly 16 bytes shorter on the wire. No
//     other answer is.
//   - FAILURE names the methods that can go on, at least as many bytes as SERVICE_ACCEPT,
//     and has the same size each time. The first one answers the method "none", by which
//     clients ask what there is, so it is no attempt; each further one of that size is a
//     failed attempt, a key that was not accepted among them.
//   - Other sizes are questions (keyboard-interactive, "this key would do").
//
// A failure whose request was long enough for an RSA key has the Type "publickey": an agent
// with several keys has them before each login. Failures and a success of one connection
// have the same Port.
//
// Clients that do not ask with "none" have one failure fewer told, but for a connection
// that ends within 3 seconds of its only failure: that was an attempt. After a success
// nothing more is heard. The client's version is the UserAgent.
//
// One segment is taken for one message of the server, which is what servers do while they
// log somebody in; where segments are cut otherwise, attempts are missed, not invented.
type sshTalk struct {
	sides  [2]sshSide
	agent  string
	accept int  // size of SERVICE_ACCEPT, 0 before
	fail   int  // size of FAILURE, 0 before
	other  int  // size of an answer that was neither, if it was the last one
	odd    bool // there was such an answer
	count  int  // failures
	asked  int  // bytes that the client said since the server's last answer
	failed time.Time
}

type sshSide struct {
	banner, sealed bool
}

const (
	sshNewKeys = 21
	// sshPacket bounds a packet in clear (RFC 4253 section 6.1), in bytes.
	sshPacket = 35000
	// sshLess is by how much SUCCESS is shorter than SERVICE_ACCEPT.
	sshLess = 16
	// sshMethods bounds how much longer than SERVICE_ACCEPT a FAILURE is: a list of six methods.
	sshMethods = 128
	// sshKey is how much longer than SERVICE_ACCEPT the offer of an RSA key is, at least: a
	// password is padded to less.
	sshKey = 192
	// sshSoon is how soon after its only failure a program that guesses hangs up.
	sshSoon = 3 * time.Second
)

// matchSSH: the banner, which both sides send.
func matchSSH(c *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	v := talk.Begins(b, "SSH-")
	if v == talk.No {
		return talk.No, talk.FromClient
	}
	if len(b) > 4 && b[4] != '1' && b[4] != '2' {
		return talk.No, talk.FromClient
	}
	if len(b) < 5 {
		return talk.Unsure, talk.FromClient
	}
	return talk.Yes, talk.FromClient
}

func makeSSH(c *talk.Conversation) talk.Speaker {
	c.Turn(false) // both say the same; the flow knows who began
	return &sshTalk{}
}

func (s *sshTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	sd := &s.sides[from]
	switch {
	case sd.sealed:
		s.message(c, from, len(b))
		return len(b)
	case !sd.banner:
		return s.banner(c, from, b)
	}
	const head = 6
	if len(b) < head {
		return 0
	}
	n := int(binary.BigEndian.Uint32(b))
	if n < 2 || n > sshPacket {
		c.Finish()
		return len(b)
	}
	sd.sealed = b[5] == sshNewKeys
	c.Pass(from, int64(4+n-head))
	return head
}

// banner reads lines to the version.
func (s *sshTalk) banner(c *talk.Conversation, from talk.Side, b []byte) int {
	line, used := takeLine(b)
	switch {
	case used < 0:
		c.Finish()
		return len(b)
	case used == 0:
		return 0
	case !bytes.HasPrefix(line, []byte("SSH-")):
		return used
	case !bytes.HasPrefix(line, []byte("SSH-2")) && !bytes.HasPrefix(line, []byte("SSH-1.99")):
		c.Finish()
	}
	s.sides[from].banner = true
	if from == talk.FromClient {
		s.agent = talk.Text(line)
	}
	return used
}

// message takes the size of an encrypted segment.
func (s *sshTalk) message(c *talk.Conversation, from talk.Side, n int) {
	if from == talk.FromClient {
		s.asked += n
		return
	}
	asked := s.asked
	s.asked = 0
	if asked == 0 {
		return
	}
	switch {
	case s.accept == 0:
		if s.accept = n; n < 2*sshLess-4 || n > 2*sshMethods {
			c.Finish()
		}
	case n == s.accept-sshLess:
		s.tell(c, haechi.Success, "")
		c.Finish()
	case n < s.accept-8 || n > s.accept+sshMethods:
	case s.fail == 0:
		s.fail, s.count, s.failed = n, 1, c.Now()
	case n == s.fail, n == s.other && s.count == 1: // the first one came with a banner
		s.fail, s.failed, s.other = n, c.Now(), 0
		s.count++
		kind := ""
		if asked > s.accept+sshKey {
			kind = "publickey"
		}
		s.tell(c, haechi.Failure, kind)
	default:
		s.other, s.odd = n, true
	}
}

func (s *sshTalk) tell(c *talk.Conversation, outcome haechi.Outcome, kind string) {
	e := c.About(haechi.KindAuth)
	e.Outcome, e.UserAgent, e.Type = outcome, s.agent, kind
	c.Tell()
}

func (s *sshTalk) Miss(*talk.Conversation, talk.Side) bool { return false }

func (s *sshTalk) End(c *talk.Conversation) {
	if s.count == 1 && !s.odd && !c.Done() && c.Now().Sub(s.failed) <= sshSoon {
		s.tell(c, haechi.Failure, "")
	}
}
