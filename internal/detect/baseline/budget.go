package baseline

import (
	"math"
	"slices"
)

const (
	remembered = 14 // days of scores
	most       = 64 // scores of a day
	settling   = 3  // days before the line means something
)

// budget draws a line by rank: above it lay as many scores a day as are allowed.
type budget struct {
	day   int64
	top   [remembered][most]float32 // of each day, the greatest ones, in order
	count [remembered]uint8
	days  int // days ever begun
	line  float32
}

// drawn reports whether the line rests on days enough.
func (b *budget) drawn() bool { return b.days >= settling }

// note takes a score of a day in. The line changes when a day is over.
func (b *budget) note(day int64, score, allowed, floor float32) {
	b.turn(day, allowed, floor)
	t, n := &b.top[b.days%remembered], int(b.count[b.days%remembered])
	if n == most && score <= t[most-1] {
		return
	}
	at, _ := slices.BinarySearchFunc(t[:n], score, func(a, s float32) int {
		if a > s {
			return -1
		}
		return 1
	})
	n = min(n+1, most)
	copy(t[at+1:n], t[at:n-1])
	t[at] = score
	b.count[b.days%remembered] = uint8(n)
}

func (b *budget) turn(day int64, allowed, floor float32) {
	if day <= b.day && b.line > 0 {
		return
	}
	if b.day != 0 && day > b.day {
		b.line = b.draw(allowed, floor)
		b.days++
		b.count[b.days%remembered] = 0
	}
	b.day, b.line = day, max(b.line, floor)
}

// draw is the line for the days that are remembered, at least the floor.
func (b *budget) draw(allowed, floor float32) float32 {
	var all []float32
	days := min(b.days+1, remembered)
	for i := range days {
		all = append(all, b.top[i][:b.count[i]]...)
	}
	k := int(math.Floor(float64(allowed) * float64(days)))
	if k >= len(all) {
		return floor
	}
	slices.Sort(all)
	return max(floor, all[len(all)-1-k])
}
