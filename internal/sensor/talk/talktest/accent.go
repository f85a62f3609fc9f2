package talktest

import (
	"bytes"

	"haechi"
	"haechi/internal/sensor/talk"
)

// Hello is what stands for a TLS client hello in the tests of protocols that turn to TLS.
func Hello(name string) Said { return In("\x16" + name + "\n") }

// Hellos understands what Hello says: each line is told as a hello. Bytes that are missing
// are told as one with the name "missing".
func Hellos() []talk.Accent {
	return []talk.Accent{{Name: "tls", Make: func(*talk.Conversation) talk.Speaker { return hello{} },
		Match: func(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
			return talk.Begins(b, "\x16"), talk.FromClient
		}}}
}

type hello struct{}

func (hello) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	i := bytes.IndexByte(b, '\n')
	switch {
	case from == talk.FromServer:
		return len(b)
	case i < 0:
		return 0
	}
	hello{}.tell(c, talk.Text(bytes.TrimPrefix(b[:i], []byte{0x16})))
	return i + 1
}

func (hello) tell(c *talk.Conversation, name string) {
	e := c.About(haechi.KindHello)
	e.Name = name
	c.Tell()
}

func (h hello) Miss(c *talk.Conversation, _ talk.Side) bool {
	h.tell(c, "missing")
	return true
}

func (hello) End(*talk.Conversation) {}
