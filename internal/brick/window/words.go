package window

// words hands out blocks of 8-byte words in sizes of 2, 8, 32, … up to a greatest
// one, and takes them back. It never holds more than its budget, and in a steady
// state it allocates nothing.
type words struct {
	greatest int
	budget   int
	used     int
	free     [8][][]int64 // by size class
	chunk    []int64      // what the next small blocks are cut from
	cut      uint64
}

const (
	smallest  = 2
	chunkSize = 1024
)

// newWords makes a budget in which at least one key finds room through all sizes,
// and by default sixteen do.
func newWords(c Config, greatest int) words {
	keys, budget := max(1, c.Keys), c.Words
	if budget <= 0 {
		budget = max(16*keys, min(keys, 16)*3*greatest)
	}
	return words{greatest: greatest, budget: max(budget, 3*greatest)}
}

// class is the number of the size class that the block belongs to.
func class(size int) int {
	n := 0
	for s := smallest; s < size; s *= 4 {
		n++
	}
	return n
}

// grow exchanges the block for the next greater one, with the oldest word first.
// head is where the oldest word of the ring stands. It reports false when the
// block is the greatest, or the budget is spent.
func (w *words) grow(ring []int64, head int) ([]int64, bool) {
	size := min(max(smallest, 4*len(ring)), w.greatest)
	if size <= len(ring) {
		return ring, false
	}
	n := class(size)
	next, ok := w.take(n, size)
	if !ok {
		w.cut++
		return ring, false
	}
	at := copy(next, ring[head:])
	copy(next[at:], ring[:head])
	w.give(ring)
	return next, true
}

func (w *words) take(n, size int) ([]int64, bool) {
	if f := w.free[n]; len(f) > 0 {
		b := f[len(f)-1]
		w.free[n] = f[:len(f)-1]
		return b, true
	}
	if w.used+size > w.budget {
		return nil, false
	}
	w.used += size
	if size > chunkSize/8 {
		return make([]int64, size), true
	}
	if len(w.chunk) < size {
		w.chunk = make([]int64, chunkSize)
	}
	b := w.chunk[:size:size]
	w.chunk = w.chunk[size:]
	return b, true
}

func (w *words) give(block []int64) {
	if len(block) > 0 {
		n := class(len(block))
		w.free[n] = append(w.free[n], block)
	}
}

// Cut counts how often the budget was spent when a key needed more of it.
func (w *words) Cut() uint64 { return w.cut }
