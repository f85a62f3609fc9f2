package iforest_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"haechi/internal/brick/iforest"
)

// cloud is n rows around 0 and a few far away in one feature each, which are the last.
func cloud(n, far, features int) []float32 { return clouds(n, far, features, 1) }

// clouds are far away in every so many-th feature.
func clouds(n, far, features, every int) []float32 {
	r := rand.New(rand.NewPCG(3, 4))
	rows := make([]float32, 0, (n+far)*features)
	for i := range n + far {
		for k := range features {
			v := r.NormFloat64()
			if i >= n && (every > 1 && k%every == 0 || every == 1 && k == (i-n)%features) {
				v += 8
			}
			rows = append(rows, float32(v))
		}
	}
	return rows
}

func fit(t testing.TB, rows []float32, features int) *iforest.Forest {
	t.Helper()
	f, err := iforest.Fit(iforest.Defaults(), rows, features)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWhatIsFarAwayScoresHigher(t *testing.T) {
	const features = 5
	rows := clouds(2000, 20, features, 2) // three of five features
	f := fit(t, rows, features)
	scores := make([]float32, 2020)
	if n := f.Scores(scores, rows); n != 2020 {
		t.Fatalf("%d scores", n)
	}
	near := slices.Clone(scores[:2000])
	slices.Sort(near)
	for i, s := range scores[2000:] {
		if s < near[1990] {
			t.Errorf("row %d far away scores %v, the 99.5th percentile is %v", i, s, near[1990])
		}
	}
	if m := near[1000]; m > 0.5 || m < 0.3 {
		t.Errorf("an ordinary row scores %v", m)
	}
}

func TestOneByOneIsAsTogether(t *testing.T) {
	for _, features := range []int{1, 7, iforest.MaxFeatures} {
		rows := cloud(300, 3, features)
		f := fit(t, rows, features)
		scores := make([]float32, 303)
		f.Scores(scores, rows)
		for i, s := range scores {
			if one := f.Score(rows[i*features:]); math.Abs(float64(one-s)) > 1e-6 {
				t.Fatalf("%d features, row %d: %v together, %v alone", features, i, s, one)
			}
		}
	}
}

func TestTheSameSeedGivesTheSameForest(t *testing.T) {
	rows := cloud(500, 5, 4)
	a, _ := fit(t, rows, 4).MarshalBinary()
	b, _ := fit(t, rows, 4).MarshalBinary()
	cfg := iforest.Defaults()
	cfg.Seed = 2
	other, _ := iforest.Fit(cfg, rows, 4)
	c, _ := other.MarshalBinary()
	if !bytes.Equal(a, b) || bytes.Equal(a, c) {
		t.Error("the forest does not depend on the seed alone")
	}
}

func TestExplanationsNameTheFeatureAndAddUp(t *testing.T) {
	const features = 6
	rows := cloud(2000, features, features)
	f := fit(t, rows, features)
	var shares [features]float32
	for k := range features {
		row := rows[(2000+k)*features:]
		score := f.Explain(shares[:], row)
		if score != f.Score(row) && math.Abs(float64(score-f.Score(row))) > 1e-6 {
			t.Errorf("row %d: explained score %v", k, score)
		}
		if shares[k] != slices.Max(shares[:]) {
			t.Errorf("row %d is far away in feature %d, shares %v", k, k, shares)
		}
		sum := 0.0
		for _, s := range shares {
			sum += float64(s)
		}
		c := 2*(math.Log(255)+0.5772156649) - 2*255.0/256
		if path := -math.Log2(float64(score)) * c; math.Abs(c-path-sum) > 1e-3 {
			t.Errorf("row %d: shares add up to %v, want %v", k, sum, c-path)
		}
	}
}

func TestTreesFromElsewhere(t *testing.T) {
	// Two cuts of four rows: x0 ≤ 1 alone, else x1 ≤ 0.1 (which no float32 is).
	tree := []iforest.Node{{Feature: 0, Threshold: 1, Left: 1, Right: 2, Size: 4}, {Left: -1, Size: 1},
		{Feature: 1, Threshold: 0.1, Left: 3, Right: 4, Size: 3}, {Left: -1, Size: 2}, {Left: -1, Size: 1}}
	f, err := iforest.FromTrees(2, 4, [][]iforest.Node{tree, tree})
	if err != nil {
		t.Fatal(err)
	}
	c := 2*(math.Log(3)+0.57721566490153286) - 2*3.0/4
	for _, v := range []struct {
		row  []float32
		path float64
	}{{[]float32{1, 5}, 1}, {[]float32{2, 0}, 3}, {[]float32{2, 0.1}, 2}, {[]float32{2, math.Nextafter32(0.1, 0)}, 3}} {
		if got, want := float64(f.Score(v.row)), math.Exp2(-v.path/c); math.Abs(got-want) > 1e-6 {
			t.Errorf("%v: %v, want %v", v.row, got, want)
		}
	}
	loop := []iforest.Node{{Left: 0, Right: 0, Size: 4}}
	for name, trees := range map[string][][]iforest.Node{"a loop": {loop}, "no node": {{}}, "no tree": {}, "a feature too many": {{{Feature: 2, Left: 1, Right: 1}, {Left: -1}}}} {
		if _, err := iforest.FromTrees(2, 4, trees); !errors.Is(err, iforest.ErrShape) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEqualRowsAndStrangeNumbers(t *testing.T) {
	same := make([]float32, 600)
	f := fit(t, same, 2)
	if s := f.Score([]float32{0, 0}); math.Abs(float64(s)-0.5) > 1e-6 {
		t.Errorf("where all is equal, a row scores %v", s)
	}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	rows := append(cloud(300, 0, 2), inf, -inf, nan, 1, math.MaxFloat32, -math.MaxFloat32)
	f = fit(t, rows, 2)
	for i := 0; i < len(rows); i += 2 {
		if s := f.Score(rows[i:]); !(s > 0 && s <= 1) {
			t.Errorf("%v scores %v", rows[i:i+2], s)
		}
	}
}

func TestShapes(t *testing.T) {
	for _, c := range []struct {
		cfg            iforest.Config
		rows, features int
	}{{iforest.Config{Trees: 0, Sample: 256}, 10, 1}, {iforest.Config{Trees: 1, Sample: 257}, 10, 1}, {iforest.Config{Trees: 1, Sample: 1}, 10, 1},
		{iforest.Defaults(), 10, 33}, {iforest.Defaults(), 10, 0}, {iforest.Defaults(), 10, 3}, {iforest.Defaults(), 1, 1}} {
		if _, err := iforest.Fit(c.cfg, make([]float32, c.rows), c.features); !errors.Is(err, iforest.ErrShape) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestAWindowForgets(t *testing.T) {
	const features = 3
	w, err := iforest.NewWindow(iforest.Defaults(), features, 1024, 8)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	add := func(n int, around float64) {
		for range n {
			w.Add([]float32{float32(around + r.NormFloat64()), float32(around + r.NormFloat64()), float32(r.NormFloat64())})
		}
	}
	if add(255, 0); w.Forest() != nil {
		t.Fatal("a forest of too few rows")
	}
	add(1000, 0)
	before := w.Forest().Score([]float32{20, 20, 0})
	add(3000, 20)
	after := w.Forest().Score([]float32{20, 20, 0})
	if w.Len() != 1024 || before < 0.6 || after > 0.5 {
		t.Errorf("%d rows; what was strange scores %v, and %v once it is usual", w.Len(), before, after)
	}
}

func TestAWindowGoesOnAfterItWasReadAgain(t *testing.T) {
	for _, n := range []int{10, 256, 1300} {
		one, _ := iforest.NewWindow(iforest.Defaults(), 4, 1000, 50)
		rows := cloud(n, 0, 4)
		for i := range n {
			one.Add(rows[4*i:])
		}
		saved, err := one.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var two iforest.Window
		if err := two.UnmarshalBinary(saved); err != nil {
			t.Fatalf("%d rows: %v", n, err)
		}
		for i := range n {
			one.Add(rows[4*(n-1-i):])
			two.Add(rows[4*(n-1-i):])
		}
		a, _ := one.MarshalBinary()
		b, _ := two.MarshalBinary()
		if !bytes.Equal(a, b) {
			t.Errorf("%d rows: the windows differ", n)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	rows := cloud(1000, 0, 10)
	f := fit(t, rows, 10)
	dst, shares := make([]float32, 1000), make([]float32, 10)
	w, _ := iforest.NewWindow(iforest.Defaults(), 10, 512, 4)
	for i := range 1000 {
		w.Add(rows[10*i:])
	}
	for name, do := range map[string]func(){"score": func() { f.Score(rows) }, "scores": func() { f.Scores(dst, rows) },
		"explain": func() { f.Explain(shares, rows) }, "window": func() { w.Add(rows) }} {
		if n := testing.AllocsPerRun(10, do); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	forest := fit(f, cloud(300, 2, 2), 2)
	b, _ := forest.MarshalBinary()
	f.Add(b[:200])
	small, _ := iforest.Fit(iforest.Config{Trees: 1, Sample: 4, Seed: 1}, []float32{1, 2, 3, 4}, 1)
	b, _ = small.MarshalBinary()
	f.Add(b)
	w, _ := iforest.NewWindow(iforest.Config{Trees: 1, Sample: 2, Seed: 1}, 1, 4, 1)
	for i := range 5 {
		w.Add([]float32{float32(i)})
	}
	b, _ = w.MarshalBinary()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var one iforest.Forest
		if one.UnmarshalBinary(b) == nil {
			if again, _ := one.MarshalBinary(); !bytes.Equal(again, b) {
				t.Fatal("what was read is written otherwise")
			}
			row := make([]float32, iforest.MaxFeatures)
			one.Explain(make([]float32, iforest.MaxFeatures), row)
		}
		var two iforest.Window
		if two.UnmarshalBinary(b) == nil {
			for range 5 {
				two.Add(make([]float32, iforest.MaxFeatures))
			}
		}
	})
}

func BenchmarkFit100kx10(b *testing.B) {
	rows := cloud(100_000, 0, 10)
	for b.Loop() {
		fit(b, rows, 10)
	}
}

func BenchmarkScores(b *testing.B) {
	rows := cloud(10_000, 0, 10)
	f := fit(b, rows, 10)
	dst := make([]float32, 10_000)
	for b.Loop() {
		f.Scores(dst, rows)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/row")
}

func BenchmarkScore(b *testing.B) {
	rows := cloud(10_000, 0, 10)
	f := fit(b, rows, 10)
	for i := 0; b.Loop(); i++ {
		f.Score(rows[i%10_000*10:])
	}
}

func BenchmarkWindowAdd(b *testing.B) {
	rows := cloud(10_000, 0, 10)
	w, _ := iforest.NewWindow(iforest.Defaults(), 10, 4096, 1)
	for i := 0; b.Loop(); i++ {
		w.Add(rows[i%10_000*10:])
	}
}
