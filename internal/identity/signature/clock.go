package signature

import (
	"math"
	"time"

	"haechi"
)

// note takes the skew of one verified frame, within the accepted window or not. More
// than 24 days are taken for 24.
func (d *device) note(skew, now int64) {
	n := int32(min(max(skew, math.MinInt32), math.MaxInt32))
	if d.skewAt == 0 {
		d.skewLeast, d.skewMost = n, n
	}
	d.skew, d.skewLeast, d.skewMost, d.skewAt = n, min(d.skewLeast, n), max(d.skewMost, n), now
}

// TakeClock hands over how far the device's clock was from ours, by the frames that
// it signed since the last call; false if there were none. Frames outside the
// accepted window count as well, as they tell of a wrong clock; so does an old frame
// that somebody else sends again after it left the window.
func (v *Verifier) TakeClock(device string) (haechi.ClockSkew, bool) {
	in, name := v.shard(device)
	in.mu.Lock()
	defer in.mu.Unlock()
	d := in.devices[name]
	if d == nil || d.skewAt == 0 {
		return haechi.ClockSkew{}, false
	}
	at := time.UnixMilli(d.skewAt).UTC()
	d.skewAt = 0
	ms := func(n int32) time.Duration { return time.Duration(n) * time.Millisecond }
	return haechi.ClockSkew{Last: ms(d.skew), Min: ms(d.skewLeast), Max: ms(d.skewMost), At: at}, true
}
