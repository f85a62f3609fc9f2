package sensor

import (
	"net/netip"
	"time"

	"haechi"
)

// Ends are the two ends of a conversation. Client spoke first.
type Ends struct {
	Client, Server netip.AddrPort
	Transport      haechi.Transport
}

// Segment is a piece of one direction of a conversation. Bytes are borrowed until the
// call returns.
type Segment struct {
	Time       time.Time
	FromClient bool
	// Seq is the TCP sequence number of the first byte; unused for UDP.
	Seq uint32
	// Ack is the sequence number that the sender waits for from the other side, 0 if the
	// packet does not say.
	Ack uint32
	// Start is the sequence number of the client's first byte, with the first segment of
	// a conversation whose SYN was seen, whichever side sent it; else 0.
	Start uint32
	// Bytes may be fewer than Length, the size that the packet's headers state, when the
	// capture cut the packet.
	Bytes  []byte
	Length int
}

// Listener is whoever understands what is said in a conversation. It is used by one
// goroutine. What it learns it tells to the function it was made with, as events of
// kind auth, request, hello, lookup and call.
type Listener interface {
	// Open is called when a conversation begins to carry data. The number it returns is
	// handed to Data and Close; 0 means that it does not want to hear more.
	Open(ends Ends, at time.Time) uint32
	// Data is called for each segment with data, in the order of arrival; the segment is
	// only valid within the call. It returns the
	// name of the protocol once it is known ("" before), and whether it wants more.
	Data(id uint32, s *Segment) (protocol string, more bool)
	// Close is called once, when the flow ends or is forgotten.
	Close(id uint32, at time.Time)
}
