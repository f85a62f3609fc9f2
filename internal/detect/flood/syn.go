package flood

import (
	"haechi"
	"haechi/internal/detect"
)

// TCP flags.
const (
	syn, rst, psh, ack = 2, 4, 8, 16
)

// SYN finds SYN floods.
type SYN struct{ *engine }

// NewSYN returns a detector of syn_flood.
func NewSYN(rule detect.Rule, _ detect.Site, cfg SYNConfig) *SYN {
	calm := func(_ *victim, l amount, times float64) bool {
		return float64(l.begun-l.done)+float64(l.over) <= float64(cfg.Syns)*times
	}
	return &SYN{newEngine(rule, "syn", cfg.Window, cfg.Answer, calm, func(v *victim, sum cell, old, open uint64) (verdict, bool) {
		if early := uint64(more(uint64(sum.begun), uint64(sum.done))); sum.begun > uint32(10*cfg.Syns) && sum.done*10 < sum.begun {
			open, old = max(open, early), max(old, uint64(sum.begun)) // so many at once, and none of the first completed either
		}
		r := verdict{observed: float64(open), threshold: float64(cfg.Syns), facts: [2]haechi.Fact{
			{Name: "port", Value: float64(v.port)}, {Name: "unfinished_share", Value: float64(open) / float64(max(old, 1)), Unit: "share"}}}
		many := v.from() >= carpetSources
		ok := float64(open) >= cfg.Share*float64(old) && (many || v.onePort()) && (many || 2*uint64(sum.rejected) < open)
		return r, ok
	})}
}

// Observe implements the pipeline's detector.
func (d *SYN) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Kind != haechi.KindFlow || e.Transport != haechi.TCP || !e.Target.IsValid() || e.First&(syn|ack) != syn || e.State == haechi.FlowAnswerOnly {
		return out
	}
	if completed(e.Before) {
		return out // it was told of, and nothing more counts
	}
	s := see(e)
	if s.first {
		return d.begin(&s, e, out)
	}
	s.settled = e.Before != haechi.FlowUnknown && completed(e.State)
	answered := completed(e.State) || e.FlagsIn&ack != 0 && e.State != haechi.FlowRejected
	return d.goOn(&s, answered, e.State == haechi.FlowRejected, e, out)
}

// completed reports whether a handshake was.
func completed(s haechi.FlowState) bool {
	return s == haechi.FlowEstablished || s == haechi.FlowClosed || s == haechi.FlowReset
}
