package signature

import (
	"time"

	"haechi"
)

// skews is how far a device's clock was from ours since somebody last asked.
type skews struct {
	last, min, max, at int64 // milliseconds; at is ours, 0: nothing new
}

// note takes one verified frame, within the accepted window or not.
func (s *skews) note(skew, now int64) {
	if s.at == 0 {
		s.min, s.max = skew, skew
	}
	s.last, s.min, s.max, s.at = skew, min(s.min, skew), max(s.max, skew), now
}

// TakeClock hands over how far the device's clock was from ours, by the frames that
// it signed since the last call; false if there were none. Frames outside the
// accepted window count as well, as they tell of a wrong clock; so does an old frame
// that somebody else sends again after it left the window.
func (v *Verifier) TakeClock(device string) (haechi.ClockSkew, bool) {
	d := v.known(device)
	if d == nil {
		return haechi.ClockSkew{}, false
	}
	d.mu.Lock()
	s := d.skews
	d.skews = skews{}
	d.mu.Unlock()
	if s.at == 0 {
		return haechi.ClockSkew{}, false
	}
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	return haechi.ClockSkew{Last: ms(s.last), Min: ms(s.min), Max: ms(s.max), At: time.UnixMilli(s.at).UTC()}, true
}
