package scan

import (
	"haechi"
	"haechi/internal/brick/distinct"
)

// outcome is what became of a contact.
type outcome uint8

const (
	none outcome = iota // the event says nothing about a contact
	open                // begun, not answered yet
	good
	bad
)

// TCP flags.
const (
	fin, syn, rst, psh, ack = 1, 2, 4, 8, 16
)

// contact is a port of a host that a source spoke to.
type contact struct {
	host uint64 // hash of the address
	port uint32 // with the transport above it
	weak bool   // silence means little: a datagram or a ping
	ours bool   // the host is of the site
}

// read says which contact an event is about and what became of it.
func read(e *haechi.Event) (c contact, o outcome) {
	if e.Kind != haechi.KindFlow || !e.Client.IsValid() || !e.Target.IsValid() || e.Target.IsMulticast() || broadcast(e) {
		return c, none
	}
	switch e.Transport {
	case haechi.TCP:
		o = tcp(e)
	case haechi.UDP, haechi.SCTP:
		if e.Transport == haechi.UDP && (traceroute(e.LocalPort) || discovery(e.Port)) {
			return c, none
		}
		o, c.weak = datagram(e), true
	case haechi.ICMP, haechi.ICMPv6:
		if e.First != 8 && e.First != 128 { // echo requests
			return c, none
		}
		o, c.weak = datagram(e), true
	default:
		return c, none
	}
	c.host, c.port = distinct.Of(e.Target), uint32(e.Transport)<<16|uint32(e.LocalPort)
	c.weak = c.weak && e.State != haechi.FlowRejected
	return c, o
}

// tcp judges a conversation of TCP. An event without a phase is a line of a log: what
// it says is final.
func tcp(e *haechi.Event) outcome {
	over := e.Phase == haechi.FlowEnd || e.Phase == haechi.FlowNone
	if stealth(e) {
		return bad
	}
	switch e.State {
	case haechi.FlowAnswerOnly, haechi.FlowMidstream, haechi.FlowUnknown:
		return none
	case haechi.FlowRejected:
		return bad
	case haechi.FlowAttempt:
		if e.First&syn != 0 && e.FlagsIn&(ack|psh) != 0 {
			return good // it acknowledges what this side of the wire does not see
		}
	case haechi.FlowEstablished, haechi.FlowClosed, haechi.FlowReset:
		if (e.FlagsIn|e.FlagsOut)&psh != 0 || e.FlagsIn|e.FlagsOut == 0 {
			return good
		}
	}
	if over {
		return bad
	}
	return open
}

// stealth reports a conversation that began with flags no honest stack begins with:
// neither SYN nor ACK nor RST.
func stealth(e *haechi.Event) bool {
	return e.Sensor == "capture" && e.First&(syn|ack|rst) == 0 && e.PacketsIn > 0 && e.State != haechi.FlowAnswerOnly && e.FlagsIn&(syn|ack) == 0
}

func datagram(e *haechi.Event) outcome {
	switch e.State {
	case haechi.FlowRejected:
		return bad
	case haechi.FlowEstablished, haechi.FlowClosed:
		return good
	case haechi.FlowAttempt:
		if e.Phase == haechi.FlowEnd || e.Phase == haechi.FlowNone {
			return bad
		}
		return open
	}
	return none
}

// traceroute reports the ports that traceroute counts through (IANA: 33434, and one more
// for each probe, three to each of up to 32 hops).
func traceroute(port uint16) bool { return port >= 33434 && port < 33434+96 }

// discovery reports the ports of services that are asked by a question to a group or
// broadcast: NetBIOS names, SSDP, WS-Discovery, mDNS and LLMNR. What comes from such a
// port is the answer to somebody, though no question to this host was seen.
func discovery(port uint16) bool {
	return port == 137 || port == 1900 || port == 3702 || port == 5353 || port == 5355
}

// broadcast reports a target that is no host: the last address of its /24 is a
// broadcast far more often than a host.
func broadcast(e *haechi.Event) bool {
	if !e.Target.Is4() {
		return false
	}
	b := e.Target.As4()
	return b[3] == 255 && e.Transport != haechi.TCP
}
