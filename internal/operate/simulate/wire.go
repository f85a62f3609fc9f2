package simulate

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// The transports (IANA protocol numbers).
const (
	protoICMP = 1
	protoTCP  = 6
	protoUDP  = 17
)

// piece says which part of a datagram a fragment is.
type piece struct {
	id     uint16
	offset int // bytes, a multiple of eight
	more   bool
}

// send puts an IP packet on the wire: body is what is above IP, of which size bytes are
// sent and len(body) captured.
func (s *stage) send(at time.Duration, from, to netip.Addr, proto byte, body []byte, size int) {
	s.id++
	s.packet(at, from, to, proto, body, size, piece{id: s.id})
}

func (s *stage) packet(at time.Duration, from, to netip.Addr, proto byte, body []byte, size int, p piece) {
	if len(s.frames) >= mostFrames || s.held > mostBytes {
		s.over = true
		return
	}
	b := make([]byte, 0, 14+40+len(body))
	b = appendMAC(appendMAC(b, to), from)
	if from.Is4() {
		b = appendIPv4(append(b, 0x08, 0x00), from, to, proto, size, p)
	} else {
		b = appendIPv6(append(b, 0x86, 0xdd), from, to, proto, size)
	}
	head := len(b)
	b = append(b, body...)
	s.held += len(b)
	s.frames = append(s.frames, frame{at, b, head + size})
}

// appendMAC adds a locally administered address that is the host's own.
func appendMAC(b []byte, a netip.Addr) []byte {
	raw := a.As16()
	return append(b, 2, raw[11], raw[12], raw[13], raw[14], raw[15])
}

// appendIPv4 adds a header of RFC 791.
func appendIPv4(b []byte, from, to netip.Addr, proto byte, size int, p piece) []byte {
	place := uint16(p.offset / 8)
	switch {
	case p.more:
		place |= 0x2000
	case p.offset == 0 && proto == protoTCP:
		place = 0x4000 // do not fragment (RFC 1191)
	}
	at := len(b)
	b = append(b, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(20+size))
	b = binary.BigEndian.AppendUint16(b, p.id)
	b = binary.BigEndian.AppendUint16(b, place)
	b = append(b, 64, proto, 0, 0)
	b = append(append(b, from.AsSlice()...), to.AsSlice()...)
	binary.BigEndian.PutUint16(b[at+10:], checksum(0, b[at:]))
	return b
}

// appendIPv6 adds a header of RFC 8200.
func appendIPv6(b []byte, from, to netip.Addr, proto byte, size int) []byte {
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(size))
	b = append(b, proto, 64)
	return append(append(b, from.AsSlice()...), to.AsSlice()...)
}

// checksum is that of RFC 1071 behind a sum so far. Bytes that are sent and not captured
// are zeros, which add nothing.
func checksum(sum uint32, b []byte) uint16 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum>>16 > 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// pseudo is the sum of the header that transports add to theirs (RFC 9293 section 3.1).
func pseudo(from, to netip.Addr, proto byte, size int) uint32 {
	sum := uint32(proto) + uint32(size)
	for _, a := range [...]netip.Addr{from, to} {
		for raw := a.AsSlice(); len(raw) > 1; raw = raw[2:] {
			sum += uint32(raw[0])<<8 | uint32(raw[1])
		}
	}
	return sum
}

// datagram sends UDP (RFC 768), of which size bytes of payload are sent.
func (s *stage) datagram(at time.Duration, from, to netip.AddrPort, payload []byte, size int) {
	s.send(at, from.Addr(), to.Addr(), protoUDP, udp(from, to, payload, size), 8+size)
}

func udp(from, to netip.AddrPort, payload []byte, size int) []byte {
	b := make([]byte, 8, 8+len(payload))
	binary.BigEndian.PutUint16(b, from.Port())
	binary.BigEndian.PutUint16(b[2:], to.Port())
	binary.BigEndian.PutUint16(b[4:], uint16(8+size))
	b = append(b, payload...)
	sum := checksum(pseudo(from.Addr(), to.Addr(), protoUDP, 8+size), b)
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(b[6:], sum)
	return b
}

// echo sends an ICMP echo request or reply (RFC 792).
func (s *stage) echo(at time.Duration, from, to netip.Addr, kind byte, id, seq uint16, size int) {
	b := make([]byte, 8+size)
	b[0] = kind
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], seq)
	for i := range size {
		b[8+i] = byte('a' + i%23)
	}
	binary.BigEndian.PutUint16(b[2:], checksum(0, b))
	s.send(at, from, to, protoICMP, b, len(b))
}

// noise are so many bytes that look encrypted.
func (s *stage) noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(s.rng.Uint32())
	}
	return b
}

// ephemeral is a port that a client would choose next (RFC 6335: 49152 and above).
func (s *stage) ephemeral() uint16 {
	if s.port++; s.port == 0 {
		s.port = 49152
	}
	return s.port
}

// within is a pause between two bounds.
func (s *stage) within(least, most time.Duration) time.Duration {
	return least + time.Duration(s.rng.Int64N(int64(most-least)))
}
