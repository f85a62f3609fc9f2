package decide

import (
	"math"
	"time"

	"haechi"
)

// track is what is remembered of a scope in one mode.
type track struct {
	score   float64
	count   int       // decisions so far, less those forgiven
	lastEnd time.Time // when the latest of them ends
}

// standing is what is remembered of a scope: its score as of a time, and its past.
// Shadow findings add to the shadow track only.
type standing struct {
	scope           haechi.Scope
	at              time.Time
	enforce, shadow track
}

func (s *standing) track(m haechi.Mode) *track {
	if m == haechi.Shadow {
		return &s.shadow
	}
	return &s.enforce
}

// scoreIn is the score that counts in a mode: what a shadow rule would have added
// comes on top of what was added.
func (s *standing) scoreIn(m haechi.Mode) float64 {
	if m == haechi.Shadow {
		return s.enforce.score + s.shadow.score
	}
	return s.enforce.score
}

// decay brings the scores up to date. A time before the last one changes nothing.
func (s *standing) decay(now time.Time, half time.Duration) {
	passed := now.Sub(s.at)
	if passed <= 0 {
		return
	}
	left := math.Exp2(-float64(passed) / float64(half))
	s.enforce.score *= left
	s.shadow.score *= left
	s.at = now
}

// repeats is how many earlier decisions still count against the scope: good
// behaviour since the end of the last one takes back one each forgive.
func (t *track) repeats(now time.Time, forgive time.Duration) int {
	good := now.Sub(t.lastEnd)
	if t.count == 0 || good <= 0 {
		return t.count
	}
	return max(0, t.count-int(min(good/forgive, math.MaxInt32)))
}

// guilt orders standings when one has to be forgotten.
func (s *standing) guilt() float64 {
	return s.enforce.score + s.shadow.score + 10*float64(s.enforce.count+s.shadow.count)
}

// sampled is how many standings are looked at to find one to forget.
const sampled = 8

// standings is the bounded table of them. When it is full, the least guilty of a
// few, in turn, is forgotten: an attacker with endless addresses pushes out his own.
type standings struct {
	byScope   map[haechi.Scope]int
	slots     []standing
	hand      int
	max       int
	forgotten uint64
}

func newStandings(limit int) *standings {
	return &standings{byScope: make(map[haechi.Scope]int), max: limit}
}

// find returns the scope's standing, decayed to now, or nil. It is valid until
// the next call of get.
func (t *standings) find(s haechi.Scope, now time.Time, half time.Duration) *standing {
	i, ok := t.byScope[s]
	if !ok {
		return nil
	}
	t.slots[i].decay(now, half)
	return &t.slots[i]
}

// get returns the scope's standing, decayed to now; it makes room for a new one.
func (t *standings) get(s haechi.Scope, now time.Time, half time.Duration) *standing {
	if st := t.find(s, now, half); st != nil {
		return st
	}
	i := len(t.slots)
	if i < t.max {
		t.slots = append(t.slots, standing{})
	} else {
		i = t.leastGuilty(now, half)
		delete(t.byScope, t.slots[i].scope)
		t.forgotten++
	}
	t.slots[i] = standing{scope: s, at: now}
	t.byScope[s] = i
	return &t.slots[i]
}

func (t *standings) leastGuilty(now time.Time, half time.Duration) int {
	best := -1
	for range min(sampled, len(t.slots)) {
		t.hand = (t.hand + 1) % len(t.slots)
		t.slots[t.hand].decay(now, half)
		if best < 0 || t.slots[t.hand].guilt() < t.slots[best].guilt() {
			best = t.hand
		}
	}
	return best
}
