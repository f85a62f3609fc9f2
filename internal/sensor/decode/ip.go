package decode

import (
	"encoding/binary"

	"haechi/internal/sensor"
)

const mostBytes = 65535 // of an IP packet, put together

// ipv4 reads a header of RFC 791. A total length of 0 is what segmentation offload
// leaves to the card: then the frame says how long the packet is.
func (d *Decoder) ipv4(b []byte, p *sensor.Packet) Result {
	if len(b) < 20 {
		return Truncated
	}
	head, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 {
		total = len(b)
	}
	if b[0]>>4 != 4 || head < 20 || total < head {
		return Unreadable
	}
	if len(b) < head {
		return Truncated
	}
	p.V6, p.Length, p.Proto = false, uint32(total), b[9]
	copy(p.Src[:4], b[12:16])
	copy(p.Dst[:4], b[16:20])
	place := binary.BigEndian.Uint16(b[6:])
	offset, more := int(place&0x1fff)*8, place&0x2000 != 0
	body, stated := b[head:min(len(b), total)], total-head
	d.fragment(p, offset, stated, more)
	return d.transport(p.Proto, body, stated, p)
}

// ipv6 reads a header of RFC 8200 and its extensions.
func (d *Decoder) ipv6(b []byte, p *sensor.Packet) Result {
	if len(b) < 40 {
		return Truncated
	}
	if b[0]>>4 != 6 {
		return Unreadable
	}
	stated := int(binary.BigEndian.Uint16(b[4:]))
	if stated == 0 {
		stated = len(b) - 40 // a jumbogram, or offload
	}
	p.V6, p.Length = true, uint32(stated+40)
	copy(p.Src[:], b[8:24])
	copy(p.Dst[:], b[24:40])
	next, body := b[6], b[40:min(len(b), 40+stated)]
	for range maxExtensions {
		size := 0
		switch next {
		case 0, 43, 60, 135, 139, 140: // hop by hop, routing, destination, mobility, HIP, shim6
			if len(body) < 8 {
				return Truncated
			}
			size = 8 + 8*int(body[1])
		case 51: // authentication (RFC 4302)
			if len(body) < 8 {
				return Truncated
			}
			size = 8 + 4*int(body[1])
		case 44:
			if len(body) < 8 {
				return Truncated
			}
			size = 8
			place := binary.BigEndian.Uint16(body[2:])
			d.fragment(p, int(place&^7), stated-8, place&1 != 0)
		default:
			p.Proto = next
			return d.transport(next, body, stated, p)
		}
		if len(body) < size || stated < size {
			return Truncated
		}
		next, body, stated = body[0], body[size:], stated-size
	}
	return TooDeep
}

// fragment notes what of a packet this is, and what no stack sends: a first piece too
// small for the header above it, a second that overlaps it (RFC 1858, RFC 3128), a
// whole of more bytes than there may be (the ping of death).
func (d *Decoder) fragment(p *sensor.Packet, offset, size int, more bool) {
	if offset == 0 && !more {
		return
	}
	p.Fragment, p.Later = true, offset > 0
	switch {
	case offset+size > mostBytes,
		more && size%8 != 0,
		offset == 0 && p.Proto == sensor.ProtoTCP && size < 20,
		offset == 8 && p.Proto == sensor.ProtoTCP:
		p.Malformed = true
	}
}
