package sieve

import (
	"slices"
	"sync/atomic"

	"haechi"
	"haechi/internal/inspect/waf"
)

// Sampler is the sieve with the oracle asked about some of the requests that it clears,
// so that a difference is found in production as well. It is safe for concurrent use.
type Sampler struct {
	sieve   *Sieve
	every   uint64
	n       atomic.Uint64
	asked   atomic.Uint64
	differs atomic.Uint64
	report  func(v *waf.View, want *waf.Result)
}

// Sample has the oracle judge one of every so many cleared requests; 0 means 1, that is
// all. report, which may be nil, is told of each difference and must keep neither value.
func Sample(s *Sieve, every uint64, report func(v *waf.View, want *waf.Result)) *Sampler {
	return &Sampler{sieve: s, every: max(every, 1), report: report}
}

// Judge implements [waf.Engine]. Where both were asked, the answer is the oracle's.
func (s *Sampler) Judge(v *waf.View, out *waf.Result) error {
	cleared, _ := s.sieve.Clear(v, out)
	if cleared && s.n.Add(1)%s.every != 0 {
		return nil
	}
	mine := slices.Clone(out.IDs)
	out.Reset()
	if err := s.sieve.oracle.Judge(v, out); err != nil || !cleared {
		return err
	}
	s.asked.Add(1)
	slices.Sort(mine)
	if out.Score == 0 && len(out.Hits) == 0 && slices.Equal(mine, slices.Sorted(slices.Values(out.IDs))) {
		return nil
	}
	s.differs.Add(1)
	if s.report != nil {
		s.report(v, out)
	}
	return nil
}

// Rule implements [waf.Engine].
func (s *Sampler) Rule(id int) (haechi.HitRule, bool) { return s.sieve.Rule(id) }

// Counts returns about how many cleared requests the oracle was asked, and about how
// many of them it differed.
func (s *Sampler) Counts() (asked, differed uint64) { return s.asked.Load(), s.differs.Load() }
