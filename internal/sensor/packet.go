package sensor

import (
	"net/netip"

	"haechi"
)

// IP protocol numbers (IANA) that are told apart.
const (
	ProtoICMP   = 1
	ProtoIPIP   = 4
	ProtoTCP    = 6
	ProtoUDP    = 17
	ProtoIPv6   = 41
	ProtoGRE    = 47
	ProtoICMPv6 = 58
	ProtoSCTP   = 132
)

// TCP flags (RFC 9293, 3.1).
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	// Stalled is no flag of the header: the packet says that its sender takes no more
	// (window 0), which SYN and RST do not mean.
	Stalled
)

// Packet is what decode makes of a frame: the innermost IP packet that was found, past
// link layers and tunnels. It is used again for the next frame.
type Packet struct {
	// Time is in nanoseconds since 1970.
	Time int64
	Path
	// Flags, Seq, Ack: TCP. For ICMP, Flags is the type and Code the code.
	Flags, Code uint8
	Seq, Ack    uint32
	// Length is that of the IP packet in bytes, as its header states.
	Length uint32
	// Payload is what follows the transport's header, borrowed from the frame.
	// PayloadLength is its length as stated, which is more where the capture cut it.
	Payload       []byte
	PayloadLength int
	// Fragment says that it is a fragment, Later that it is not the first of its packet
	// and therefore has no ports.
	Fragment, Later bool
	// Malformed says that no honest stack sends this: lengths that contradict, tiny or
	// overlapping fragments, a packet of more than 65,535 bytes, the same address and
	// port at both ends, flags that exclude each other.
	Malformed bool
	// Refused says that Embedded is the packet that an ICMP error is about.
	Refused  bool
	Embedded Path
	// Hash is the flow table's: by it the packet's flow was looked for ahead, and probably
	// found in Slot. 0: it was not.
	Hash uint64
	Slot uint32
}

// Path says between whom a packet goes. IPv4 addresses lie in the first four bytes. An
// ICMP echo has its identifier as port on the side that asks.
type Path struct {
	Src, Dst         [16]byte
	SrcPort, DstPort uint16
	Proto            uint8
	V6               bool
}

// Source is the address that it comes from.
func (p *Path) Source() netip.Addr { return addr(&p.Src, p.V6) }

// Target is the address that it goes to.
func (p *Path) Target() netip.Addr { return addr(&p.Dst, p.V6) }

func addr(b *[16]byte, v6 bool) netip.Addr {
	if v6 {
		return netip.AddrFrom16(*b).Unmap()
	}
	return netip.AddrFrom4([4]byte(b[:4]))
}

// Transport names a protocol number.
func Transport(proto uint8) haechi.Transport {
	switch proto {
	case ProtoTCP:
		return haechi.TCP
	case ProtoUDP:
		return haechi.UDP
	case ProtoICMP:
		return haechi.ICMP
	case ProtoICMPv6:
		return haechi.ICMPv6
	case ProtoSCTP:
		return haechi.SCTP
	}
	return haechi.OtherTransport
}
