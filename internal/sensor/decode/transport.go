package decode

import (
	"encoding/binary"

	"haechi/internal/sensor"
)

const vxlanPort = 4789

// ICMP types (RFC 792, RFC 4443).
const (
	echoReply, unreachable, echo, exceeded  = 0, 3, 8, 11
	unreachable6, exceeded6, echo6, answer6 = 1, 3, 128, 129
)

// transport reads what is above IP. stated is how long the header says that body is.
func (d *Decoder) transport(proto uint8, body []byte, stated int, p *sensor.Packet) Result {
	p.Payload, p.PayloadLength = body, stated
	if p.Later {
		return Decoded
	}
	switch proto {
	case sensor.ProtoTCP:
		return d.tcp(body, stated, p)
	case sensor.ProtoUDP:
		return d.udp(body, stated, p)
	case sensor.ProtoICMP, sensor.ProtoICMPv6:
		return d.icmp(body, stated, p)
	case sensor.ProtoIPIP, sensor.ProtoIPv6:
		return d.inner(body, p, d.raw)
	case sensor.ProtoGRE:
		return d.gre(body, p)
	case sensor.ProtoSCTP:
		if len(body) >= 12 {
			p.SrcPort, p.DstPort = binary.BigEndian.Uint16(body), binary.BigEndian.Uint16(body[2:])
		}
	}
	return Decoded
}

func (d *Decoder) tcp(b []byte, stated int, p *sensor.Packet) Result {
	if len(b) < 14 {
		if p.Malformed { // a tiny fragment
			return Decoded
		}
		return Truncated
	}
	p.SrcPort, p.DstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	p.Seq, p.Ack, p.Flags = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:]), b[13]&63
	if len(b) >= 16 && b[14]|b[15] == 0 && p.Flags&(sensor.SYN|sensor.RST|sensor.ACK) == sensor.ACK {
		p.Flags |= sensor.Stalled
	}
	head := int(b[12]>>4) * 4
	const never = sensor.SYN | sensor.FIN
	switch {
	case head < 20 || head > stated:
		p.Malformed = true
		head = min(max(head, 20), stated)
	case p.Flags&never == never, p.Flags&(sensor.SYN|sensor.RST) == sensor.SYN|sensor.RST,
		p.SrcPort == p.DstPort && p.Src == p.Dst && p.Flags&sensor.SYN != 0: // LAND
		p.Malformed = true
	}
	p.Payload, p.PayloadLength = b[min(head, len(b)):], stated-head
	return Decoded
}

func (d *Decoder) udp(b []byte, stated int, p *sensor.Packet) Result {
	if len(b) < 8 {
		return Truncated
	}
	p.SrcPort, p.DstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	size := int(binary.BigEndian.Uint16(b[4:]))
	if size < 8 || size > stated {
		if !p.Fragment && size != 0 {
			p.Malformed = true
		}
		size = stated
	}
	p.Payload, p.PayloadLength = b[8:max(8, min(size, len(b)))], size-8
	if p.DstPort == vxlanPort && len(p.Payload) > 8 && p.Payload[0] == 8 {
		return d.inner(p.Payload[8:], p, d.ethernet) // RFC 7348
	}
	return Decoded
}

func (d *Decoder) icmp(b []byte, stated int, p *sensor.Packet) Result {
	if len(b) < 8 {
		return Truncated
	}
	p.Flags, p.Code = b[0], b[1]
	p.Payload, p.PayloadLength = b[8:], stated-8
	v6 := p.Proto == sensor.ProtoICMPv6
	switch {
	case !v6 && b[0] == echo, v6 && b[0] == echo6:
		p.SrcPort = binary.BigEndian.Uint16(b[4:])
	case !v6 && b[0] == echoReply, v6 && b[0] == answer6:
		p.DstPort = binary.BigEndian.Uint16(b[4:])
	case !v6 && (b[0] == unreachable || b[0] == exceeded), v6 && (b[0] == unreachable6 || b[0] == exceeded6):
		p.Refused = embedded(b[8:], &p.Embedded)
	}
	return Decoded
}

// embedded reads the beginning of the packet that an error is about; errors hold its
// header and eight bytes at least, which are enough for the ports.
func embedded(b []byte, p *sensor.Path) bool {
	at := 0
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		at, p.Proto = int(b[0]&15)*4, b[9]
		copy(p.Src[:4], b[12:16])
		copy(p.Dst[:4], b[16:20])
	case len(b) >= 40 && b[0]>>4 == 6:
		at, p.Proto, p.V6 = 40, b[6], true
		copy(p.Src[:], b[8:24])
		copy(p.Dst[:], b[24:40])
	default:
		return false
	}
	if at < 20 || len(b) < at+4 {
		return false
	}
	switch p.Proto {
	case sensor.ProtoTCP, sensor.ProtoUDP, sensor.ProtoSCTP:
		p.SrcPort, p.DstPort = binary.BigEndian.Uint16(b[at:]), binary.BigEndian.Uint16(b[at+2:])
	case sensor.ProtoICMP, sensor.ProtoICMPv6:
		if len(b) >= at+6 {
			p.SrcPort = binary.BigEndian.Uint16(b[at+4:])
		}
	}
	return true
}

// gre reads a header of RFC 2784 and RFC 2890; that of PPTP carries no IP directly.
func (d *Decoder) gre(b []byte, p *sensor.Packet) Result {
	if len(b) < 4 {
		return Truncated
	}
	size := 4
	for _, flag := range []byte{0x80, 0x20, 0x10} { // checksum, key, sequence number
		if b[0]&flag != 0 {
			size += 4
		}
	}
	if b[1]&7 != 0 || len(b) < size {
		return Decoded // of another version: a flow of GRE
	}
	switch binary.BigEndian.Uint16(b[2:]) {
	case etherIPv4, etherIPv6:
		return d.inner(b[size:], p, d.raw)
	case etherTEB:
		return d.inner(b[size:], p, d.ethernet)
	}
	return Decoded
}

// inner goes into a tunnel. What is in it that is no IP leaves the tunnel's own packet.
func (d *Decoder) inner(b []byte, p *sensor.Packet, read func([]byte, *sensor.Packet) Result) Result {
	if d.depth++; d.depth > maxTunnels {
		return TooDeep
	}
	outer := *p
	*p = sensor.Packet{Time: outer.Time}
	if r := read(b, p); r == Decoded || r == TooDeep {
		return r
	}
	*p = outer
	return Decoded
}
