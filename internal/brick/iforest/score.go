package iforest

const (
	lanes = 8  // rows or trees that walk side by side
	block = 16 // groups of rows that meet a tree while it is in the nearest cache
)

// group is eight rows, feature by feature.
type group [MaxFeatures * lanes]float32

// one is 1 if a is greater than b, without a jump.
func one(a, b float32) uint32 {
	if a > b {
		return 1
	}
	return 0
}

// Score is the score of one row, above 0 and at most 1. The row must have at least the
// forest's features.
func (f *Forest) Score(row []float32) float32 {
	var x [MaxFeatures]float32
	copy(x[:], row[:f.features])
	sum, i := float32(0), 0
	for ; i+4 <= len(f.trees); i += 4 {
		sum += walk4((*[4]tree)(f.trees[i:]), &x)
	}
	for ; i < len(f.trees); i++ {
		sum += f.trees[i].leaf[f.trees[i].walk(&x)]
	}
	return f.score(sum)
}

// walk is the leaf that the row comes to.
func (t *tree) walk(x *[MaxFeatures]float32) uint8 {
	at := uint32(1)
	for range levels {
		i := uint8(at)
		at = 2*at + one(x[t.feature[i]%MaxFeatures], t.threshold[i])
	}
	return uint8(at)
}

// walk4 is the sum of four trees' path lengths.
func walk4(t *[4]tree, x *[MaxFeatures]float32) float32 {
	a, b, c, d := uint32(1), uint32(1), uint32(1), uint32(1)
	for range levels {
		i, j, k, l := uint8(a), uint8(b), uint8(c), uint8(d)
		a = 2*a + one(x[t[0].feature[i]%MaxFeatures], t[0].threshold[i])
		b = 2*b + one(x[t[1].feature[j]%MaxFeatures], t[1].threshold[j])
		c = 2*c + one(x[t[2].feature[k]%MaxFeatures], t[2].threshold[k])
		d = 2*d + one(x[t[3].feature[l]%MaxFeatures], t[3].threshold[l])
	}
	return t[0].leaf[uint8(a)] + t[1].leaf[uint8(b)] + t[2].leaf[uint8(c)] + t[3].leaf[uint8(d)]
}

// Scores scores rows that stand one after the other, as many as dst has room for or
// there are, and returns how many that was.
func (f *Forest) Scores(dst, rows []float32) int {
	n := min(len(dst), len(rows)/f.features)
	var groups [block]group
	var sums [block][lanes]float32
	for at := 0; at < n; at += block * lanes {
		m := min(n-at, block*lanes)
		f.spread(&groups, rows[at*f.features:(at+m)*f.features])
		sums = [block][lanes]float32{}
		used := (m + lanes - 1) / lanes
		for t := range f.trees {
			for g := range used {
				f.trees[t].walk8(&groups[g], &sums[g])
			}
		}
		for i := range m {
			dst[at+i] = f.score(sums[i/lanes][i%lanes])
		}
	}
	return n
}

// spread turns rows into groups.
func (f *Forest) spread(groups *[block]group, rows []float32) {
	for i := 0; len(rows) >= f.features; i++ {
		g := &groups[i/lanes]
		for k, v := range rows[:f.features] {
			g[(k%MaxFeatures)*lanes+i%lanes] = v
		}
		rows = rows[f.features:]
	}
}

// walk8 adds the tree's path lengths of eight rows.
func (t *tree) walk8(x *group, sum *[lanes]float32) {
	t.half(x, 0, (*[4]float32)(sum[:4]))
	t.half(x, 4, (*[4]float32)(sum[4:]))
}

func (t *tree) half(x *group, lane uint8, sum *[4]float32) {
	a, b, c, d := uint32(1), uint32(1), uint32(1), uint32(1)
	for range levels {
		i, j, k, l := uint8(a), uint8(b), uint8(c), uint8(d)
		a = 2*a + one(x[t.feature[i]*lanes+lane], t.threshold[i])
		b = 2*b + one(x[t.feature[j]*lanes+lane+1], t.threshold[j])
		c = 2*c + one(x[t.feature[k]*lanes+lane+2], t.threshold[k])
		d = 2*d + one(x[t.feature[l]*lanes+lane+3], t.threshold[l])
	}
	sum[0] += t.leaf[uint8(a)]
	sum[1] += t.leaf[uint8(b)]
	sum[2] += t.leaf[uint8(c)]
	sum[3] += t.leaf[uint8(d)]
}

// Explain writes to dst how much each feature sets the row apart, and returns the score.
// A cut that leaves fewer rows than a cut is expected to leave shortens the path; what
// it shortens is the share of its feature. The shares are in steps of a path and add up
// to c(ψ) less the mean path length, so they are above 0 in sum for a score above 0.5.
func (f *Forest) Explain(dst, row []float32) float32 {
	var x [MaxFeatures]float32
	copy(x[:], row[:f.features])
	dst = dst[:f.features]
	clear(dst)
	sum := float32(0)
	for i := range f.trees {
		t := &f.trees[i]
		sum += t.leaf[t.walk(&x)]
		t.share(dst, &x)
	}
	for i := range dst {
		dst[i] /= float32(len(f.trees))
	}
	return f.score(sum)
}

func (t *tree) share(dst []float32, x *[MaxFeatures]float32) {
	at, rows := uint32(1), t.size[1]
	for range levels {
		i := uint8(at)
		at = 2*at + one(x[t.feature[i]%MaxFeatures], t.threshold[i])
		left := t.size[at]
		if left == rows && t.threshold[i] > maxFinite {
			return // a leaf
		}
		dst[t.feature[i]] += float32(average(int(rows)) - 1 - average(int(left)))
		rows = left
	}
}

const maxFinite = 0x1p127 * (1 + (1 - 0x1p-23))
