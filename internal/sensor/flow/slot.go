package flow

import "haechi"

// slot is one flow. Amounts and flags are those of the initiator (in) and of whom it
// spoke to (out).
type slot[K key] struct {
	start                 int64 // Unix nanoseconds
	bytesIn, bytesOut     uint64
	packetsIn, packetsOut uint32
	last                  uint32 // in stampUnit since the table's epoch
	talk                  uint32 // the listener's number; 0: not opened
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
	bitHigh   = 1 << iota // the initiator is the higher end
	bitSilent             // the listener does not want to hear more
	bitFinIn              // the initiator ended its direction
	bitFinOut             // the other did
	bitAcked              // both ends spoke as only somebody who heard the other can

)

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
