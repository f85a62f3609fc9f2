package login

import (
	"bytes"

	"haechi"
	"haechi/internal/sensor/talk"
)

// telnetTalk tells of Telnet logins by what the server shows: behind a prompt for a user
// and one for a password, words of refusal or the same prompt again are a failure, a shell's
// prompt or words of welcome a success. A session that ends before either is unknown.
// After a success nothing more is heard.
type telnetTalk struct {
	pair   pair
	sides  [2]telnetSide
	expect telnetPrompt
	// judged: a password was sent, and the server's words about it are awaited.
	judged bool
}

type telnetPrompt uint8

const (
	noPrompt telnetPrompt = iota
	userPrompt
	passwordPrompt
)

// telnetSide is the present line of a side, without commands.
type telnetSide struct {
	line [128]byte
	n    int
	skip telnetSkip
}

// telnetSkip is where in a command a side is (RFC 854).
type telnetSkip uint8

const (
	telnetText telnetSkip = iota
	telnetCommand
	telnetOption
	telnetSub    // within a subnegotiation
	telnetSubEnd // there, after an IAC
)

const (
	iac  = 255
	subs = 250
	subE = 240
)

// matchTelnet: a negotiation of options.
func matchTelnet(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	switch {
	case b[0] != iac:
		return talk.No, talk.FromClient
	case len(b) < 3:
		return talk.Unsure, talk.FromClient
	case b[1] > subs && b[1] < iac && b[2] <= 50:
		return talk.Yes, talk.FromClient
	}
	return talk.No, talk.FromClient
}

// matchTelnetPort: text on its port.
func matchTelnetPort(c *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	if c.Port(23) && (talk.Plain(b[:1]) || b[0] == '\r' || b[0] == '\n' || b[0] == 27) {
		return talk.Yes, talk.FromClient
	}
	return talk.No, talk.FromClient
}

func makeTelnet(c *talk.Conversation) talk.Speaker {
	c.Turn(false) // both negotiate; the flow knows who began
	return &telnetTalk{}
}

func (t *telnetTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	s := &t.sides[from]
	for _, ch := range b {
		if c.Done() {
			break
		}
		if !s.text(ch) {
			continue
		}
		switch {
		case from == talk.FromClient && (ch == '\r' || ch == '\n' || ch == 0):
			if s.n > 0 || ch == '\r' {
				t.entered(c, s.line[:s.n])
			}
			s.n = 0
		case from == talk.FromServer && (ch == '\r' || ch == '\n'):
			t.shown(c, s.line[:s.n], true)
			s.n = 0
		case ch == 8 || ch == 127:
			s.n = max(0, s.n-1)
		case s.n < len(s.line):
			s.line[s.n] = ch
			s.n++
			if from == talk.FromServer && (ch == ':' || ch == ' ' || ch == '#' || ch == '$' || ch == '>') {
				t.shown(c, s.line[:s.n], false)
			}
		}
	}
	return len(b)
}

// text reports whether a byte is text, and follows commands.
func (s *telnetSide) text(ch byte) bool {
	switch s.skip {
	case telnetCommand:
		switch {
		case ch == iac:
			s.skip = telnetText
			return true
		case ch == subs:
			s.skip = telnetSub
		case ch > subs:
			s.skip = telnetOption
		default:
			s.skip = telnetText
		}
		return false
	case telnetOption:
		s.skip = telnetText
		return false
	case telnetSub:
		if ch == iac {
			s.skip = telnetSubEnd
		}
		return false
	case telnetSubEnd:
		s.skip = telnetSub
		if ch == subE {
			s.skip = telnetText
		}
		return false
	}
	if ch == iac {
		s.skip = telnetCommand
		return false
	}
	return true
}

// entered takes a line of the client.
func (t *telnetTalk) entered(c *talk.Conversation, line []byte) {
	switch t.expect {
	case userPrompt:
		if len(line) == 0 {
			return
		}
		t.pair.named(line)
	case passwordPrompt:
		t.pair.proved(c, line)
		t.judged = true
		clear(line)
	}
	t.expect = noPrompt
}

// shown takes what the server's present line says so far, or at its end.
func (t *telnetTalk) shown(c *talk.Conversation, line []byte, whole bool) {
	if len(line) == 0 {
		return
	}
	low := bytes.ToLower(line)
	if t.judged && contains(low, "incorrect", "fail", "invalid", "denied", "bad password", "wrong", "error", "refused", "reject") {
		t.judge(c, haechi.Failure)
	}
	switch prompt := promptOf(low); {
	case whole && t.judged && contains(low, "last login", "welcome", "busybox"):
		t.judge(c, haechi.Success)
	case whole:
	case prompt != noPrompt:
		if t.judged {
			t.judge(c, haechi.Failure)
		}
		t.expect = prompt
	case t.judged && shellPrompt(low):
		t.judge(c, haechi.Success)
	}
}

func (t *telnetTalk) judge(c *talk.Conversation, outcome haechi.Outcome) {
	t.judged = false
	c.TellLogin(t.pair.user, outcome, t.pair.kind("password"))
	if outcome == haechi.Success {
		c.Finish()
	}
}

func contains(line []byte, words ...string) bool {
	for _, w := range words {
		if bytes.Contains(line, []byte(w)) {
			return true
		}
	}
	return false
}

// promptOf says what a line asks for.
func promptOf(line []byte) telnetPrompt {
	line = bytes.TrimRight(line, " ")
	if len(line) == 0 || line[len(line)-1] != ':' {
		return noPrompt
	}
	line = bytes.TrimRight(line[:len(line)-1], " ")
	for _, w := range [...]string{"login", "username", "user name", "user", "account"} {
		if bytes.HasSuffix(line, []byte(w)) && !bytes.HasSuffix(line, []byte("last login")) {
			return userPrompt
		}
	}
	for _, w := range [...]string{"password", "passwd", "passcode"} {
		if bytes.HasSuffix(line, []byte(w)) {
			return passwordPrompt
		}
	}
	return noPrompt
}

// shellPrompt reports whether a line is what a shell shows while it waits: it ends with one
// of its signs and a space, or is a sign alone.
func shellPrompt(line []byte) bool {
	n := len(line)
	if n == 1 {
		return line[0] == '#' || line[0] == '$' || line[0] == '>'
	}
	last := line[n-1]
	if last == ' ' {
		last = line[n-2]
	}
	return last == '#' || last == '$' || last == '>'
}

func (t *telnetTalk) Miss(_ *talk.Conversation, from talk.Side) bool {
	t.sides[from] = telnetSide{}
	return true
}

func (t *telnetTalk) End(c *talk.Conversation) {
	if t.judged {
		t.judge(c, haechi.Unknown)
	}
}
