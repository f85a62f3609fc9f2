package talk

// Speaker understands one protocol in one conversation. It is told what each side says:
// FromClient is the protocol's client, which is the flow's but where the flow's begin was
// not seen.
type Speaker interface {
	// Hear is given what one side said and was not used yet, in order; of UDP, one
	// datagram. It returns how many bytes it used: 0 while a message is incomplete. It
	// is called again while it uses something, and when more has come. Where it knows
	// all that it wants to know, it calls Finish.
	Hear(c *Conversation, from Side, b []byte) (used int)
	// Miss tells that bytes are missing before what is heard next. It returns false when
	// it cannot go on without them.
	Miss(c *Conversation, from Side) bool
	// End is the end of the conversation.
	End(c *Conversation)
}

// Side is one of the two who speak.
type Side uint8

// The sides.
const (
	FromClient Side = iota
	FromServer
)

func (s Side) other() Side { return 1 - s }

// Verdict is what a recogniser thinks of the first bytes that a side said.
type Verdict uint8

// The verdicts. Unsure means that more bytes would tell.
const (
	No Verdict = iota
	Unsure
	Yes
)

// Accent recognises one protocol.
type Accent struct {
	// Name is the protocol's, "" where the speaker finds it out.
	Name string
	UDP  bool
	// Hint says that a port was needed: others are asked first.
	Hint bool
	// Match looks at what a side of the flow said so far, at least one byte. speaks is
	// the side of the protocol that says such things. It allocates nothing.
	Match func(c *Conversation, b []byte) (v Verdict, speaks Side)
	Make  func(c *Conversation) Speaker
}

// Begins reports whether the bytes begin with a word: unsure when they are its beginning.
func Begins(b []byte, word string) Verdict {
	switch n := min(len(b), len(word)); {
	case string(b[:n]) != word[:n]:
		return No
	case n < len(word):
		return Unsure
	}
	return Yes
}
