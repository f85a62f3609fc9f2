package flood

import "time"

// window is sixteen cells, of which fifteen make up the window and one fills.
type window struct {
	loud  uint16 // a bit for each cell that could be a flood
	cells [16]cell
}

// weigh notes whether a cell that was changed could be a flood.
func (w *window) weigh(c *cell) {
	bit := uint16(1) << (c.when & 15)
	w.loud &^= bit
	if c.packets > sketchFrom || c.bytes > 1<<20 || c.odd > 0 {
		w.loud |= bit
	}
}

// cell is what began or was added in a sixteenth of the time.
type cell struct {
	when           int64 // number of the cell since 1970
	since          int64 // the first that was counted in it
	begun          uint32
	done           uint32 // of those: answered
	failed         uint32 // of those: over, and not answered
	rejected       uint32 // of those: refused
	fragments, odd uint32
	packets        uint64
	bytes          uint64
}

// amount is what was counted of a target in an epoch, which is as long as a window.
type amount struct {
	begun, over, fragments, odd uint32
	done                        uint32 // of those that began in it: answered, as far as the sensor follows them
	packets, bytes              uint64
}

func (l *amount) add(d delta) {
	l.packets += d.packets
	l.bytes += d.bytes
	l.fragments += d.fragments
	l.odd += d.odd
}

func (l *amount) join(o *amount) {
	l.add(delta{o.packets, o.bytes, o.fragments, o.odd})
	l.begun += o.begun
	l.over += o.over
	l.done += o.done
}

// at returns the cell of a time; nil if it has left the window.
func (w *window) at(t int64, width int64) *cell {
	n := t / width
	c := &w.cells[n&15]
	if c.when > n {
		return nil
	}
	if c.when < n {
		*c = cell{when: n, since: t}
		w.loud &^= 1 << (n & 15)
	}
	c.since = min(c.since, t)
	return c
}

// spread adds amounts to the cells of a span of time, at most a window.
func (w *window) spread(from, to, width int64, d delta) {
	first, last := max(from/width, to/width-14), to/width
	n := uint64(max(last-first+1, 1))
	for i := first; i <= last; i++ {
		if c := w.at(max(i*width, from), width); c != nil {
			c.packets += d.packets / n
			c.bytes += d.bytes / n
			c.fragments += uint32(uint64(d.fragments) / n)
			c.odd += uint32(uint64(d.odd) / n)
			w.weigh(c)
		}
	}
	if c := w.at(to, width); c != nil { // what the division left over
		c.packets += d.packets % n
		c.bytes += d.bytes % n
		c.fragments += uint32(uint64(d.fragments) % n)
		c.odd += uint32(uint64(d.odd) % n)
		w.weigh(c)
	}
}

// sum adds up the window that ends now. old is what began and had the time that an
// answer takes, open what of it is not done.
func (w *window) sum(now, width int64, answer time.Duration) (s cell, old, open uint64) {
	newest := now / width
	for i := range w.cells {
		c := &w.cells[i]
		if c.when <= newest-15 || c.when > newest {
			continue
		}
		s.begun += c.begun
		s.done += c.done
		s.failed += c.failed
		s.rejected += c.rejected
		s.fragments += c.fragments
		s.odd += c.odd
		s.packets += c.packets
		s.bytes += c.bytes
		o, n := c.old(now-int64(answer), min(now, (c.when+1)*width))
		old, open = old+o, open+n
	}
	return s, old, open
}

// old is what began before a time, in a cell that fills until another: of what is too
// young the share that is not. open is what of that is not answered, as if all that is
// answered were old.
func (c *cell) old(before, until int64) (old, open uint64) {
	begun := float64(c.begun)
	if span := until - c.since; before < until && span > 0 {
		begun *= min(max(float64(before-c.since)/float64(span), 0), 1)
	}
	open = max(more(uint64(begun), uint64(c.done)), uint64(c.failed))
	return max(uint64(begun), open), open
}
