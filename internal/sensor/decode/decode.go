package decode

import (
	"encoding/binary"

	"haechi/internal/sensor"
)

// Result says what a frame was.
type Result uint8

// The results. Only with Decoded is the packet valid.
const (
	Decoded    Result = iota
	NoIP              // ARP, LLDP, spanning tree and the like
	Truncated         // it ends within a header
	Unreadable        // a header contradicts itself
	TooDeep           // more tags, extension headers or tunnels than are followed
	results
)

// Link types (the registry of tcpdump.org/linktypes.html).
const (
	LinkNull     = 0
	LinkEthernet = 1
	LinkRaw      = 101
	LinkLoop     = 108
	LinkSLL      = 113
	LinkIPv4     = 228
	LinkIPv6     = 229
	LinkSLL2     = 276
	linkRawBSD   = 12
	linkRawOpen  = 14
)

const (
	maxTags       = 4
	maxExtensions = 8
	maxTunnels    = 3

	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
	etherQ    = 0x8100
	etherAD   = 0x88a8
	etherOldQ = 0x9100
	etherPPP  = 0x8864
	etherTEB  = 0x6558
)

// Supports reports whether frames of a link type can be read.
func Supports(link uint32) bool {
	switch link {
	case LinkNull, LinkEthernet, LinkRaw, LinkLoop, LinkSLL, LinkIPv4, LinkIPv6, LinkSLL2, linkRawBSD, linkRawOpen:
		return true
	}
	return false
}

// Decoder reads frames of one link type. It is used by one goroutine.
type Decoder struct {
	link   uint32
	depth  int
	Counts [results]uint64
}

// New returns a decoder for a link type that is supported.
func New(link uint32) *Decoder { return &Decoder{link: link} }

// Frame reads one frame, of which wire bytes were sent and frame was captured. All
// fields of p but Time are set.
func (d *Decoder) Frame(frame []byte, p *sensor.Packet) Result {
	at := p.Time
	*p = sensor.Packet{Time: at}
	d.depth = 0
	r := d.frame(frame, p)
	d.Counts[r]++
	return r
}

func (d *Decoder) frame(b []byte, p *sensor.Packet) Result {
	switch d.link {
	case LinkEthernet:
		return d.ethernet(b, p)
	case LinkNull, LinkLoop:
		if len(b) < 4 {
			return Truncated
		}
		return d.raw(b[4:], p)
	case LinkSLL:
		if len(b) < 16 {
			return Truncated
		}
		return d.tagged(binary.BigEndian.Uint16(b[14:]), b[16:], p)
	case LinkSLL2:
		if len(b) < 20 {
			return Truncated
		}
		return d.tagged(binary.BigEndian.Uint16(b), b[20:], p)
	}
	return d.raw(b, p)
}

// raw begins with an IP header of either version.
func (d *Decoder) raw(b []byte, p *sensor.Packet) Result {
	if len(b) == 0 {
		return Truncated
	}
	switch b[0] >> 4 {
	case 4:
		return d.ipv4(b, p)
	case 6:
		return d.ipv6(b, p)
	}
	return NoIP
}

func (d *Decoder) ethernet(b []byte, p *sensor.Packet) Result {
	if len(b) < 14 {
		return Truncated
	}
	return d.tagged(binary.BigEndian.Uint16(b[12:]), b[14:], p)
}

// tagged reads past VLAN tags (IEEE 802.1Q) and PPPoE (RFC 2516).
func (d *Decoder) tagged(kind uint16, b []byte, p *sensor.Packet) Result {
	for range maxTags + 1 {
		switch kind {
		case etherIPv4:
			return d.ipv4(b, p)
		case etherIPv6:
			return d.ipv6(b, p)
		case etherQ, etherAD, etherOldQ:
			if len(b) < 4 {
				return Truncated
			}
			kind, b = binary.BigEndian.Uint16(b[2:]), b[4:]
		case etherPPP:
			if len(b) < 8 {
				return Truncated
			}
			switch binary.BigEndian.Uint16(b[6:]) {
			case 0x0021:
				kind = etherIPv4
			case 0x0057:
				kind = etherIPv6
			default:
				return NoIP
			}
			b = b[8:]
		default:
			return NoIP
		}
	}
	return TooDeep
}
