package beacon

import (
	"math/rand/v2"
	"testing"
)

// odds is the share of n random series that chance takes for regular at the level.
func odds(intervals int, level float64, next func(*rand.Rand) float64) float64 {
	r := rand.New(rand.NewPCG(7, 9))
	const rounds = 4000
	hits := 0
	var scratch, other [keep]float32
	for range rounds {
		var s ring
		for range intervals {
			s.add(float32(next(r)))
		}
		sorted := s.sorted(&scratch)
		median, _ := spread(sorted, &other)
		if chance(sorted, median) <= level {
			hits++
		}
	}
	return float64(hits) / rounds
}

func TestChanceKeepsItsPromiseForArrivalsWithoutMemory(t *testing.T) {
	for _, n := range []int{few, 13, 20, keep} {
		if got := odds(n, 0.01, (*rand.Rand).ExpFloat64); got > 0.016 {
			t.Errorf("%d intervals: %v of the series are taken for regular at 0.01", n, got)
		}
	}
}

func TestJitterIsStillRegular(t *testing.T) {
	for _, c := range []struct {
		name  string
		n     int
		least float64
		next  func(*rand.Rand) float64
	}{
		{"exact", few, 1, func(*rand.Rand) float64 { return 60 }},
		{"a tenth", 12, 0.99, func(r *rand.Rand) float64 { return 60 * (0.9 + 0.2*r.Float64()) }},
		{"down to a half", 30, 0.95, func(r *rand.Rand) float64 { return 60 * (0.5 + 0.5*r.Float64()) }},
		{"a third of it orders", 24, 0.95, func(r *rand.Rand) float64 {
			if r.IntN(3) == 0 {
				return 1 + 2*r.ExpFloat64()
			}
			return 5 + 0.1*r.Float64()
		}},
	} {
		if got := odds(c.n, 1e-4, c.next); got < c.least {
			t.Errorf("%s: only %v of the series are taken for regular", c.name, got)
		}
	}
}

func TestLogTail(t *testing.T) {
	if got := logTail(10, 10, 0.5); got > -6.93 || got < -6.94 {
		t.Errorf("ten of ten: %v", got)
	}
	if got := logTail(10, 0, 0.5); got != 0 {
		t.Errorf("none of ten: %v", got)
	}
}
