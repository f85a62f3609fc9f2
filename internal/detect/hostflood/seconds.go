package hostflood

import "time"

// longest is how many seconds are kept.
const longest = 60

// seconds adds an amount up second by second.
type seconds struct {
	newest int64
	n      [longest]float64
}

// advance forgets what is older than the longest window.
func (s *seconds) advance(second int64) {
	if second-s.newest >= longest {
		s.n = [longest]float64{}
		s.newest = second
	}
	for s.newest < second {
		s.newest++
		s.n[s.newest%longest] = 0
	}
}

// add spreads an amount over the time that ended at a second, evenly.
func (s *seconds) add(second int64, span time.Duration, amount float64) {
	s.advance(second)
	parts := min(max(int64((span+time.Second/2)/time.Second), 1), longest)
	for i := range parts {
		s.n[(s.newest-i)%longest] += amount / float64(parts)
	}
}

// sum adds up the newest seconds.
func (s *seconds) sum(second int64, window time.Duration) (sum float64) {
	s.advance(second)
	for i := range min(int64(window/time.Second), longest) {
		sum += s.n[(s.newest-i)%longest]
	}
	return sum
}
