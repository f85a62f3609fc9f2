package tally_test

import (
	"fmt"
	"math"
	"testing"

	"haechi/internal/brick/tally"
)

func TestCount(t *testing.T) {
	for name, hash := range map[string]func(int) uint64{
		"texts":   func(i int) uint64 { return tally.Hash(0, fmt.Sprintf("host%d.example.com", i), true) },
		"numbers": func(i int) uint64 { return tally.Mix(7, uint64(i)) },
	} {
		var s tally.Set
		for i := range 2000 {
			for range 3 {
				s.Add(hash(i))
			}
			n := float64(i + 1)
			if got := float64(s.Count()); math.Abs(got-n) > max(2, 0.1*n) {
				t.Fatalf("%s: %v of %v", name, got, n)
			}
		}
	}
}

func TestAddTellsWhatIsNew(t *testing.T) {
	var s tally.Set
	if !s.Add(1) || s.Add(1) || !s.Add(2) || s.Count() != 2 {
		t.Error("new or not is told wrongly")
	}
	for i := range uint64(1 << 20) {
		s.Add(i)
	}
	if n := s.Count(); n < 2000 || n > 8000 {
		t.Errorf("a full set counts %d", n)
	}
}

func TestLettersFold(t *testing.T) {
	if tally.Hash(0, "A.Example", true) != tally.Hash(0, "a.example", true) || tally.Hash(0, "A", false) == tally.Hash(0, "a", false) {
		t.Error("letters fold where they must not, or the other way round")
	}
}
