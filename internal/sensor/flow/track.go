package flow

import (
	"haechi"
	"haechi/internal/sensor"
)

// packet is one packet of one IP version. The hash comes from who knows the key's type:
// a call by way of the type parameter is not inlined.
func (h *half[K]) packet(p *sensor.Packet, k K, hash uint64, high bool) {
	t := h.t
	i := int(p.Slot) // where it was looked for ahead
	if s := &h.slots[i]; s.key != k || s.proto != p.Proto || s.packetsIn|s.packetsOut == 0 {
		i = h.find(hash, k, p.Proto)
	}
	if i >= 0 && h.again(&h.slots[i], p) {
		h.end(i)
		i = -1
	}
	if i < 0 {
		if i = h.begin(hash, k, p, high); i < 0 {
			return
		}
	}
	s := &h.slots[i]
	in := high == (s.bits&bitHigh != 0)
	before := s.state
	h.count(s, p, in)
	first := s.packetsIn+s.packetsOut == 1
	switch {
	case before == haechi.FlowEstablished && p.Flags&(sensor.SYN|sensor.FIN|sensor.RST) == 0: // nearly always, and that changes nothing
	case !first:
		h.follow(s, p, in)
	case before == haechi.FlowMidstream:
		s.speak(p, in)
	}
	switch {
	case first:
		h.tell(s, haechi.FlowBegin, haechi.FlowUnknown)
	case s.state != before, h.stale(s):
		h.tell(s, haechi.FlowUpdate, before)
	}
	if t.hear != nil && p.PayloadLength > 0 && s.bits&bitSilent == 0 && !p.Fragment {
		h.listen(s, p, in)
	}
}

// stale reports whether a flow that goes on was not told of for long.
func (h *half[K]) stale(s *slot[K]) bool {
	return uint16(h.t.second)-s.told >= h.t.update
}

// again reports whether a packet begins another flow between the same ends.
func (h *half[K]) again(s *slot[K], p *sensor.Packet) bool {
	return p.Proto == sensor.ProtoTCP && p.Flags&(sensor.SYN|sensor.ACK) == sensor.SYN &&
		(s.state == haechi.FlowClosed || s.state == haechi.FlowReset)
}

// begin takes a slot for a new flow; -1 if there is none.
func (h *half[K]) begin(hash uint64, k K, p *sensor.Packet, high bool) int {
	i := h.room(hash)
	for i < 0 && h.grow() {
		i = h.room(hash)
	}
	if i < 0 {
		var worth int
		if i, worth = h.worst(hash); worth >= 2 && !promising(p) {
			h.t.stats.Refused++
			return -1
		}
		h.t.stats.Evicted++
		h.end(i)
	}
	s := h.take(i, hash)
	s.key, s.proto, s.start, s.first = k, p.Proto, p.Time, p.Flags
	var turned bool
	if s.state, turned = beginning(p); turned != high {
		s.bits |= bitHigh
	}
	if opens(p) {
		s.begins(p.Seq)
	}
	h.t.stats.Flows++
	return i
}

// opens reports whether a packet is the first of a TCP connection.
func opens(p *sensor.Packet) bool {
	return p.Proto == sensor.ProtoTCP && p.Flags&(sensor.SYN|sensor.ACK|sensor.RST) == sensor.SYN && !p.Later
}

// promising reports whether a flow's first packet shows that the other end was heard.
func promising(p *sensor.Packet) bool {
	return p.Proto == sensor.ProtoTCP && p.Flags&(sensor.SYN|sensor.RST) == 0 && p.Flags&sensor.ACK != 0
}

// beginning says what a flow is by its first packet, and whether the receiver must have
// begun it.
func beginning(p *sensor.Packet) (state haechi.FlowState, turned bool) {
	switch p.Proto {
	case sensor.ProtoTCP:
		switch {
		case p.Later:
			return haechi.FlowUnknown, false
		case p.Flags&(sensor.SYN|sensor.ACK) == sensor.SYN|sensor.ACK, p.Flags&sensor.RST != 0:
			return haechi.FlowAnswerOnly, false
		case p.Flags&sensor.ACK != 0 && p.Flags&sensor.SYN == 0:
			return haechi.FlowMidstream, serves(p.SrcPort, p.DstPort)
		}
	case sensor.ProtoUDP:
		if !p.Later && sensor.Answers(p.SrcPort) && !sensor.Answers(p.DstPort) && p.DstPort > 1023 {
			return haechi.FlowAnswerOnly, false
		}
	case sensor.ProtoICMP, sensor.ProtoICMPv6:
		if p.Refused || p.DstPort != 0 || p.Proto == sensor.ProtoICMP && p.Flags == 0 {
			return haechi.FlowAnswerOnly, false
		}
	}
	return haechi.FlowAttempt, false
}

