package window

// values is a set of value hashes and the time each was seen last, as pairs.
type values struct {
	pairs []int64 // value, time, value, time, …
	n     int     // pairs in use
}

// Distincts is how many different values each key showed within the window.
type Distincts struct {
	table[values]
	words
}

// NewDistincts makes a table of distinct values. A Limit outside 0 to MaxDistinct
// is brought into that range.
func NewDistincts(c Config) *Distincts {
	d := &Distincts{words: newWords(c, 2*(min(max(c.Limit, 0), MaxDistinct)+1))}
	d.table = newTable(c, func(v *values) {
		d.give(v.pairs)
		*v = values{}
	})
	return d
}

// Add implements [Counter]; Sample.Value is the value's hash.
func (d *Distincts) Add(key uint64, at int64, s Sample) (Reading, bool) {
	e := d.get(key, at)
	if e == nil {
		return Reading{}, false
	}
	at = e.last
	v := &e.val
	v.expire(at - d.window)
	if s.N > 0 {
		d.see(v, int64(s.Value), at)
	}
	r := Reading{Value: float64(v.n), Total: float64(v.n), First: at, memo: &e.memo}
	if i := v.oldest(); i >= 0 {
		r.First = v.pairs[2*i+1]
	}
	return r, true
}

func (v *values) expire(until int64) {
	for i := 0; i < v.n; {
		if v.pairs[2*i+1] > until {
			i++
			continue
		}
		v.n--
		copy(v.pairs[2*i:2*i+2], v.pairs[2*v.n:2*v.n+2])
	}
}

// oldest is the index of the pair seen longest ago, -1 if there is none.
func (v *values) oldest() int {
	best := -1
	for i := range v.n {
		if best < 0 || v.pairs[2*i+1] < v.pairs[2*best+1] {
			best = i
		}
	}
	return best
}

// see marks the value as seen; a new one takes the place of the oldest when there
// are more than the limit already.
func (d *Distincts) see(v *values, value, at int64) {
	for i := range v.n {
		if v.pairs[2*i] == value {
			v.pairs[2*i+1] = at
			return
		}
	}
	i := v.n
	if 2*i == len(v.pairs) {
		if next, ok := d.grow(v.pairs, 0); ok {
			v.pairs = next
		} else if i = v.oldest(); i < 0 {
			return // not even the smallest block was to be had
		}
	}
	v.pairs[2*i], v.pairs[2*i+1] = value, at
	v.n = max(v.n, i+1)
}
