package parking_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"haechi/internal/brick/parking"
)

// TestWheelModel compares the wheel with a plain map: whoever is due is told, once,
// at the first tick that is not before its deadline, and nobody else.
func TestWheelModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const places = 8
		w, due, now := parking.NewWheel(places), map[uint32]uint32{}, uint32(0)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			id := rapid.Uint32Range(0, places-1).Draw(t, "place")
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				at := now + rapid.OneOf(rapid.Uint32Range(1, 5), rapid.Uint32Range(900, 1100), rapid.Uint32Range(1, 5000)).Draw(t, "in")
				w.Set(id, at)
				due[id] = at
			case 1:
				w.Remove(id)
				delete(due, id)
			case 2:
				w.Set(id, 0)
				delete(due, id)
			default:
				now += rapid.OneOf(rapid.Just(uint32(1)), rapid.Uint32Range(1, 4000)).Draw(t, "on")
				var want []uint32
				for i, at := range due {
					if at <= now {
						want = append(want, i)
						delete(due, i)
					}
				}
				got := w.Advance(now)
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Fatalf("at %d: told %v, want %v", now, got, want)
				}
			}
		}
	})
}
