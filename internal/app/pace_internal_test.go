package app

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	const mib = 1 << 20
	p := pace{busy: 400}
	at := func(ms int) time.Time { return time.UnixMilli(1_800_000_000_000 + int64(ms)) }
	for i, step := range []struct {
		ms    int
		count uint64
		live  uint64 // of a rest; 0: a collection
		want  int    // 0: it stays
	}{
		{ms: 0, count: 1},
		{ms: 10, count: 2}, // not calm: nothing to change
		{ms: 20, count: 3},
		{ms: 30, count: 4},
		{live: 32 * mib, want: 50},
		{ms: 1000, count: 4}, // the rest's own
		{ms: 1010, count: 5}, // the first since the rest
		{ms: 1200, count: 6}, // a burst of logins
		{ms: 1390, count: 7},
		{ms: 1590, count: 8},
		{ms: 1789, count: 9},
		{ms: 1800, count: 10},
		{ms: 1999, count: 11, want: 400}, // it does not end
		{ms: 2000, count: 12},
		{live: 1 << 30, want: 25}, // a large heap is not collected for nothing
		{ms: 9000, count: 13},
		{ms: 9001, count: 14},
		{ms: 9002, count: 15},
		{ms: 9003, count: 16, want: 400},
		{live: 4 * mib}, // a small one has the room anyway
		{ms: 9004, count: 17},
	} {
		got, change := 0, false
		if step.live > 0 {
			got, change = p.rested(step.live)
		} else {
			got, change = p.collected(at(step.ms), step.count)
		}
		if change != (step.want != 0) || got != step.want {
			t.Errorf("step %d: %d, %v; want %d", i, got, change, step.want)
		}
	}
	for _, busy := range []int{0, 10} { // the collector is off, or collects more than that
		if percent, change := (&pace{busy: busy}).rested(32 * mib); change {
			t.Errorf("started with %d, and %d is set", busy, percent)
		}
	}
}
