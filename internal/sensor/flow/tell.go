package flow

import (
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/sensor"
)

// tell emits an event about a flow, of which before was the state that was told last.
func (h *half[K]) tell(s *slot[K], phase haechi.FlowPhase, before haechi.FlowState) {
	t := h.t
	s.told = uint16(t.second)
	p := &t.path
	s.key.path(p, s.bits&bitHigh != 0)
	start := min(s.start, t.now)
	e := &t.event // what is the same for all is there, and clearing the rest costs more than setting it
	e.Time, e.Duration = time.Unix(0, t.now).UTC(), time.Duration(t.now-start)
	e.Addr = p.Source()
	e.Client = t.client(e.Addr)
	e.Assurance = haechi.Seen
	if s.bits&bitAcked != 0 {
		e.Assurance = haechi.Handshaken
	}
	e.Port, e.LocalPort = p.SrcPort, p.DstPort
	e.BytesIn, e.BytesOut = int64(s.bytesIn), int64(s.out())
	e.PacketsIn, e.PacketsOut = uint64(s.packetsIn), uint64(s.packetsOut)
	e.Target, e.Transport, e.Protocol = p.Target(), sensor.Transport(s.proto), t.apps[s.app]
	e.Phase, e.State, e.Before, e.Start = phase, s.state, before, time.Unix(0, start).UTC()
	e.FlagsIn, e.FlagsOut, e.First = s.flagsIn, s.flagsOut, s.first
	e.Fragments, e.Malformed = uint32(s.fragments), uint32(s.malformed)
	t.emit(e)
}

func (t *Table) client(a netip.Addr) netip.Prefix {
	n := 32
	if a.Is6() {
		n = t.cfg.V6Bits
	}
	p, _ := a.Prefix(n) // n is in range
	return p
}

// listen hands payload to the listener.
func (h *half[K]) listen(s *slot[K], p *sensor.Packet, in bool) {
	t := h.t
	at := time.Unix(0, p.Time).UTC()
	start := s.begun()
	if s.talk == 0 {
		if s.talk = t.hear.Open(h.ends(s), at); s.talk == 0 {
			s.bits |= bitSilent
			return
		}
	}
	t.segment = sensor.Segment{Time: at, FromClient: in, Seq: p.Seq, Start: start, Bytes: p.Payload, Length: p.PayloadLength}
	if p.Flags&sensor.ACK != 0 {
		t.segment.Ack = p.Ack
	}
	if p.Proto == sensor.ProtoTCP && p.Flags&sensor.SYN != 0 {
		t.segment.Seq++ // a SYN counts for one, and data may follow it (RFC 7413)
	}
	name, more := t.hear.Data(s.talk, &t.segment)
	if name != "" && t.apps[s.app] != name {
		s.app = t.app(name)
	}
	if !more {
		s.bits |= bitSilent
		s.talk = 0
	}
}

func (h *half[K]) ends(s *slot[K]) sensor.Ends {
	p := &h.t.path
	s.key.path(p, s.bits&bitHigh != 0)
	return sensor.Ends{Client: netip.AddrPortFrom(p.Source(), p.SrcPort), Server: netip.AddrPortFrom(p.Target(), p.DstPort), Transport: sensor.Transport(s.proto)}
}

// app is the index of a protocol's name; names come from code, so they are few.
func (t *Table) app(name string) uint8 {
	for i, n := range t.apps {
		if n == name {
			return uint8(i)
		}
	}
	if len(t.apps) > 255 {
		return 0
	}
	t.apps = append(t.apps, name)
	return uint8(len(t.apps) - 1)
}

// end tells a flow's end and frees its slot.
func (h *half[K]) end(i int) {
	s := &h.slots[i]
	if s.begun(); s.talk != 0 && h.t.hear != nil {
		h.t.hear.Close(s.talk, time.Unix(0, h.t.now).UTC())
		s.talk = 0
	}
	h.tell(s, haechi.FlowEnd, s.state)
	h.give(i)
}

// sweepOver is in how many seconds every slot is looked at once.
const sweepOver = 8

// sweep ends flows that were silent for too long, in the part of the table that is due
// after so many seconds.
func (h *half[K]) sweep(gone int64) {
	if h.live == 0 {
		return
	}
	n := len(h.tags)
	part := n/sweepOver + 1
	if gone < sweepOver {
		part *= int(gone)
	} else {
		part = n
	}
	for range min(part, n) {
		if h.swept >= n {
			h.swept = 0
		}
		if h.tags[h.swept] != 0 {
			h.sweepBucket(h.swept)
		}
		h.swept++
	}
}

func (h *half[K]) sweepBucket(bucket int) {
	now := h.t.stamp()
	for i := bucket * ways; i < (bucket+1)*ways; i++ {
		if h.used(i) && int64(now-h.slots[i].last)*stampUnit > int64(h.patience(&h.slots[i])) {
			h.end(i)
		}
	}
}

// patience is how long a flow may be silent.
func (h *half[K]) patience(s *slot[K]) time.Duration {
	c := &h.t.cfg
	switch {
	case s.ended():
		return c.Ended
	case s.state == haechi.FlowAttempt || s.state == haechi.FlowAnswerOnly || s.state == haechi.FlowHalfOpen:
		return c.Attempt
	case s.proto == sensor.ProtoTCP:
		return c.Established
	}
	return c.Datagram
}

func (h *half[K]) flush() {
	for i := range h.slots {
		if h.used(i) {
			h.end(i)
		}
	}
}
