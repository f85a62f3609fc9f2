package usual

import "math"

// The memory of a habit.
const (
	day     = 24
	all     = day // the slot of all hours
	settled = 5   // days that an hour of the day was seen before it counts for itself
	forget  = 30  // so many hours of a kind at most count
	clip    = 3
	least   = 0.1                  // of a deviation: a tenth more is never unusual
	wider   = 1.2533141373155001   // of a normal distribution, for its mean deviation: √(π/2)
	most    = math.MaxUint32 - 100 // hours
)

// Habit is what is usual. The zero value has seen nothing. It has no
// pointers, and is all exported, so that its owner can save it.
type Habit struct {
	Centre, Wide [day + 1]float32
	Seen         [day + 1]uint8
	Hours        uint32 // ever learned
}

// Learn takes the amount of one hour (0 to 23, UTC or not as the owner likes) in.
func (h *Habit) Learn(hour int, amount float64) {
	x := float32(math.Log1p(max(amount, 0)))
	h.slot(((hour%day)+day)%day, x, forget)
	h.slot(all, x, 255)
	h.Hours = min(h.Hours+1, most)
}

func (h *Habit) slot(i int, x float32, forget uint8) {
	h.Seen[i] = min(h.Seen[i]+1, forget)
	step := 1 / float32(h.Seen[i])
	c, w := h.Centre[i], h.Wide[i]
	if h.Seen[i] > 2 {
		reach := clip * max(w, least)
		x = min(max(x, c-reach), c+reach)
	}
	off := float32(math.Abs(float64(x - c)))
	if h.Seen[i] == 1 {
		off = 0
	}
	h.Centre[i] = c + step*(x-c)
	h.Wide[i] = w + step*(wider*off-w)
}

// Line is the amount that lies so many deviations above what is usual at an hour. It is
// infinite before anything was learned.
func (h *Habit) Line(hour int, deviations float64) float64 {
	if h.Hours == 0 {
		return math.Inf(1)
	}
	i := ((hour % day) + day) % day
	if h.Seen[i] < settled {
		i = all
	}
	// What was seen a few times is known less well than its deviation says.
	wide := max(h.Wide[i], least) * (1 + 4/float32(h.Seen[i]))
	return math.Expm1(float64(h.Centre[i]) + deviations*float64(wide))
}
