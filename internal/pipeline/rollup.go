package pipeline

import (
	"haechi"
)

// maxRolls bounds the roll-ups of one second; beyond it, only kind and outcome
// are told apart.
const maxRolls = 512

// rollup adds up one shard's events by second for the detectors across actors.
type rollup struct {
	put    func(*haechi.Event, uint64)
	second int64
	index  map[roll]int
	events []haechi.Event
}

type roll struct {
	service          string
	reason           haechi.Reason
	kind             haechi.Kind
	outcome          haechi.Outcome
	provoked, shadow bool
}

func newRollup(put func(*haechi.Event, uint64)) *rollup {
	return &rollup{put: put, index: map[roll]int{}}
}

func (r *rollup) add(e *haechi.Event) {
	if s := e.Time.Unix(); s != r.second {
		r.flush()
		r.second = s
	}
	k := roll{e.Service, e.Reason, e.Kind, e.Outcome, e.Provoked, e.Shadow}
	i, ok := r.index[k]
	if !ok {
		if len(r.events) >= maxRolls {
			k = roll{kind: k.kind, outcome: k.outcome}
		}
		if i, ok = r.index[k]; !ok {
			i = len(r.events)
			r.index[k] = i
			r.events = append(r.events, haechi.Event{Time: e.Time, Service: k.service, Reason: k.reason,
				Kind: k.kind, Outcome: k.outcome, Provoked: k.provoked, Shadow: k.shadow})
		}
	}
	sum := &r.events[i]
	sum.Count += e.N()
	if e.Time.After(sum.Time) {
		sum.Time = e.Time
	}
	sum.BytesIn += e.BytesIn
	sum.BytesOut += e.BytesOut
}

// flush passes on what was added up, in the order of first appearance.
func (r *rollup) flush() {
	for i := range r.events {
		r.put(&r.events[i], 0)
	}
	clear(r.events)
	r.events = r.events[:0]
	clear(r.index)
}
