package naming

import (
	"haechi/internal/brick/ja4"
	"haechi/internal/brick/quicinitial"
	"haechi/internal/brick/tlshello"
	"haechi/internal/sensor/talk"
)

// quicTalk tells of the client hello in the Initial packets of a QUIC connection, and
// hears nothing after it. The hello may come in pieces, in any order, over several
// packets; after a Retry the keys follow from the number that the server chose.
type quicTalk struct {
	hello     *reader
	keys      *quicinitial.Keys
	shake     quicinitial.Handshake
	datagrams int
	from      talk.Side // who the pieces come from
}

const (
	// quicDatagrams is how many datagrams may come before the hello is whole: a hello of
	// 16 KiB takes 14.
	quicDatagrams = 40
	// quicHello bounds the hello, in bytes.
	quicHello = 12 << 10
	// quicLeast is the size of the smallest datagram with a client's Initial packet
	// (RFC 9000 section 14.1).
	quicLeast = 1200
)

// matchQUIC: a long header of a version that is known, or in a datagram that is as long as
// a client's first one must be; there, the version may be one that no server knows.
func matchQUIC(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	if _, ok := quicinitial.Read(b); ok || b[0]&0xc0 == 0xc0 && len(b) >= quicLeast {
		return talk.Yes, talk.FromClient
	}
	return talk.No, talk.FromClient
}

func (q *quicTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	q.datagrams++
	for rest := b; len(rest) > 0; {
		h, ok := quicinitial.Read(rest)
		if !ok {
			break
		}
		if h.Initial && q.take(c, from, rest, &h) {
			c.Finish()
			return len(b)
		}
		rest = rest[h.End():]
	}
	if q.datagrams >= quicDatagrams {
		c.Finish()
	}
	return len(b)
}

// take opens a packet, and returns true when the hello is whole.
func (q *quicTalk) take(c *talk.Conversation, from talk.Side, packet []byte, h *quicinitial.Header) bool {
	frames, ok := q.open(c, packet, h)
	if !ok {
		return false
	}
	if from != q.from {
		q.from, q.shake = from, quicinitial.Handshake{}
	}
	buf := c.Keep(quicHello)
	if buf == nil {
		return false
	}
	q.shake.Take(buf, frames)
	msg := buf[:q.shake.Have()]
	n, ok := tlshello.Size(msg)
	if ok && (n == 0 || n > len(msg)) {
		return false
	}
	c.Turn(from == talk.FromServer)
	if ok {
		q.hello.tell(c, msg, ja4.QUIC)
	}
	return true
}

// open opens a packet with the keys at hand, or with those of its own connection number.
func (q *quicTalk) open(c *talk.Conversation, packet []byte, h *quicinitial.Header) (frames []byte, ok bool) {
	dst := c.Scratch()[:0]
	if q.keys != nil {
		if frames, ok = q.keys.Open(dst, packet, h); ok {
			return frames, true
		}
	}
	keys, ok := quicinitial.ForClient(h.Version, h.DCID)
	if !ok {
		return nil, false
	}
	if frames, ok = keys.Open(dst, packet, h); ok {
		q.keys = keys
		q.shake = quicinitial.Handshake{} // another connection, or another try
	}
	return frames, ok
}

func (q *quicTalk) Miss(*talk.Conversation, talk.Side) bool { return true }
func (q *quicTalk) End(*talk.Conversation)                  {}
