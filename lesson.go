package haechi

// MaxNoted bounds what a [Lesson] holds.
const MaxNoted = 16

// Lesson is what an inspector noted of a request, to be learned if the answer is good. It
// belongs to whoever carries the request, and is used again.
type Lesson struct {
	// Clean says that nothing was found in the request: it may teach.
	Clean bool
	N     int
	Noted [MaxNoted]Noted
}

// Noted is what one parameter held, without its value.
type Noted struct {
	Key    uint64
	Kind   uint8
	Length uint16
	// Route and Name are set for a parameter that is not known yet.
	Route, Name string
}

// Reset forgets the request.
func (l *Lesson) Reset() {
	clear(l.Noted[:l.N])
	l.N, l.Clean = 0, false
}
