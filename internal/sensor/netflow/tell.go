package netflow

import (
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/sensor"
)

// together tells of a conversation of which both directions are known.
func (r *Reader) together(a, b *record, now time.Time) {
	if !began(a, b) {
		a, b = b, a
	}
	r.tell(a, b, between(a, b), now)
}

// alone tells of a record that waited long enough.
func (r *Reader) alone(h *held, now time.Time) {
	h.wait(now)
	r.oneWay(&h.record, single(&h.record, now.Sub(h.from.twoWay) < believed), now)
}

// oneWay tells of one direction. Where it does not say who began, the higher port did.
func (r *Reader) oneWay(a *record, state haechi.FlowState, now time.Time) {
	if guess := state == haechi.FlowMidstream || state == haechi.FlowUnknown; guess && opened(a.flags) < 2 && a.srcPort < a.dstPort {
		t := a.turned()
		r.tell(&t, a, state, now)
		return
	}
	r.tell(a, &record{}, state, now)
}

// believed is for how long an exporter that showed both directions of one conversation
// is believed to show those of all.
const believed = time.Hour

// began reports whether it was a that began.
func began(a, b *record) bool {
	switch {
	case a.packets == 0 || b.packets == 0:
		return b.packets == 0
	case a.directed:
		return true
	case a.proto == protoTCP && opened(a.flags) != opened(b.flags):
		return opened(a.flags) > opened(b.flags)
	case (a.proto == protoICMP || a.proto == protoICMPv6) && asks(a.kind) != asks(b.kind):
		return asks(a.kind)
	case a.sampled: // what was sampled first says nothing
	case a.began != b.began:
		return a.began > b.began
	}
	return a.srcPort >= a.dstPort
}

// opened orders flags by how much they look like those of who opened a connection.
func opened(flags uint8) int {
	switch flags & (syn | ack) {
	case syn:
		return 2
	case syn | ack:
		return 1
	}
	if flags&^ack == rst {
		return -1
	}
	return 0
}

// stealth reports flags without SYN, ACK and RST, which no honest stack sends.
func stealth(flags uint8) bool { return flags&63 != 0 && flags&(syn|ack|rst) == 0 }

// asks reports the types of ICMP that are questions: echo, timestamp, information and
// mask of IPv4, echo of IPv6.
func asks(kind uint8) bool {
	return kind == 8 || kind == 13 || kind == 15 || kind == 17 || kind == 128
}

// between says what became of a conversation by both directions.
func between(a, b *record) haechi.FlowState {
	if b.packets == 0 {
		return single(a, true)
	}
	if a.proto != protoTCP {
		return haechi.FlowEstablished
	}
	if a.flags|b.flags == 0 && !a.sampled && b.packets > 1 {
		return haechi.FlowEstablished // of an exporter that does not tell flags
	}
	if a.flags|b.flags == 0 && !a.sampled {
		return haechi.FlowUnknown // one answer accepts or refuses
	}
	all := a.flags | b.flags
	switch {
	case a.sampled:
		return haechi.FlowMidstream
	case b.flags&^ack == rst && (stealth(a.flags) || a.flags == 0):
		return haechi.FlowRejected // of a scan by FIN, NULL or XMAS
	case a.flags&syn == 0:
		return haechi.FlowMidstream
	case b.flags&(syn|rst) == rst:
		return haechi.FlowRejected
	case b.flags&syn == 0:
		return haechi.FlowMidstream
	case a.flags&ack == 0:
		return haechi.FlowHalfOpen
	case all&rst != 0:
		return haechi.FlowReset
	case a.flags&b.flags&fin != 0:
		return haechi.FlowClosed
	}
	return haechi.FlowEstablished
}

// single says it by one direction; twoWay says that the other would have been told of.
func single(a *record, twoWay bool) haechi.FlowState {
	if a.proto == protoTCP {
		return singleTCP(a)
	}
	switch icmp := a.proto == protoICMP || a.proto == protoICMPv6; {
	case icmp && !asks(a.kind), a.proto == protoUDP && sensor.Answers(a.srcPort) && !sensor.Answers(a.dstPort) && a.dstPort > 1023:
		return haechi.FlowAnswerOnly
	case a.sampled || !twoWay:
		return haechi.FlowUnknown
	}
	return haechi.FlowAttempt
}

// singleTCP needs no second direction: who completed a handshake has sent an ACK.
func singleTCP(a *record) haechi.FlowState {
	switch {
	case a.flags == 0:
		return haechi.FlowUnknown
	case a.sampled:
		return haechi.FlowMidstream
	case a.flags&(syn|ack) == syn, stealth(a.flags):
		return haechi.FlowAttempt
	case a.flags == syn|ack, a.flags&^ack == rst:
		return haechi.FlowAnswerOnly
	}
	return haechi.FlowMidstream
}

// tell emits a conversation; b is zero where only a is known.
func (r *Reader) tell(a, b *record, state haechi.FlowState, now time.Time) {
	now = now.UTC()
	start, end := max(a.began, b.began), a.ended
	if b.packets > 0 {
		end = min(a.ended, b.ended)
	}
	e := &r.event
	*e = haechi.Event{Time: now, Kind: haechi.KindFlow, Port: a.srcPort, LocalPort: a.dstPort, BytesIn: int64(a.bytes), BytesOut: int64(b.bytes),
		Duration: max(start-end, 0)}
	e.Addr, e.Client = a.src, clientkey.Of(a.src, r.cfg.V6Bits)
	e.Flow = haechi.Flow{Sensor: r.cfg.Sensor, Target: a.dst, Transport: sensor.Transport(a.proto), Phase: haechi.FlowEnd, State: state, Start: now.Add(-start),
		PacketsIn: a.packets, PacketsOut: b.packets, FlagsIn: a.flags & 63, FlagsOut: b.flags & 63, First: first(a)}
	r.stats.Told++
	r.emit(e)
}

// first is the type of ICMP, and SYN where a connection was opened; of a sample nobody
// knows which packet was the first.
func first(a *record) uint8 {
	switch {
	case a.proto != protoTCP:
		return a.kind
	case a.sampled && !a.sure:
		return 0
	}
	return a.flags & syn
}
