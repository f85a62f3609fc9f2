package exfil

import (
	"slices"
	"time"
)

const (
	parts  = 12 // of a window
	days   = 14 // that a habit remembers
	settle = 3  // days that make one
)

// hour is how much there was in a sliding window of twelve parts.
type hour struct {
	newest int64
	sum    [parts]uint64
}

func (h *hour) add(at time.Time, window time.Duration, n uint64) uint64 {
	h.advance(at.UnixNano() / max(1, int64(window)/parts))
	h.sum[uint64(h.newest)%parts] += n
	return h.total()
}

func (h *hour) advance(part int64) {
	if part-h.newest >= parts {
		h.sum, h.newest = [parts]uint64{}, part
	}
	for h.newest < part {
		h.newest++
		h.sum[uint64(h.newest)%parts] = 0
	}
}

func (h *hour) total() (n uint64) {
	for _, s := range h.sum {
		n += s
	}
	return n
}

// habit is each day's greatest hour.
type habit struct {
	day   int64
	today uint64
	past  [days]uint64
	n     int // days in past ever
}

// learn takes an hour's sum.
func (h *habit) learn(at time.Time, sum uint64) {
	h.turn(at)
	h.today = max(h.today, sum)
}

func (h *habit) turn(at time.Time) {
	day := at.Unix() / 86400
	if day <= h.day {
		return
	}
	if h.today > 0 {
		h.past[h.n%days] = h.today
		h.n++
	}
	h.day, h.today = day, 0
}

// settled reports whether there are days enough to call it a habit.
func (h *habit) settled() bool { return h.n >= settle }

// usual is the median of the days' greatest hours, 0 without a habit.
func (h *habit) usual() uint64 {
	if !h.settled() {
		return 0
	}
	var s [days]uint64
	k := copy(s[:], h.past[:min(h.n, days)])
	slices.Sort(s[:k])
	return s[k/2]
}
