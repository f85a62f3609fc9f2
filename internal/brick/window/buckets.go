package window

// subs is the number of sub-windows.
const subs = 16

// buckets adds up two amounts by sub-window. The newest sub-window is the one
// that is being filled, so that between 15/16 and all of the window is covered.
type buckets struct {
	newest int64 // number of the newest sub-window since the epoch
	sum    [subs]uint64
	of     [subs]uint64
}

func sub(at, window int64) int64 {
	w := max(1, window/subs)
	n := at / w
	if at < 0 && at%w != 0 {
		n--
	}
	return n
}

func (b *buckets) advance(n int64) {
	if n-b.newest >= subs {
		b.sum, b.of = [subs]uint64{}, [subs]uint64{}
		b.newest = n
	}
	for b.newest < n {
		b.newest++
		i := uint64(b.newest) % subs
		b.sum[i], b.of[i] = 0, 0
	}
}

func (b *buckets) add(at, window int64, sum, of uint64) {
	n := sub(at, window)
	b.advance(n)
	i := uint64(n) % subs
	b.sum[i] += sum
	b.of[i] += of
}

func (b *buckets) total(at, window int64) float64 {
	s, _ := b.totals(at, window)
	return s
}

func (b *buckets) totals(at, window int64) (sum, of float64) {
	b.advance(sub(at, window))
	for i := range subs {
		sum += float64(b.sum[i])
		of += float64(b.of[i])
	}
	return sum, of
}

// first is the start of the oldest sub-window that holds something.
func (b *buckets) first(window int64) int64 {
	w := max(1, window/subs)
	for n := b.newest - subs + 1; n <= b.newest; n++ {
		if i := uint64(n) % subs; b.sum[i] != 0 || b.of[i] != 0 {
			return n * w
		}
	}
	return b.newest * w
}

// Sums is the sum of amounts for each key within the window.
type Sums struct {
	table[buckets]
	share bool
}

// NewSums makes a table of sums: a sample adds N times Value.
func NewSums(c Config) *Sums { return newSums(c, false) }

// Shares is the share of hits for each key within the window.
type Shares = Sums

// NewShares makes a table of shares, 0 to 1: a sample adds Value hits of N.
func NewShares(c Config) *Shares { return newSums(c, true) }

func newSums(c Config, share bool) *Sums {
	return &Sums{table: newTable(c, func(b *buckets) { *b = buckets{} }), share: share}
}

// Add implements [Counter].
func (c *Sums) Add(key uint64, at int64, s Sample) (Reading, bool) {
	e := c.get(key, at)
	if e == nil {
		return Reading{}, false
	}
	at = e.last
	amount := s.Value
	if !c.share {
		amount *= s.N
	}
	e.val.add(at, c.window, amount, s.N)
	sum, of := e.val.totals(at, c.window)
	r := Reading{Value: sum, Total: sum, First: min(at, e.val.first(c.window)), memo: &e.memo}
	if c.share {
		r.Total, r.Value = of, 0
		if of > 0 {
			r.Value = sum / of
		}
	}
	return r, true
}

// Cut is always 0: sums need no words.
func (c *Sums) Cut() uint64 { return 0 }
