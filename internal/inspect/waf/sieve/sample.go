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
	report  func(Difference)
}

// Difference is what the oracle says otherwise of a request that the sieve cleared. It
// holds nothing of the request.
type Difference struct {
	Missed, Extra []int // ids of the rules that only the oracle, or only the sieve, matched
	Score         int   // the oracle's; the sieve's was 0
}

// Sample has the oracle judge one of every so many cleared requests; 0 means 1, that is
// all. report, which may be nil, is told of each difference.
func Sample(s *Sieve, every uint64, report func(Difference)) *Sampler {
	return &Sampler{sieve: s, every: max(every, 1), report: report}
}

// Judge implements [waf.Engine]. Where both were asked, the answer is the oracle's.
func (s *Sampler) Judge(v *waf.View, out *waf.Result) error {
	if cleared, _ := s.sieve.Clear(v, out); !cleared {
		return s.sieve.oracle.Judge(v, out)
	}
	if s.n.Add(1)%s.every != 0 {
		return nil
	}
	mine := slices.Clone(out.IDs)
	out.Reset()
	if err := s.sieve.oracle.Judge(v, out); err != nil {
		return err
	}
	s.asked.Add(1)
	slices.Sort(mine)
	want := slices.Sorted(slices.Values(out.IDs))
	if out.Score == 0 && len(out.Hits) == 0 && slices.Equal(mine, want) {
		return nil
	}
	s.differs.Add(1)
	if s.report != nil {
		s.report(Difference{Missed: without(want, mine), Extra: without(mine, want), Score: out.Score})
	}
	return nil
}

// without are the ids of a that are not in b, each once; both are in order.
func without(a, b []int) []int {
	a = slices.DeleteFunc(slices.Clone(a), func(id int) bool {
		_, found := slices.BinarySearch(b, id)
		return found
	})
	return slices.Compact(a)
}

// Rule implements [waf.Engine].
func (s *Sampler) Rule(id int) (haechi.HitRule, bool) { return s.sieve.Rule(id) }

// Counts returns about how many cleared requests the oracle was asked, and about how
// many of them it differed.
func (s *Sampler) Counts() (asked, differed uint64) { return s.asked.Load(), s.differs.Load() }
