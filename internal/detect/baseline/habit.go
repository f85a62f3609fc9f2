package baseline

import "math"

// The memory of a habit.
const (
	week  = 168
	day   = 24
	slots = week + day + 1 // hours of the week, hours of the day, all
	ofDay = week
	ofAll = week + day

	settledWeek = 4 // times that an hour of the week was seen before it counts
	settledDay  = 5
	forgetWeek  = 8  // so many times at most count: weeks
	forgetDay   = 30 // days
	pooled      = 8  // times that the deviation of all days counts
	clip        = 3  // deviations beyond which a value only counts as so many
	scale       = 1024
)

// slot is centre and deviation of each of the four, in 1/1024, and how often it was
// seen.
type slot struct {
	n            uint8
	centre, wide [four]uint16
}

// habit is what somebody usually does.
type habit struct {
	slots [slots]slot
	hours uint32 // ever learned
}

// learn takes an hour of the week in.
func (h *habit) learn(at int64, v values) {
	h.slots[at%week].learn(v, forgetWeek)
	h.slots[ofDay+at%day].learn(v, forgetDay)
	h.slots[ofAll].learn(v, 255)
	h.hours = min(h.hours+1, math.MaxUint32-1)
}

// learn moves centre and deviation towards the values, the less the more were seen, and
// never towards more than clip deviations.
func (s *slot) learn(v values, forget uint8) {
	s.n = min(s.n+1, forget)
	step := 1 / float64(s.n)
	for i := range v {
		c, w := float64(s.centre[i])/scale, float64(s.wide[i])/scale
		x := float64(v[i])
		if s.n > 2 {
			reach := clip * max(w, least)
			x = min(max(x, c-reach), c+reach)
		}
		off := math.Abs(x - c)
		if s.n == 1 {
			off = 0
		}
		s.centre[i] = fixed(c + step*(x-c))
		s.wide[i] = fixed(w + step*(meanToDeviation*off-w))
	}
}

const (
	least           = 0.1    // of a deviation: less than a tenth more is never unusual
	meanToDeviation = 1.2533 // a normal distribution's deviation for its mean one, √(π/2)
)

func fixed(v float64) uint16 { return uint16(min(max(v*scale+0.5, 0), math.MaxUint16)) }

// at is the slot that says most about an hour.
func (h *habit) at(hour int64) *slot {
	if s := &h.slots[hour%week]; s.n >= settledWeek {
		return s
	}
	if s := &h.slots[ofDay+hour%day]; s.n >= settledDay {
		return s
	}
	return &h.slots[ofAll]
}

// deviations is how far above its centre at an hour each of the four is, in deviations,
// of which the noise of counting is a part. A slot that was seen a few times knows its
// centre better than its deviation: that of all hours counts for [pooled] more.
func (h *habit) deviations(hour int64, v values, events uint64) (z [four]float64) {
	s, all := h.at(hour), &h.slots[ofDay+hour%day]
	if all.n < settledDay {
		all = &h.slots[ofAll]
	}
	for i := range v {
		c, w := float64(s.centre[i])/scale, max(float64(s.wide[i])/scale, least)
		wide := max(float64(all.wide[i])/scale, least)
		n := float64(s.n)
		variance := (n*w*w + pooled*wide*wide) / (n + pooled) * (1 + 1/n)
		noise := math.Exp(-min(c, 40)) // of a count: its logarithm varies by 1/n
		switch i {
		case bytes:
			noise = math.Exp(-float64(s.centre[rate]) / scale)
		case failed:
			if events < fewEvents {
				continue
			}
			noise = c * (1 - min(c, 1)) / float64(events)
		}
		z[i] = (float64(v[i]) - c) / math.Sqrt(variance+noise)
	}
	return z
}

// fewEvents is below which a share of failures says nothing.
const fewEvents = 20
