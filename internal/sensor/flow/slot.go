package flow

import (
	"math"

	"haechi"
)

// slot is one flow. Amounts and flags are those of the initiator (in) and of whom it
// spoke to (out).
type slot[K key] struct {
	start                 int64 // Unix nanoseconds
	bytesIn, bytesOut     uint64
	packetsIn, packetsOut uint32
	last                  uint32 // in stampUnit since the table's epoch
	talk                  uint32 // the listener's number, 0: not opened; with bitStart the client's first number
	key                   K
	told                  uint16 // low bits of the second it was last told of
	proto                 uint8
	flagsIn, flagsOut     uint8
	first                 uint8
	state                 haechi.FlowState
	bits                  uint8
	app                   uint8 // index into the table's names of protocols
	fragments, malformed  uint8 // saturating
}

// The bits of a slot.
const (
	bitHigh     = 1 << iota // the initiator is the higher end
	bitSilent               // the listener does not want to hear more
	bitFinIn                // the initiator ended its direction
	bitFinOut               // the other did
	bitAcked                // both ends spoke as only somebody who heard the other can
	bitSpokeIn              // the initiator sent data, and no handshake was seen
	bitSpokeOut             // the other did
	bitStart                // nothing was said yet, and talk is where the initiator begins
)

// begins keeps where a connection's initiator begins, until it or the other side says
// something: by it a first segment that came late is told from one that was sent again.
func (s *slot[K]) begins(syn uint32) { s.talk, s.bits = syn+1, s.bits|bitStart }

// begun takes what begins has kept, 0 if nothing was.
func (s *slot[K]) begun() (start uint32) {
	if s.bits&bitStart != 0 {
		start, s.talk, s.bits = s.talk, 0, s.bits&^bitStart
	}
	return start
}

// A half-open connection has few bytes, so the upper half of bytesOut holds what the
// initiator has to acknowledge: only who has heard the SYN-ACK knows it.

func (s *slot[K]) expect(ack uint32) { s.bytesOut = s.bytesOut&math.MaxUint32 | uint64(ack)<<32 }

func (s *slot[K]) expected() uint32 { return uint32(s.bytesOut >> 32) }

// out is the number of bytes sent to the initiator.
func (s *slot[K]) out() uint64 {
	if s.state == haechi.FlowHalfOpen {
		return s.bytesOut & math.MaxUint32
	}
	return s.bytesOut
}

func (s *slot[K]) addOut(n uint32) {
	if s.state == haechi.FlowHalfOpen {
		n = min(n, math.MaxUint32-uint32(s.bytesOut)) // never into the other half
	}
	s.bytesOut += uint64(n)
}

// ended reports whether nothing more is expected of it.
func (s *slot[K]) ended() bool {
	return s.state == haechi.FlowClosed || s.state == haechi.FlowReset || s.state == haechi.FlowRejected
}

// worth orders flows by how much is lost with them: what nobody answered is worth
// nothing.
func (s *slot[K]) worth() int {
	switch s.state {
	case haechi.FlowAttempt, haechi.FlowUnknown, haechi.FlowAnswerOnly:
		return 0
	case haechi.FlowRejected, haechi.FlowReset, haechi.FlowClosed, haechi.FlowHalfOpen:
		return 1
	case haechi.FlowMidstream:
		if s.bits&bitAcked == 0 {
			return 1
		}
	}
	return 2
}

func saturate(v *uint8) {
	if *v < 255 {
		*v++
	}
}
