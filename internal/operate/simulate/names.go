package simulate

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"
)

// The types of questions (RFC 1035).
const (
	typeA   = 1
	typeMX  = 15
	typeTXT = 16
)

// lookup asks a resolver, which answers after a while with an address or a text.
func (s *stage) lookup(at time.Duration, from netip.Addr, resolver netip.AddrPort, name string, kind uint16, answer []byte) {
	id, mine := uint16(s.rng.Uint32()), netip.AddrPortFrom(from, s.ephemeral())
	ask := question(id, 0x0100, 0, name, kind)
	s.datagram(at, mine, resolver, ask, len(ask))
	b := question(id, 0x8180, 1, name, kind)
	b = append(b, 0xc0, 12) // the name, as in the question
	b = binary.BigEndian.AppendUint16(b, kind)
	b = append(b, 0, 1, 0, 0, 1, 0x2c)
	b = append(b, sized(2, answer)...)
	s.datagram(at+2*reach(from, resolver.Addr())+s.within(time.Millisecond, 20*time.Millisecond), resolver, mine, b, len(b))
}

// question is a message with one question (RFC 1035 section 4).
func question(id, flags, answers uint16, name string, kind uint16) []byte {
	var b []byte
	for _, v := range [...]uint16{id, flags, 1, answers, 0, 0} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	for label := range strings.SplitSeq(name, ".") {
		b = append(b, sized(1, []byte(label))...)
	}
	b = append(b, 0)
	b = binary.BigEndian.AppendUint16(b, kind)
	return append(b, 0, 1)
}
