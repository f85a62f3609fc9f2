package talk

// speaker understands one protocol in one conversation. It is told what each side says:
// fromClient is the protocol's client, which is the flow's but where the flow's begin was
// not seen.
type speaker interface {
	// hear is given what one side said and was not used yet, in order; of UDP, one
	// datagram. It returns how many bytes it used: 0 while a message is incomplete. It
	// is called again while it uses something, and when more has come. Where what it
	// heard ends what it wants to know it sets done.
	hear(c *conversation, from side, b []byte) (used int)
	// miss tells that bytes are missing before what is heard next. It returns false when
	// it cannot go on without them.
	miss(c *conversation, from side) bool
	// end is the end of the conversation.
	end(c *conversation)
}

// pass leaves out the next n bytes of a side, besides what hear said that it used.
func (c *conversation) pass(from side, n int64) {
	if n > 0 {
		c.sides[c.flip(from)].skip += n
	}
}

// finish says that nobody wants to hear more.
func (c *conversation) finish() { c.done = true }

// become gives the rest of the conversation to another speaker; with nil, to whoever
// recognises it.
func (c *conversation) become(s speaker) { c.speaker = s }

// flip turns a side of the flow into one of the protocol, and back.
func (c *conversation) flip(s side) side {
	if c.turned {
		return s.other()
	}
	return s
}
