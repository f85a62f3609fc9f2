package naming

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// The names of lookups are read by hand, because names that no library accepts (bytes of
// any value, dots within a label) are just those that a tunnel asks for.

const (
	dnsHeader = 12
	// dnsText bounds a name in bytes: one of 255 bytes of which most need an escape is cut.
	dnsText = 512
	// dnsPointers bounds the jumps within one name.
	dnsPointers = 16

	typeA    = 1
	typeAAAA = 28
	typeOPT  = 41
)

// dnsMessage is the head of a message. b is the whole of it, as far as it is there.
type dnsMessage struct {
	b                   []byte
	id                  uint16
	answer              bool
	opcode, rcode       uint8
	questions, answers  int
	authorities, others int
}

func readDNS(b []byte) (m dnsMessage, ok bool) {
	if len(b) < dnsHeader {
		return m, false
	}
	m.b = b
	m.id = binary.BigEndian.Uint16(b)
	m.answer, m.opcode, m.rcode = b[2]&0x80 != 0, b[2]>>3&15, b[3]&15
	m.questions, m.answers = int(binary.BigEndian.Uint16(b[4:])), int(binary.BigEndian.Uint16(b[6:]))
	m.authorities, m.others = int(binary.BigEndian.Uint16(b[8:])), int(binary.BigEndian.Uint16(b[10:]))
	return m, true
}

// dnsName appends the name at b[at:] as text: labels with dots between them, bytes that
// are no letter, digit or sign as a backslash and three digits (RFC 1035 section 5.1). It
// returns where the name ends.
func dnsName(to, b []byte, at int) (name []byte, next int, ok bool) {
	name, next = to, -1
	for wire, jumps := 0, 0; at < len(b); {
		n := int(b[at])
		switch {
		case n == 0:
			if next < 0 {
				next = at + 1
			}
			if len(name) == len(to) {
				name = append(name, '.')
			}
			return name, next, true
		case n&0xc0 == 0xc0:
			if at+1 >= len(b) || jumps == dnsPointers {
				return name, 0, false
			}
			if next < 0 {
				next = at + 2
			}
			jumps++
			at = n&0x3f<<8 | int(b[at+1])
			continue
		case n > 63 || at+1+n > len(b) || wire+n+1 > 255:
			return name, 0, false
		}
		if len(name) > len(to) {
			name = append(name, '.')
		}
		name = dnsLabel(name, b[at+1:at+1+n])
		wire += n + 1
		at += n + 1
	}
	return name, 0, false
}

func dnsLabel(to, label []byte) []byte {
	for _, c := range label {
		switch {
		case c == '.' || c == '\\':
			to = append(to, '\\', c)
		case c > ' ' && c <= '~':
			to = append(to, c)
		default:
			to = append(to, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
		}
	}
	return to
}

// dnsQuestion is one question.
type dnsQuestion struct {
	name  []byte
	kind  uint16
	class uint16
}

func (m *dnsMessage) question(scratch []byte, at int) (q dnsQuestion, next int, ok bool) {
	q.name, next, ok = dnsName(scratch, m.b, at)
	if !ok || next+4 > len(m.b) {
		return q, 0, false
	}
	q.kind = binary.BigEndian.Uint16(m.b[next:])
	q.class = binary.BigEndian.Uint16(m.b[next+2:])
	return q, next + 4, true
}

// record skips one resource record and returns its type and where its data lies.
func (m *dnsMessage) record(scratch []byte, at int) (kind uint16, data []byte, next int, ok bool) {
	_, at, ok = dnsName(scratch, m.b, at)
	if !ok || at+10 > len(m.b) {
		return 0, nil, 0, false
	}
	kind = binary.BigEndian.Uint16(m.b[at:])
	n := int(binary.BigEndian.Uint16(m.b[at+8:]))
	at += 10
	if at+n > len(m.b) {
		return 0, nil, 0, false
	}
	return kind, m.b[at : at+n], at + n, true
}

// addresses returns the first addresses of the answer section at b[at:].
func (m *dnsMessage) addresses(scratch []byte, at int) (out [2]netip.Addr) {
	found := 0
	for range min(m.answers, 32) {
		kind, data, next, ok := m.record(scratch, at)
		if !ok || found == len(out) {
			return out
		}
		if a, is := netip.AddrFromSlice(data); is && (kind == typeA && len(data) == 4 || kind == typeAAAA && len(data) == 16) {
			out[found] = a.Unmap()
			found++
		}
		at = next
	}
	return out
}

// strict reports whether the message is a question that reads to its last byte: what
// happens to look like one does not.
func (m *dnsMessage) strict(scratch []byte) bool {
	if m.answer || m.opcode != 0 || m.questions != 1 || m.answers != 0 || m.authorities != 0 || m.others > 1 || m.b[2]&0x06 != 0 || m.b[3]&0x8f != 0 {
		return false
	}
	q, at, ok := m.question(scratch, dnsHeader)
	if !ok || q.class != 1 || q.kind == 0 || q.kind > 260 {
		return false
	}
	if m.others == 1 {
		kind, _, next, ok := m.record(scratch, at)
		if !ok || kind != typeOPT {
			return false
		}
		at = next
	}
	return at == len(m.b)
}

// dnsType names a type.
func dnsType(t uint16) string {
	switch t {
	case typeA:
		return "A"
	case 2:
		return "NS"
	case 5:
		return "CNAME"
	case 6:
		return "SOA"
	case 10:
		return "NULL"
	case 12:
		return "PTR"
	case 13:
		return "HINFO"
	case 15:
		return "MX"
	case 16:
		return "TXT"
	case 25:
		return "KEY"
	case typeAAAA:
		return "AAAA"
	case 32:
		return "NB"
	case 33:
		return "SRV"
	case 35:
		return "NAPTR"
	case typeOPT:
		return "OPT"
	case 43:
		return "DS"
	case 46:
		return "RRSIG"
	case 48:
		return "DNSKEY"
	case 64:
		return "SVCB"
	case 65:
		return "HTTPS"
	case 251:
		return "IXFR"
	case 252:
		return "AXFR"
	case 255:
		return "ANY"
	case 257:
		return "CAA"
	}
	return "TYPE" + strconv.Itoa(int(t))
}
