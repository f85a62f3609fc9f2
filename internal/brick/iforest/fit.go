package iforest

import (
	"math/bits"
	"math/rand/v2"
)

// Config is how a forest is grown.
type Config struct {
	Trees  int    // 1 to 4,096; the paper's 100
	Sample int    // rows of each tree, 2 to 256; the paper's 256; fewer if there are fewer
	Seed   uint64 // the same seed and rows give the same forest
}

// Defaults are the paper's.
func Defaults() Config { return Config{Trees: 100, Sample: MaxSample, Seed: 1} }

// Fit grows a forest of rows, each of so many features, one after the other. NaN counts
// as less than any number.
func Fit(cfg Config, rows []float32, features int) (*Forest, error) {
	if features < 1 || features > MaxFeatures || len(rows)%features != 0 || len(rows)/features < 2 ||
		cfg.Trees < 1 || cfg.Trees > maxTrees || cfg.Sample < 2 || cfg.Sample > MaxSample {
		return nil, ErrShape
	}
	n := len(rows) / features
	f := &Forest{trees: make([]tree, cfg.Trees), features: features, sample: min(cfg.Sample, n)}
	g := newGrower(cfg.Seed, features)
	for i := range f.trees {
		g.draw(rows, n, f.sample)
		g.grow(&f.trees[i])
	}
	return f, nil
}

// grower grows one tree after the other; it is what they share.
type grower struct {
	rng      *rand.PCG
	features int
	n        int
	columns  [MaxFeatures * MaxSample]float32 // the sample, by feature
	rows     [MaxSample]uint8                 // its rows, those of a node together
	drawn    [4 * MaxSample]uint32            // which rows the sample is of
	taken    [4 * MaxSample]uint32            // those again, hashed; 0 is free
}

func newGrower(seed uint64, features int) *grower {
	return &grower{rng: rand.NewPCG(seed, 0x9e3779b97f4a7c15), features: features}
}

// below is a random number below n, which is small: its bias is under n/2^32.
func (g *grower) below(n int) int {
	hi, _ := bits.Mul64(g.rng.Uint64(), uint64(n))
	return int(hi)
}

// unit is a random number of [0, 1).
func (g *grower) unit() float32 { return float32(g.rng.Uint64()>>40) / (1 << 24) }

// draw takes a sample of the n rows without replacement.
func (g *grower) draw(rows []float32, n, sample int) {
	g.n = sample
	if n > len(g.drawn) {
		g.pick(n, sample)
	} else {
		g.shuffle(n, sample)
	}
	for i, at := range g.drawn[:sample] {
		row := rows[int(at)*g.features:]
		row = row[:g.features]
		for k, v := range row {
			g.columns[k*MaxSample+i] = v
		}
	}
}

// shuffle is for few rows: the beginning of a permutation.
func (g *grower) shuffle(n, sample int) {
	for i := range n {
		g.drawn[i] = uint32(i)
	}
	for i := range sample {
		j := i + g.below(n-i)
		g.drawn[i], g.drawn[j] = g.drawn[j], g.drawn[i]
	}
}

// pick is for many rows: numbers by chance, and again where one was drawn already. It
// touches no memory but its own, where a permutation of all rows would miss the caches.
func (g *grower) pick(n, sample int) {
	clear(g.taken[:])
	for i := 0; i < sample; {
		v := uint32(g.below(n)) + 1
		at := v * 2654435761 >> 22
		for g.taken[at] != 0 && g.taken[at] != v {
			at = (at + 1) % uint32(len(g.taken))
		}
		if g.taken[at] == 0 {
			g.taken[at], g.drawn[i] = v, v-1
			i++
		}
	}
}

// grow grows a tree of the sample.
func (g *grower) grow(t *tree) {
	for i := range g.n {
		g.rows[i] = uint8(i)
	}
	g.split(t, 1, 0, 0, g.n)
}

// split cuts the rows from lo to hi at random: a feature that is not the same for all of
// them, and a value between its least and its greatest.
func (g *grower) split(t *tree, at, depth, lo, hi int) {
	if hi-lo <= 1 || depth == levels {
		t.setLeaf(at, depth, hi-lo)
		return
	}
	feature, least, most, ok := g.choose(lo, hi)
	if !ok {
		t.setLeaf(at, depth, hi-lo)
		return
	}
	cut := least + (most-least)*g.unit()
	if !(cut >= least && cut < most) { // rounding, or a range beyond float32
		cut = least
	}
	t.size[at], t.feature[at], t.threshold[at] = uint16(hi-lo), uint8(feature), cut
	mid := g.partition(feature, cut, lo, hi)
	g.split(t, 2*at, depth+1, lo, mid)
	g.split(t, 2*at+1, depth+1, mid, hi)
}

// choose picks a feature by chance among those that differ.
func (g *grower) choose(lo, hi int) (feature int, least, most float32, ok bool) {
	feature = g.below(g.features)
	if least, most = g.bounds(feature, lo, hi); most > least {
		return feature, least, most, true
	}
	same := uint32(1) << feature // features in which the rows are the same
	for n := g.features - 1; n > 0; n-- {
		feature = g.other(same, g.below(n))
		if least, most = g.bounds(feature, lo, hi); most > least {
			return feature, least, most, true
		}
		same |= 1 << feature
	}
	return 0, 0, 0, false
}

// other is the n-th feature that is not in the set.
func (g *grower) other(set uint32, n int) int {
	for k := range g.features {
		if set>>k&1 != 0 {
			continue
		}
		if n == 0 {
			return k
		}
		n--
	}
	return 0
}

func (g *grower) bounds(feature, lo, hi int) (least, most float32) {
	column := (*[MaxSample]float32)(g.columns[feature*MaxSample:])
	least = column[g.rows[lo]]
	most = least
	for _, r := range g.rows[lo+1 : hi] {
		v := column[r]
		if v < least {
			least = v
		}
		if v > most {
			most = v
		}
	}
	return least, most
}

// partition puts the rows that are at most the cut before the others, and returns where
// those begin.
func (g *grower) partition(feature int, cut float32, lo, hi int) int {
	column := (*[MaxSample]float32)(g.columns[feature*MaxSample:])
	mid := lo
	for i, r := range g.rows[lo:hi] {
		g.rows[lo+i] = g.rows[mid]
		g.rows[mid] = r
		mid += int(1 - one(column[r], cut))
	}
	return mid
}
