package app

import "haechi"

// sorts is a set of what events may be: a bit for each kind, but for each transport of
// flows, which are most of them.
type sorts uint64

const (
	sortsHeard = 64
	// flowSorts is where those of flows begin.
	flowSorts = sortsHeard / 2
)

// sortOf is what an event is, below sortsHeard. Rare transports share a bit with others, so
// that a detector may be asked in vain, and never is left out.
func sortOf(e *haechi.Event) uint {
	if e.Kind == haechi.KindFlow {
		return flowSorts + uint(e.Transport)%flowSorts
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

func (s sorts) has(e *haechi.Event) bool { return s>>sortOf(e)&1 != 0 }

// over is the same detector, which looks at no flows but those over some transports.
func (k networkKind) over(transports ...haechi.Transport) networkKind {
	k.hears &^= flows
	for _, t := range transports {
		k.hears |= 1 << (flowSorts + uint(t)%flowSorts)
	}
	return k
}
