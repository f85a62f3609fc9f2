package brute

import (
	"testing"

	"pgregory.net/rapid"
)

// TestCrowd: whatever comes in whatever order, a crowd holds the clients that one would
// which looks for the oldest each time, in the same places.
func TestCrowd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var got, want crowd
		now := int64(0)
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			who := rapid.Uint64Range(1, 60).Draw(t, "client")
			now += rapid.Int64Range(-1, 2).Draw(t, "passes")
			if rapid.IntRange(0, 9).Draw(t, "do") == 0 {
				if got.drop(who) != want.plainDrop(who) {
					t.Fatalf("%d is there for one only", who)
				}
			} else {
				got.add(who, now)
				want.plainAdd(who, now)
			}
			if got.who != want.who || got.at != want.at {
				t.Fatalf("it holds %v %v, want %v %v", got.who, got.at, want.who, want.at)
			}
		}
	})
}

func (v *crowd) plainAdd(client uint64, now int64) {
	oldest := 0
	for i, who := range v.who {
		if who == client {
			v.at[i] = now
			return
		}
		if v.at[i] < v.at[oldest] {
			oldest = i
		}
	}
	v.who[oldest], v.at[oldest] = client, now
}

func (v *crowd) plainDrop(client uint64) bool {
	for i, who := range v.who {
		if who == client {
			v.who[i], v.at[i] = 0, 0
			return true
		}
	}
	return false
}
