package web

import "haechi/internal/sensor/talk"

// socksTalk passes the greeting of a SOCKS proxy (version 4, 4a and RFC 1928) and hands
// what is said through it to whoever understands that. It tells nothing of its own.
type socksTalk struct {
	version byte
	stage   socksStage
}

type socksStage uint8

const (
	socksGreeting socksStage = iota
	socksMethod              // the server's choice comes next
	socksRequest             // the client's request comes next
	socksAnswer              // the server's answer comes next
)

// matchSOCKS: a version 5 greeting that offers common methods only, or a version 4 request.
func matchSOCKS(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	switch {
	case b[0] == 4 && len(b) >= 2:
		if b[1] != 1 {
			return talk.No, talk.FromClient
		}
		return socks4(b), talk.FromClient
	case b[0] != 4 && b[0] != 5:
		return talk.No, talk.FromClient
	case len(b) < 2:
		return talk.Unsure, talk.FromClient
	}
	n := int(b[1])
	if n == 0 || n > 4 || len(b) > 2+n {
		return talk.No, talk.FromClient
	}
	for _, m := range b[2:] {
		if m > 2 { // none, GSSAPI, user and password
			return talk.No, talk.FromClient
		}
	}
	if len(b) < 2+n {
		return talk.Unsure, talk.FromClient
	}
	return talk.Yes, talk.FromClient
}

func socks4(b []byte) talk.Verdict {
	switch n, ok := socks4Size(b); {
	case ok && n == len(b):
		return talk.Yes
	case ok || len(b) > 300:
		return talk.No
	}
	return talk.Unsure
}

// socks4Size is the size of a version 4 request: the user, and behind an address of
// 0.0.0.x the host, end with a zero byte.
func socks4Size(b []byte) (n int, ok bool) {
	const head = 8
	if len(b) < head {
		return 0, false
	}
	texts := 1
	if b[4] == 0 && b[5] == 0 && b[6] == 0 && b[7] != 0 {
		texts = 2
	}
	for n = head; n < len(b); n++ {
		if b[n] == 0 {
			if texts--; texts == 0 {
				return n + 1, true
			}
		}
	}
	return 0, false
}

func (s *socksTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	used := 0
	switch {
	case s.stage == socksGreeting && from == talk.FromClient:
		s.version = b[0]
		if used = 2 + int(b[min(1, len(b)-1)]); s.version == 4 {
			used, _ = socks4Size(b)
			s.stage = socksAnswer
		} else {
			s.stage = socksMethod
		}
	case s.stage == socksMethod && from == talk.FromServer:
		if len(b) < 2 {
			return 0
		}
		used, s.stage = 2, socksRequest
		if b[1] != 0 { // what a login looks like there, or a refusal
			c.Finish()
		}
	case s.stage == socksRequest && from == talk.FromClient:
		if used = socks5Size(b); used > 0 {
			s.stage = socksAnswer
		}
	case s.stage == socksAnswer && from == talk.FromServer:
		used = s.answer(c, b)
	default:
		c.Finish()
	}
	if used < 0 {
		c.Finish()
		return len(b)
	}
	return used
}

// answer reads the proxy's last word: behind it, others speak.
func (s *socksTalk) answer(c *talk.Conversation, b []byte) (used int) {
	good := byte(0)
	if used = socks5Size(b); s.version == 4 {
		good, used = 90, 0
		if len(b) >= 8 {
			used = 8
		}
	}
	if used <= 0 {
		return used
	}
	if b[1] != good {
		c.Finish()
	}
	c.Become(nil)
	return used
}

// socks5Size is the size of a request or an answer, 0 while it is incomplete, -1 if it is
// neither.
func socks5Size(b []byte) int {
	if len(b) < 5 {
		return 0
	}
	n := 0
	switch b[3] {
	case 1:
		n = 4 + 4 + 2
	case 3:
		n = 4 + 1 + int(b[4]) + 2
	case 4:
		n = 4 + 16 + 2
	}
	if b[0] != 5 || n == 0 {
		return -1
	}
	if len(b) < n {
		return 0
	}
	return n
}

func (s *socksTalk) Miss(*talk.Conversation, talk.Side) bool { return false }
func (s *socksTalk) End(*talk.Conversation)                  {}
