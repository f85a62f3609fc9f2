package parking

// Wheel is a wheel with places of its own, for tests against a model.
type Wheel struct {
	b slab
	w wheel
}

func NewWheel(n int) *Wheel {
	x := &Wheel{}
	x.b.max = uint32(n)
	x.w.slab = &x.b
	for range n {
		x.b.take(0, nil, false)
	}
	return x
}

func (x *Wheel) Set(i, due uint32)          { x.w.set(i, x.b.get(i), due) }
func (x *Wheel) Remove(i uint32)            { x.w.remove(i) }
func (x *Wheel) Advance(to uint32) []uint32 { return x.w.advance(to, nil) }

// Workers is how many goroutines the lot has for its wakes.
func (l *Lot) Workers() int {
	l.crew.mu.Lock()
	defer l.crew.mu.Unlock()
	return l.crew.live
}
