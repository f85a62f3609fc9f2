package beacon

import (
	"net/netip"
	"strings"

	"haechi"
	"haechi/internal/detect"
)

// peer is what is known of one client's dealings with one destination and port.
type peer struct {
	requests, read, bare, pretend uint32 // HTTP: all, with their head read, to an address, browsers without Accept
	hellos, nameless              uint32 // TLS: all, without a server name
	protocol                      string // the application's, "" if nobody knows
	name                          string // by which the destination was reached last
	proved                        bool   // a handshake was completed
	open                          uint32 // connections that were answered and are not over
	crowded                       bool   // more than crowd were open, and some still are
	attack                        detect.Attack
	period                        float64 // of the attack, in seconds
}

// Shares from which on a property of requests counts, and the least number.
const (
	most     = 0.8
	enough   = 4
	small    = 4 << 10
	constant = 0.25
)

// crowd is how many connections a browser keeps to one host at once. Who calls home says
// what it has to say and comes back when that conversation is over, or when it has been
// silent for a while; who holds more than these at once transfers, tunnels or floods, and
// the rhythm of many conversations on top of each other is nobody's timer.
const crowd = 6

func often(n, of uint32) bool { return n >= enough && float64(n) >= most*float64(of) }

// learn takes what an event says about the peer.
func (p *peer) learn(e *haechi.Event) {
	p.proved = p.proved || e.Assurance >= haechi.Handshaken
	if e.Protocol != "" {
		p.protocol = e.Protocol
	}
	switch e.Kind {
	case haechi.KindFlow:
		p.count(e)
	case haechi.KindHello:
		p.hellos++
		if p.name = e.Name; e.Name == "" {
			p.nameless++
		}
	case haechi.KindRequest:
		p.requests++
		host := detect.HostName(e.Host)
		if host == "" {
			p.bare++
		} else {
			p.name = host
		}
		if e.Headers&haechi.HeadersRead != 0 {
			p.read++
			if e.Headers&haechi.HasAccept == 0 && browser(e.UserAgent) {
				p.pretend++
			}
		}
	}
}

// count keeps the number of open connections: from the first answer to a SYN, which is
// told once, to the end of both sides, a reset or a flow's own end.
func (p *peer) count(e *haechi.Event) {
	over := e.State == haechi.FlowClosed || e.State == haechi.FlowReset
	held := e.State == haechi.FlowHalfOpen || e.State == haechi.FlowEstablished
	switch {
	case e.Phase == haechi.FlowUpdate && e.State == haechi.FlowHalfOpen && e.PacketsOut == 1:
		p.open++
	case p.open > 0 && (e.Phase == haechi.FlowUpdate && over || e.Phase == haechi.FlowEnd && held):
		p.open--
	}
	p.crowded = p.open > crowd || p.crowded && p.open > 0
}

// browser reports whether a User-Agent is that of a browser that people use.
func browser(agent string) bool {
	if !strings.HasPrefix(agent, "Mozilla/") {
		return false
	}
	for _, engine := range [...]string{"Chrome/", "Firefox/", "Safari/", "Trident/", "MSIE ", "Edge/", "Edg/", "OPR/"} {
		if strings.Contains(agent, engine) {
			return true
		}
	}
	return false
}

// points adds up the signals of a peer on a port.
func (p *peer) points(port uint16, external bool, free []string) int {
	n := 0
	if often(p.pretend, p.read) {
		n += 2
	}
	if often(p.bare, p.requests) || p.requests == 0 && external && p.name == "" {
		n++
	}
	if p.hellos > 0 && float64(p.nameless) >= most*float64(p.hellos) {
		n++
	}
	if p.odd(port) {
		n++
	}
	return n + nameful(p.name, free)
}

// odd reports whether the protocol is not what the port is for.
func (p *peer) odd(port uint16) bool {
	if p.hellos > 0 || p.protocol == "tls" {
		return !securePort(port)
	}
	return p.protocol == "" && p.requests == 0 && !servicePort(port)
}

// nameful is what a name is worth.
func nameful(name string, free []string) int {
	if onion(name) {
		return 3
	}
	for _, domain := range free {
		if below(name, domain) {
			return 1
		}
	}
	return 0
}

func onion(name string) bool { return below(name, "onion") }

// below reports whether the name lies below the domain. A trailing dot makes no
// difference, and neither does case.
func below(name, domain string) bool {
	name = strings.TrimSuffix(name, ".")
	at := len(name) - len(domain)
	return at >= 2 && name[at-1] == '.' && strings.EqualFold(name[at:], domain)
}

// securePort reports whether services that speak TLS from the first byte are usual on
// the port.
func securePort(port uint16) bool {
	switch port {
	case 443, 465, 563, 636, 853, 989, 990, 991, 992, 993, 994, 995, 2376, 2484, 3269, 3389, 4433, 5061, 5223, 5228, 5349,
		5671, 5986, 6443, 6514, 6697, 8443, 8883, 8888, 9093, 9443, 10250, 14433, 27017:
		return true
	}
	return false
}

// servicePort reports whether a service is usual on the port, so that a protocol unknown
// to us there says nothing.
func servicePort(port uint16) bool {
	switch port {
	case 20, 21, 22, 23, 25, 43, 49, 53, 79, 80, 88, 102, 110, 111, 113, 119, 123, 135, 137, 138, 139, 143, 179, 194, 389, 427,
		445, 464, 500, 502, 512, 513, 514, 515, 520, 543, 544, 548, 554, 587, 593, 631, 749, 873, 902, 1080, 1194, 1352, 1414,
		1433, 1434, 1521, 1701, 1720, 1723, 1883, 1935, 2000, 2049, 2181, 2375, 2379, 2380, 2404, 3000, 3050, 3128, 3260, 3268,
		3306, 3478, 3690, 4222, 4369, 4500, 4840, 5000, 5004, 5060, 5190, 5222, 5269, 5432, 5555, 5601, 5666, 5672, 5900, 5901,
		5938, 5985, 6379, 6514, 6660, 6665, 6666, 6667, 6668, 6669, 7000, 7070, 7687, 8000, 8008, 8009, 8080, 8081, 8086, 8088,
		8118, 8123, 8500, 9000, 9001, 9042, 9090, 9092, 9100, 9200, 9300, 9418, 10050, 10051, 11211, 20000, 25565, 44818, 47808, 51820:
		return true
	}
	return securePort(port)
}

// honest reports whether a destination is one that nobody asks about.
func honest(a netip.Addr) bool {
	return !a.IsValid() || a.IsLoopback() || a.IsMulticast() || a.IsUnspecified() || a.IsLinkLocalUnicast()
}
