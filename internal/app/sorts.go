package app

import "haechi"

// sorts is a set of what events may be: a bit for each kind, but for flows, which are most
// of them, one for each part of a conversation over each transport that is told apart.
type sorts uint64

const (
	sortsHeard = 64
	// flowSorts is where those of flows begin.
	flowSorts = sortsHeard / 2
)

// part is what an event tells of a conversation.
type part uint

// The parts. A conversation is answered once its handshake was completed, or, without one,
// once both sides spoke.
const (
	begins part = iota
	waits       // it goes on, and is not answered
	fails       // it is over, and never was
	opens       // it is answered now
	goesOn      // it was answered before
	ends        // so it was, and is over
	whole       // all at once, or of a sensor that does not say what was before
	odd         // what is rarely seen: an end that only answers, a begin that was missed, broken packets
	parts
)

// partOf says what an event tells of a conversation.
func partOf(e *haechi.Event) part {
	now, before := answered(e.State), answered(e.Before)
	switch {
	case e.State == haechi.FlowUnknown || e.State > haechi.FlowReset || e.Fragments != 0 || e.Malformed != 0 || before && !now:
		return odd
	case e.Phase == haechi.FlowBegin:
		return begins
	case e.Phase == haechi.FlowUpdate && !now:
		return waits
	case e.Phase == haechi.FlowEnd && !now:
		return fails
	case e.Phase == haechi.FlowUpdate && !before:
		return opens
	case e.Phase == haechi.FlowUpdate:
		return goesOn
	case e.Phase == haechi.FlowEnd && before:
		return ends
	}
	return whole
}

func answered(s haechi.FlowState) bool { return s >= haechi.FlowEstablished && s <= haechi.FlowReset }

// Transports that are told apart; others are last.
const ways = 4

func wayOf(t haechi.Transport) uint {
	switch t {
	case haechi.TCP:
		return 0
	case haechi.UDP:
		return 1
	case haechi.ICMP, haechi.ICMPv6:
		return 2
	}
	return ways - 1
}

// All sorts of flows fit.
var _ [flowSorts - ways*uint(parts)]struct{}

// sortOf is what an event is, below sortsHeard. Rare kinds and transports share a bit with
// others, so that a detector may be asked in vain, and never is left out.
func sortOf(e *haechi.Event) uint {
	if e.Kind == haechi.KindFlow {
		return flowSorts + wayOf(e.Transport)*uint(parts) + uint(partOf(e))
	}
	return uint(e.Kind) % flowSorts
}

// ofKind are the events of a kind.
func ofKind(k haechi.Kind) sorts {
	if k == haechi.KindFlow {
		return flows
	}
	return 1 << (uint(k) % flowSorts)
}

// flows are those over any transport.
const flows = sorts(1<<flowSorts-1) << flowSorts

// over are flows over a transport.
func over(t haechi.Transport) sorts { return (1<<parts - 1) << (flowSorts + wayOf(t)*uint(parts)) }

// of are the parts of flows over any transport, and what is odd or told as a whole.
func of(some ...part) (s sorts) {
	for _, p := range append(some, whole, odd) {
		for w := range uint(ways) {
			s |= 1 << (flowSorts + w*uint(parts) + uint(p))
		}
	}
	return s
}

func (s sorts) has(e *haechi.Event) bool { return s>>sortOf(e)&1 != 0 }

// over is the same detector, which looks at no flows but those over some transports.
func (k networkKind) over(transports ...haechi.Transport) networkKind {
	some := ^flows
	for _, t := range transports {
		some |= over(t)
	}
	k.hears &= some
	return k
}

// at is the same detector, which looks at no flows but at these parts of them.
func (k networkKind) at(some ...part) networkKind {
	k.hears &= ^flows | of(some...)
	return k
}
