package beacon

import (
	"math"
	"slices"
)

// Bounds of a series.
const (
	keep = 48 // newest intervals and sizes
	few  = 8  // intervals below which nothing is said
)

// ring keeps the newest values. Most destinations are visited once or twice, so that the
// room for more is only made for the third value.
type ring struct {
	first [2]float32
	n     uint32 // values ever added
	rest  *[keep]float32
}

func (r *ring) add(v float32) {
	switch {
	case r.rest != nil:
		r.rest[r.n%keep] = v
	case int(r.n) < len(r.first):
		r.first[r.n] = v
	default:
		r.rest = &[keep]float32{r.first[0], r.first[1], v}
	}
	r.n++
}

// sorted copies the values into the scratch, in order.
func (r *ring) sorted(scratch *[keep]float32) []float32 {
	s := scratch[:min(r.n, keep)]
	if r.rest != nil {
		copy(s, r.rest[:])
	} else {
		copy(s, r.first[:])
	}
	slices.Sort(s)
	return s
}

// spread is the median of sorted values, and the median deviation from it.
func spread(sorted []float32, scratch *[keep]float32) (median, deviation float64) {
	if len(sorted) == 0 {
		return 0, 0
	}
	m := middle(sorted)
	d := scratch[:len(sorted)]
	for i, v := range sorted {
		d[i] = float32(math.Abs(float64(v) - m))
	}
	slices.Sort(d)
	return m, middle(d)
}

func middle(sorted []float32) float64 {
	n := len(sorted)
	return (float64(sorted[(n-1)/2]) + float64(sorted[n/2])) / 2
}

// tolerances are the jitters that are tried, as shares of the median.
func tolerances() [6]float64 { return [6]float64{0.02, 0.05, 0.1, 0.2, 0.3, 0.5} }

// chance is the probability that arrivals without memory (a Poisson process) show
// intervals at least as regular as these: for each tolerance the binomial tail of so
// many intervals near the median, the median itself left out, and the least of them
// times the number of tolerances (Bonferroni).
func chance(sorted []float32, median float64) float64 {
	if len(sorted) < few || median <= 0 {
		return 1
	}
	least, n := 0.0, len(sorted)
	all := tolerances()
	for _, tol := range all {
		near := 0
		for _, v := range sorted {
			if math.Abs(float64(v)-median) <= tol*median {
				near++
			}
		}
		share := math.Exp2(tol-1) - math.Exp2(-tol-1) // of an exponential distribution around its median
		least = min(least, logTail(n-1, near-1, share))
	}
	return min(1, math.Exp(least)*float64(len(all)))
}

// logTail is the logarithm of P(X ≥ k) for X binomial (n, p).
func logTail(n, k int, p float64) float64 {
	if k <= 0 {
		return 0
	}
	term := lchoose(n, k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p)
	ratio, sum, t := p/(1-p), 1.0, 1.0
	for i := k; i < n; i++ {
		t *= float64(n-i) / float64(i+1) * ratio
		sum += t
	}
	return min(0, term+math.Log(sum))
}

func lchoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}
