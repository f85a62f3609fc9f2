package msrpc

import "encoding/binary"

// Kind is the type of a packet.
type Kind uint8

// The packets that count.
const (
	Request  Kind = 0
	Response Kind = 2
	Fault    Kind = 3
	Bind     Kind = 11
	BindAck  Kind = 12
	Alter    Kind = 14
	AlterAck Kind = 15
	Auth3    Kind = 16
)

// HeaderSize is the size of the common header in bytes.
const HeaderSize = 16

// Packet is the head of a packet. Its bytes lie in the caller's buffer.
type Packet struct {
	Kind        Kind
	First, Last bool // fragment of a call
	Call        uint32
	// Size is that of the packet on the wire, in bytes; b may hold less of it.
	Size int

	b       []byte
	auth    int
	flags   byte
	foreign bool // big endian
}

// Read reads the header at the beginning of b. It returns false for what is no packet, or
// fewer bytes than a header.
func Read(b []byte) (p Packet, ok bool) {
	if len(b) < HeaderSize || b[0] != 5 || b[1] > 1 || b[2] > 19 || b[4]&^0x10 != 0 {
		return p, false
	}
	p = Packet{Kind: Kind(b[2]), First: b[3]&1 != 0, Last: b[3]&2 != 0, flags: b[3], foreign: b[4] == 0}
	p.Size, p.auth = int(p.u16(b[8:])), int(p.u16(b[10:]))
	p.Call = p.u32(b[12:])
	p.b = b[:min(len(b), p.Size)]
	return p, p.Size >= HeaderSize && (p.auth == 0 || HeaderSize+8+p.auth <= p.Size)
}

func (p *Packet) u16(b []byte) uint16 {
	if p.foreign {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func (p *Packet) u32(b []byte) uint32 {
	if p.foreign {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

// UUID is the number of an interface, as it lies on the wire of a little-endian host.
type UUID [16]byte

func (p *Packet) uuid(b []byte) (u UUID) {
	copy(u[:], b)
	if p.foreign {
		u[0], u[1], u[2], u[3] = u[3], u[2], u[1], u[0]
		u[4], u[5], u[6], u[7] = u[5], u[4], u[7], u[6]
	}
	return u
}

// Contexts calls take for each interface that a Bind or an Alter asks for, with the number
// by which requests will name it.
func (p *Packet) Contexts(take func(id uint16, u UUID)) {
	const first, size, syntax = 28, 24, 20
	if len(p.b) < first {
		return
	}
	n := int(p.b[24])
	for at := first; n > 0 && at+size <= len(p.b); n-- {
		take(p.u16(p.b[at:]), p.uuid(p.b[at+4:at+20]))
		at += size + syntax*int(p.b[at+2])
	}
}

// Auth returns the authentication message of the packet and its protection level: 6 seals
// arguments, below that they are in clear. ok is false when there is none, or it was cut.
func (p *Packet) Auth() (message []byte, level uint8, ok bool) {
	at := p.Size - p.auth - 8
	if p.auth == 0 || p.Size > len(p.b) {
		return nil, 0, false
	}
	return p.b[at+8:], p.b[at+1], true
}

// Sealed is the protection level from which on arguments are encrypted.
const Sealed = 6

// Operation returns the number of the context and of the operation of a Request.
func (p *Packet) Operation() (context, number uint16, ok bool) {
	if p.Kind != Request || len(p.b) < 24 {
		return 0, 0, false
	}
	return p.u16(p.b[20:]), p.u16(p.b[22:]), true
}

// Stub returns the arguments of a Request or a Response, as far as they are there, and
// whether that is all of this packet's.
func (p *Packet) Stub() (stub []byte, whole bool) {
	at, end := 24, p.Size
	if p.Kind == Request && p.flags&0x80 != 0 {
		at += 16 // an object
	}
	if p.auth > 0 {
		end -= p.auth + 8
		if end < len(p.b) && end+2 < len(p.b) {
			end -= int(p.b[end+2]) // padding
		}
	}
	if at > len(p.b) || end < at {
		return nil, false
	}
	return p.b[at:min(end, len(p.b))], end <= len(p.b)
}

// Status is what a Fault says, or the last four bytes of a Response, which is where
// interfaces of Windows return their result.
func (p *Packet) Status() (status uint32, ok bool) {
	if p.Kind == Fault {
		if len(p.b) < 28 {
			return 0, false
		}
		return p.u32(p.b[24:]), true
	}
	stub, whole := p.Stub()
	if !whole || len(stub) < 4 || !p.Last {
		return 0, false
	}
	return p.u32(stub[len(stub)-4:]), true
}

// Text reads a counted UTF-16 string of an argument at stub[at:], and returns its bytes.
func (p *Packet) Text(stub []byte, at int) (utf16 []byte, ok bool) {
	const head, most = 12, 512
	if at+head > len(stub) {
		return nil, false
	}
	size, offset, n := p.u32(stub[at:]), p.u32(stub[at+4:]), p.u32(stub[at+8:])
	if offset != 0 || n > size || n == 0 || n > most || at+head+2*int(n) > len(stub) {
		return nil, false
	}
	b := stub[at+head : at+head+2*int(n)]
	if b[len(b)-1] == 0 && b[len(b)-2] == 0 {
		b = b[:len(b)-2]
	}
	return b, true
}
