package isolation_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"haechi/internal/brick/iforest"
)

const (
	rowCount = 100_000
	strange  = 1_000 // of them, the last ones
	features = 10
	rounds   = 5 // the medians count
	singles  = 20
)

// data is rows of a few kinds of ordinary behaviour with dependent features, and some
// that are none of them.
func data() []float32 {
	r := rand.New(rand.NewPCG(11, 12))
	rows := make([]float32, 0, rowCount*features)
	for i := range rowCount {
		kind := float64(i % 3)
		size := r.ExpFloat64()
		for k := range features {
			v := kind*float64(k%4) + size*float64(k%2) + r.NormFloat64()
			if i >= rowCount-strange {
				v = 3 + 3.2*r.NormFloat64()
			}
			rows = append(rows, float32(v))
		}
	}
	return rows
}

// peer is the process of the other side.
type peer struct {
	b   *testing.B
	in  io.Writer
	out *bufio.Reader
}

type answer struct {
	Rows    int
	Seconds float64
	Scores  []float64
	Trees   [][][5]float64
}

func start(b *testing.B, rows []float32) *peer {
	if exec.Command("/usr/bin/python3", "-c", "import sklearn").Run() != nil {
		b.Skip("no scikit-learn: bench/install.sh installs Debian's python3-sklearn")
	}
	file := filepath.Join(b.TempDir(), "rows")
	raw := make([]byte, 0, 4*len(rows))
	for _, v := range rows {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "peer.py")
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	p := &peer{b: b, in: in, out: bufio.NewReader(out)}
	if got := p.ask("load %s %d", file, features); got.Rows != rowCount {
		b.Fatalf("the other side has %d rows", got.Rows)
	}
	return p
}

func (p *peer) ask(format string, args ...any) (a answer) {
	fmt.Fprintf(p.in, format+"\n", args...)
	line, err := p.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	if err != nil {
		p.b.Fatalf("the other side on %s: %v", format, err)
	}
	return a
}

// auc is the area under the ROC curve: how often a strange row scores above an ordinary.
func auc(scores []float64) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if scores[a] < scores[b] {
			return -1
		}
		if scores[a] > scores[b] {
			return 1
		}
		return 0
	})
	below, sum := 0, 0.0
	for _, i := range order {
		if i < rowCount-strange {
			below++
		} else {
			sum += float64(below)
		}
	}
	return sum / strange / (rowCount - strange)
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func since(t time.Time) float64 { return time.Since(t).Seconds() }

// BenchmarkIsolation is the whole comparison.
func BenchmarkIsolation(b *testing.B) {
	rows := data()
	p := start(b, rows)
	scores := make([]float32, rowCount)
	for b.Loop() {
		var fit, fitPeer, batch, batchPeer, one, onePeer, area, areaPeer []float64
		for round := range rounds {
			cfg := iforest.Defaults()
			cfg.Seed = uint64(round)
			at := time.Now()
			f, err := iforest.Fit(cfg, rows, features)
			fit = append(fit, since(at))
			if err != nil {
				b.Fatal(err)
			}
			fitPeer = append(fitPeer, p.ask("fit %d", round).Seconds)

			at = time.Now()
			f.Scores(scores, rows)
			batch = append(batch, since(at))
			got := p.ask("score")
			batchPeer, areaPeer = append(batchPeer, got.Seconds), append(areaPeer, auc(got.Scores))
			area = append(area, auc(widen(scores)))

			at = time.Now()
			for i := range 1000 * singles {
				f.Score(rows[i*features:])
			}
			one = append(one, since(at)/1000/singles)
			onePeer = append(onePeer, p.ask("single %d", singles).Seconds)
		}
		b.ReportMetric(1e3*median(fit), "fit-ms")
		b.ReportMetric(1e3*median(fitPeer), "peer-fit-ms")
		b.ReportMetric(median(fitPeer)/median(fit), "fit/peer")
		b.ReportMetric(1e6*median(batch)/rowCount, "batch-us/row")
		b.ReportMetric(1e6*median(batchPeer)/rowCount, "peer-batch-us/row")
		b.ReportMetric(median(batchPeer)/median(batch), "batch/peer")
		b.ReportMetric(1e6*median(one), "single-us")
		b.ReportMetric(1e6*median(onePeer), "peer-single-us")
		b.ReportMetric(median(area), "auc")
		b.ReportMetric(median(areaPeer), "peer-auc")
		b.ReportMetric(sameTrees(b, p, rows), "greatest-difference")
	}
}

func widen(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, s := range v {
		out[i] = float64(s)
	}
	return out
}

// sameTrees is the greatest difference of two scores of one row with the same trees.
func sameTrees(b *testing.B, p *peer, rows []float32) (greatest float64) {
	var trees [][]iforest.Node
	for _, t := range p.ask("trees").Trees {
		nodes := make([]iforest.Node, len(t))
		for i, n := range t {
			nodes[i] = iforest.Node{Feature: int(n[0]), Threshold: n[1], Left: int(n[2]), Right: int(n[3]), Size: int(n[4])}
		}
		trees = append(trees, nodes)
	}
	f, err := iforest.FromTrees(features, iforest.MaxSample, trees)
	if err != nil {
		b.Fatal(err)
	}
	scores := make([]float32, rowCount)
	f.Scores(scores, rows)
	for i, s := range p.ask("score").Scores {
		greatest = max(greatest, math.Abs(s-float64(scores[i])))
	}
	return greatest
}
