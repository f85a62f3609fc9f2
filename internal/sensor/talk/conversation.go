package talk

import (
	"encoding/base64"
	"time"

	"haechi"
	"haechi/internal/sensor"
)

// Conversation is what is known of one. It is used again, so that it is only valid within
// a call.
type Conversation struct {
	l       *Listener
	speaker Speaker // nil until somebody understands
	// protocol is the name once it is known.
	protocol string
	id       uint32 // 0 while the slot is free
	used     uint32 // how often the slot was used
	heard    [2]bool
	// turned says that the flow's client is the one who answers, because the flow's
	// begin was not seen.
	turned bool
	done   bool // nobody wants to hear more
	failed bool // a parser panicked
	sides  [2]stream
	ends   sensor.Ends
	start  time.Time
}

// Pass leaves out the next n bytes of a side, besides what Hear says that it used.
func (c *Conversation) Pass(from Side, n int64) {
	if n > 0 {
		c.sides[c.flip(from)].skip += n
	}
}

// Passing is how many bytes of a side are still to be left out.
func (c *Conversation) Passing(from Side) int64 { return c.sides[c.flip(from)].skip }

// Finish says that nobody wants to hear more.
func (c *Conversation) Finish() { c.done = true }

// Done reports whether somebody said so.
func (c *Conversation) Done() bool { return c.done }

// Become gives the rest of the conversation to another speaker; with nil, to whoever
// recognises it.
func (c *Conversation) Become(s Speaker) { c.speaker = s }

// Turn says who is the protocol's client: the flow's, or with true the other side.
func (c *Conversation) Turn(turned bool) { c.turned = turned }

// Port reports whether one of the two ends uses the port.
func (c *Conversation) Port(p uint16) bool {
	return c.ends.Server.Port() == p || c.ends.Client.Port() == p
}

// Stream reports whether the conversation is over TCP.
func (c *Conversation) Stream() bool { return c.ends.Transport == haechi.TCP }

// Protocol is the name of what is spoken; SetProtocol changes it.
func (c *Conversation) Protocol() string { return c.protocol }

// SetProtocol names what is spoken.
func (c *Conversation) SetProtocol(name string) { c.protocol = name }

// Now is the time of what is heard.
func (c *Conversation) Now() time.Time { return c.l.now }

// ScratchSize is the size of the scratch buffer, in bytes.
const ScratchSize = 32 << 10

// Scratch is a buffer for what must lie in one piece, valid during one call of Hear.
func (c *Conversation) Scratch() []byte { return c.l.scratch }

// Keep lends a buffer of n bytes for the time of a conversation over UDP, the same one at
// each call; nil when too much is lent, and the conversation is finished then.
func (c *Conversation) Keep(n int) []byte {
	st := &c.sides[FromClient]
	if st.held == nil {
		if st.held = c.l.bytes.take(n); st.held == nil {
			c.starve()
			return nil
		}
	}
	return st.held[:n]
}

// Listed names the list of default credentials on which a pair is, "" for none.
func (c *Conversation) Listed(user, password []byte) string {
	if c.l.cfg.Default == nil {
		return ""
	}
	return c.l.cfg.Default(user, password)
}

// Unbase64 decodes into the scratch buffer; what does not decode ends it.
func (c *Conversation) Unbase64(b []byte) []byte {
	dst := c.l.scratch
	if base64.StdEncoding.DecodedLen(len(b)) > len(dst) {
		return nil
	}
	n, _ := base64.StdEncoding.Decode(dst, b) // what came before a mistake counts
	return dst[:n]
}

// flip turns a side of the flow into one of the protocol, and back.
func (c *Conversation) flip(s Side) Side {
	if c.turned {
		return s.other()
	}
	return s
}