// serves guesses which end of a connection whose begin was not seen is the server.
func serves(src, dst uint16) bool {
	if src < 1024 || dst < 1024 {
		return src < dst
	}
	return false
}

func (h *half[K]) count(s *slot[K], p *sensor.Packet, in bool) {
	s.last = h.t.stamp()
	if in {
		s.packetsIn++
		s.bytesIn += uint64(p.Length)
		s.flagsIn = s.flagsIn&^sensor.Stalled | p.Flags
	} else {
		s.packetsOut++
		s.addOut(p.Length)
		s.flagsOut |= p.Flags &^ sensor.Stalled
	}
	if p.Fragment {
		saturate(&s.fragments)
	}
	if p.Malformed {
		saturate(&s.malformed)
	}
}

// follow moves a flow's state on.
func (h *half[K]) follow(s *slot[K], p *sensor.Packet, in bool) {
	if p.Proto == sensor.ProtoTCP {
		h.followTCP(s, p, in)
		return
	}
	if !in && (s.state == haechi.FlowAttempt || s.state == haechi.FlowAnswerOnly) {
		s.state = haechi.FlowEstablished // not believed: a forged question is answered as well
	}
}

// followTCP is RFC 9293's state machine as somebody in between sees it.
func (h *half[K]) followTCP(s *slot[K], p *sensor.Packet, in bool) {
	if in && s.bits&bitStart != 0 && opens(p) {
		s.begins(p.Seq) // another attempt on the same ports
	}
	switch s.state {
	case haechi.FlowAttempt:
		switch {
		case in:
		case p.Flags&sensor.RST != 0:
			s.state = haechi.FlowRejected
		case p.Flags&(sensor.SYN|sensor.ACK) == sensor.SYN|sensor.ACK:
			s.state = haechi.FlowHalfOpen
			s.expect(p.Seq + 1)
		case p.Flags&sensor.ACK != 0:
			s.state = haechi.FlowMidstream // also where the capture lacks the SYN-ACK
			s.speak(p, in)
		}
	case haechi.FlowHalfOpen:
		s.handshake(p, in)
	case haechi.FlowMidstream:
		s.speak(p, in)
	}
	h.finish(s, p, in)
}

// mostUnread is how far beyond the SYN-ACK the first acknowledgement that was seen may
// be: one may be lost, and the server speaks first in many protocols. A guess hits one
// time in a million.
const mostUnread = 4 << 10

// handshake completes one that is half open. Anybody can forge a SYN and an ACK; the
// number that the ACK has to repeat knows only who gets what is sent to that address.
func (s *slot[K]) handshake(p *sensor.Packet, in bool) {
	const which = sensor.ACK | sensor.RST | sensor.SYN
	switch {
	case !in && p.Flags&which == sensor.SYN|sensor.ACK:
		s.expect(p.Seq + 1) // of another attempt on the same ports
		return
	case in && p.Flags&which == sensor.ACK && p.Ack-s.expected() < mostUnread:
		s.bits |= bitAcked
	default:
		s.speak(p, in)
	}
	if s.bits&bitAcked != 0 {
		s.expect(0)
		s.state = haechi.FlowEstablished
	}
}

// speak believes both ends of a conversation whose handshake was not seen once both
// said something: neither a forged client nor a forged server gets the other to do so.
func (s *slot[K]) speak(p *sensor.Packet, in bool) {
	if p.Flags&(sensor.ACK|sensor.SYN|sensor.RST) != sensor.ACK || p.PayloadLength <= 0 {
		return
	}
	if in {
		s.bits |= bitSpokeIn
	} else {
		s.bits |= bitSpokeOut
	}
	if s.bits&(bitSpokeIn|bitSpokeOut) == bitSpokeIn|bitSpokeOut {
		s.bits |= bitAcked
	}
}

// finish ends what an end or a reset ends.
func (h *half[K]) finish(s *slot[K], p *sensor.Packet, in bool) {
	open := s.state == haechi.FlowEstablished || s.state == haechi.FlowMidstream
	if p.Flags&sensor.FIN != 0 {
		if in {
			s.bits |= bitFinIn
		} else {
			s.bits |= bitFinOut
		}
	}
	switch {
	case !open:
	case p.Flags&sensor.RST != 0:
		s.state = haechi.FlowReset
	case s.bits&(bitFinIn|bitFinOut) == bitFinIn|bitFinOut:
		s.state = haechi.FlowClosed
	}
}

func (h *half[K]) refuse(k K, hash uint64, proto uint8, high bool) {
	i := h.find(hash, k, proto)
	if i < 0 {
		return
	}
	s := &h.slots[i]
	if in := high == (s.bits&bitHigh != 0); !in || s.state != haechi.FlowAttempt {
		return // forged, or about something that works
	}
	s.state = haechi.FlowRejected
	h.tell(s, haechi.FlowUpdate, haechi.FlowAttempt)
}
