package logline

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"haechi"
	"haechi/internal/brick/clientkey"
)

// MaxText bounds a text that a peer chose, in bytes.
const MaxText = 128

// fields are what a line says. Texts lie in the line.
type fields struct {
	source, target    netip.Addr
	port, targetPort  uint16
	status            int
	bytes             int64
	user, path, host  []byte
	agent, method, on []byte
}

// set reads one place; false means that its text is none for it.
func (f *fields) set(p place, b []byte) bool {
	switch p {
	case source:
		return address(b, &f.source)
	case target:
		return address(b, &f.target)
	case sourceEnd:
		return endpoint(b, &f.source, &f.port)
	case targetEnd:
		return endpoint(b, &f.target, &f.targetPort)
	case port:
		return short(b, &f.port)
	case targetPort:
		return short(b, &f.targetPort)
	case status:
		n, ok := decimal(b)
		f.status = int(n)
		return ok && n < 1000
	case size:
		n, ok := decimal(b)
		f.bytes = n
		return ok
	case number:
		_, ok := decimal(b)
		return ok
	case user:
		f.user = b
	case path:
		f.path = b
	case host:
		f.host = b
	case agent:
		f.agent = b
	case method:
		f.method = b
		return len(b) > 0
	case transport:
		f.on = b
		return len(b) > 0
	case word:
		return len(b) > 0
	}
	return true
}

// address reads an IP address; one of IPv4 written as IPv6 is IPv4.
func address(b []byte, to *netip.Addr) bool {
	if len(b) < 2 || len(b) > 45 {
		return false
	}
	if a, ok := dotted(b); ok {
		*to = a
		return true
	}
	a, err := netip.ParseAddr(string(b))
	*to = a.Unmap()
	return err == nil
}

// dotted reads an IPv4 address as netip does, whose error would take memory for the text.
func dotted(b []byte) (netip.Addr, bool) {
	var out [4]byte
	part, value, digits := 0, 0, 0
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9' && (digits == 0 || value > 0):
			if value, digits = value*10+int(c-'0'), digits+1; value > 255 {
				return netip.Addr{}, false
			}
		case c == '.' && digits > 0 && part < 3:
			out[part] = byte(value)
			part, value, digits = part+1, 0, 0
		default:
			return netip.Addr{}, false
		}
	}
	out[3] = byte(value)
	return netip.AddrFrom4(out), part == 3 && digits > 0
}

func endpoint(b []byte, to *netip.Addr, port *uint16) bool {
	if len(b) < 4 || len(b) > 53 {
		return false
	}
	a, err := netip.ParseAddrPort(string(b))
	*to, *port = a.Addr().Unmap(), a.Port()
	return err == nil
}

func short(b []byte, to *uint16) bool {
	n, ok := decimal(b)
	*to = uint16(n)
	return ok && n <= 65535
}

func decimal(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 15 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// told reports whether what stands in a place is said by the event.
func (p place) told() bool {
	return p != literal && p != number && p != word && p != quoted && p != anyText
}

// put puts what stands in a place into an event.
func (f *fields) put(p place, e *haechi.Event, v6 int, t *texts) {
	switch p {
	case source, sourceEnd:
		if e.Addr = f.source; e.Addr.IsValid() {
			e.Client = clientkey.Of(e.Addr, v6)
		}
		if p == sourceEnd {
			e.Port = f.port
		}
	case port:
		e.Port = f.port
	case target, targetEnd:
		e.Target = f.target
		if p == targetEnd {
			e.LocalPort = f.targetPort
		}
	case targetPort:
		e.LocalPort = f.targetPort
	case status:
		e.Status = f.status
	case size:
		e.BytesOut = f.bytes
	case method:
		e.Method = t.clean(f.method)
	case transport:
		e.Transport = transportOf(f.on)
	case user:
		e.User = t.clean(f.user)
	case path:
		e.Path = t.clean(f.path)
	case host:
		e.Host = t.clean(f.host)
	case agent:
		e.UserAgent = t.clean(f.agent)
	}
}

// fill puts all that a line says into an event.
func (f *fields) fill(e *haechi.Event, v6 int, t *texts) {
	for _, p := range [...]place{sourceEnd, targetEnd, status, size, method, transport, user, path, host, agent} {
		f.put(p, e, v6, t)
	}
}

// transportOf is a transport by its name in a line, in any case.
func transportOf(name []byte) haechi.Transport {
	switch {
	case len(name) == 0:
		return haechi.TransportNone
	case strings.EqualFold(string(name), "tcp"):
		return haechi.TCP
	case strings.EqualFold(string(name), "udp"):
		return haechi.UDP
	case strings.EqualFold(string(name), "icmp"):
		return haechi.ICMP
	case strings.EqualFold(string(name), "icmpv6"):
		return haechi.ICMPv6
	}
	return haechi.OtherTransport
}

// texts are some that were met with lately, so that the same name again takes no memory:
// guessing goes through a list of them, over and over.
type texts [256]string

func (t *texts) clean(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	at := &t[slotOf(b)]
	if *at != string(b) {
		*at = clean(b)
	}
	return *at
}

// slotOf is where a text is kept, by its length, beginning and end.
func slotOf(b []byte) uint8 {
	var first, last uint64
	switch n := len(b); {
	case n >= 8:
		first, last = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		first, last = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:]))
	default:
		first, last = uint64(b[0])<<8|uint64(b[n/2]), uint64(b[n-1])
	}
	const odd = 0x9e3779b97f4a7c15
	return uint8((first*odd ^ last*odd>>29 ^ uint64(len(b))) * odd >> 56)
}

// clean is a text that a peer chose, cut, and without what could act on a terminal.
func clean(b []byte) string {
	if len(b) > MaxText {
		b = b[:MaxText]
	}
	s := strings.ToValidUTF8(string(b), "\uFFFD")
	if strings.IndexFunc(s, control) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if control(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

func control(r rune) bool { return !strconv.IsPrint(r) }
