package usual_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"haechi/internal/brick/usual"
)

// days learns so many days of an amount that is ten times as much at noon as at night.
func days(n int) *usual.Habit {
	h, r := &usual.Habit{}, rand.New(rand.NewPCG(1, 2))
	for d := range n * 24 {
		h.Learn(d%24, level(d%24)*(0.8+0.4*r.Float64()))
	}
	return h
}

func level(hour int) float64 {
	if hour >= 9 && hour < 18 {
		return 10e6
	}
	return 1e6
}

func TestNothingIsUnusualBeforeAnythingWasLearned(t *testing.T) {
	if h := (&usual.Habit{}); !math.IsInf(h.Line(3, 5), 1) {
		t.Errorf("line %v", h.Line(3, 5))
	}
}

func TestEachHourHasALineOfItsOwn(t *testing.T) {
	h := days(14)
	for hour := range 24 {
		if line := h.Line(hour, 0); line < 0.7*level(hour) || line > 1.4*level(hour) {
			t.Errorf("hour %d: centre %v, is %v", hour, line, level(hour))
		}
		if line := h.Line(hour, 5); line < 1.5*level(hour) {
			t.Errorf("hour %d: what is usual is above the line %v", hour, line)
		}
	}
}

func TestOneOutlierMovesLittle(t *testing.T) {
	h := days(14)
	before := h.Line(12, 0)
	h.Learn(12, 1e15)
	if after := h.Line(12, 0); after > 1.3*before {
		t.Errorf("centre %v became %v", before, after)
	}
}

func TestAChangeThatLastsIsLearned(t *testing.T) {
	h := days(14)
	for range 60 {
		h.Learn(12, 100e6)
	}
	if line := h.Line(12, 0); line < 60e6 || line > 130e6 {
		t.Errorf("centre %v after two months of 100e6", line)
	}
}

func FuzzHabit(f *testing.F) {
	f.Add(3, 1e6, 1e12)
	f.Add(-5, -1.0, 0.0)
	f.Fuzz(func(t *testing.T, hour int, a, b float64) {
		if math.IsNaN(a) || math.IsNaN(b) {
			return
		}
		h := &usual.Habit{}
		for range 10 {
			h.Learn(hour, min(a, 1e300))
			h.Learn(hour, min(b, 1e300))
		}
		if low, high := h.Line(hour, 0), h.Line(hour, 5); math.IsNaN(low) || high < low || low < 0 {
			t.Fatalf("lines %v and %v", low, high)
		}
	})
}
