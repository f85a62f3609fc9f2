package simulate

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// TCP flags (RFC 9293).
const (
	fin, syn, rst, psh, ack = 1, 2, 4, 8, 16
)

const (
	mss = 1460
	// offloaded is how much a card that cuts segments itself is handed at once: thirty.
	offloaded = 30 * mss
	// shown is how much is captured of what carries nothing that anybody reads.
	shown = 64
)

// conversation is one TCP connection, at the moment that the two ends have reached.
type conversation struct {
	s              *stage
	client, server netip.AddrPort
	sent, answered uint32 // the next sequence numbers
	at             time.Duration
	way            time.Duration // from end to end
}

// reach is how long a packet takes between two hosts: within a site, or through the
// Internet.
func reach(a, b netip.Addr) time.Duration {
	if a.IsPrivate() && b.IsPrivate() {
		return 150 * time.Microsecond
	}
	return 9 * time.Millisecond
}

// call prepares a connection that has not begun.
func (s *stage) call(at time.Duration, from netip.Addr, to netip.AddrPort) *conversation {
	return &conversation{s: s, client: netip.AddrPortFrom(from, s.ephemeral()), server: to,
		sent: s.rng.Uint32(), answered: s.rng.Uint32(), at: at, way: reach(from, to.Addr())}
}

// open completes the three-way handshake.
func (s *stage) open(at time.Duration, from netip.Addr, to netip.AddrPort) *conversation {
	c := s.call(at, from, to)
	c.begin()
	c.up(ack, nil, 0)
	return c
}

// begin sends a SYN and what an open port answers.
func (c *conversation) begin() {
	c.up(syn, nil, 0)
	c.at += c.way
	c.down(syn|ack, nil, 0)
	c.at += c.way
}

// refused tries a port that is closed.
func (s *stage) refused(at time.Duration, from netip.Addr, to netip.AddrPort) {
	c := s.call(at, from, to)
	c.up(syn, nil, 0)
	c.at += c.way
	c.down(rst|ack, nil, 0)
}

// up and down send one segment each, of which size bytes of payload are sent.
func (c *conversation) up(flags byte, payload []byte, size int) {
	c.s.segment(c.at, c.client, c.server, c.sent, c.answered, flags, payload, size)
	c.sent += uint32(size) + uint32(flags&syn)>>1 + uint32(flags&fin)
}

func (c *conversation) down(flags byte, payload []byte, size int) {
	c.s.segment(c.at, c.server, c.client, c.answered, c.sent, flags, payload, size)
	c.answered += uint32(size) + uint32(flags&syn)>>1 + uint32(flags&fin)
}

// ask is what the client says, acknowledged.
func (c *conversation) ask(b []byte) {
	for len(b) > 0 {
		n := min(len(b), mss)
		c.up(flagsOf(n == len(b)), b[:n], n)
		b = b[n:]
	}
	c.at += c.way
	c.down(ack, nil, 0)
}

// tell is what the server says, acknowledged.
func (c *conversation) tell(b []byte) {
	for len(b) > 0 {
		n := min(len(b), mss)
		c.down(flagsOf(n == len(b)), b[:n], n)
		b = b[n:]
	}
	c.at += c.way
	c.up(ack, nil, 0)
}

func flagsOf(last bool) byte {
	if last {
		return psh | ack
	}
	return ack
}

// pour lets one side send so many bytes at a rate of bytes a second, in the portions of a
// card with offload; of their payload only the beginning is captured.
func (c *conversation) pour(n, rate int, upwards bool) {
	for n > 0 {
		size := min(n, offloaded)
		n -= size
		some := c.s.noise(min(shown, size))
		if upwards {
			c.up(flagsOf(n == 0), some, size)
		} else {
			c.down(flagsOf(n == 0), some, size)
		}
		c.at += max(2*c.way, time.Duration(size)*time.Second/time.Duration(rate))
		if upwards {
			c.down(ack, nil, 0)
		} else {
			c.up(ack, nil, 0)
		}
	}
}

// wait lets time pass.
func (c *conversation) wait(d time.Duration) { c.at += d }

// end closes both sides, the client first.
func (c *conversation) end() {
	c.up(fin|ack, nil, 0)
	c.at += c.way
	c.down(fin|ack, nil, 0)
	c.at += c.way
	c.up(ack, nil, 0)
}

// reset is how a scanner leaves.
func (c *conversation) reset() { c.up(rst|ack, nil, 0) }

// segment sends TCP (RFC 9293); a SYN has the option of the segment size.
func (s *stage) segment(at time.Duration, from, to netip.AddrPort, seq, number uint32, flags byte, payload []byte, size int) {
	b := make([]byte, 20, 24+len(payload))
	binary.BigEndian.PutUint16(b, from.Port())
	binary.BigEndian.PutUint16(b[2:], to.Port())
	binary.BigEndian.PutUint32(b[4:], seq)
	if flags&ack != 0 {
		binary.BigEndian.PutUint32(b[8:], number)
	}
	b[12], b[13] = 5<<4, flags
	binary.BigEndian.PutUint16(b[14:], 64240)
	if flags&syn != 0 {
		b[12] = 6 << 4
		b = binary.BigEndian.AppendUint16(append(b, 2, 4), mss)
	}
	head := len(b)
	b = append(b, payload...)
	binary.BigEndian.PutUint16(b[16:], checksum(pseudo(from.Addr(), to.Addr(), protoTCP, head+size), b))
	s.send(at, from.Addr(), to.Addr(), protoTCP, b, head+size)
}
