package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// numbers are the results of Go benchmarks: name and unit, then one value a round.
type numbers map[string][]float64

func (n numbers) median(name, unit string) float64 {
	return middle(n[name+" "+unit], func(v float64) float64 { return v })
}

// suite is a package's benchmarks.
type suite struct {
	pkg, bench, time string
	rounds           int
}

// goBenchmarks runs the benchmarks of single parts, each beside the plain way.
func (s *stage) goBenchmarks(ctx context.Context, rep *page) error {
	suites := []suite{
		{"frame", "BenchmarkFrame", "0.3s", s.rounds},
		{"limiter", "Benchmark", "0.3s", s.rounds},
		{"pipeline", "BenchmarkPipeline", "0.5s", s.rounds},
		{"store", "BenchmarkRequests", "1x", s.rounds},
		{"store", "BenchmarkStore$", "1x", 1},
		{"store", "BenchmarkStoreMaria$", "1x", 1},
		{"sources", "Benchmark", strconv.Itoa(s.sources) + "x", 1},
		{"isolation", "Benchmark", "1x", 1},
		{"sensor", "Benchmark", "1x", 1},
	}
	got := numbers{}
	for _, su := range suites {
		if err := s.build(ctx, su.pkg); err != nil {
			return err
		}
	}
	for round := range s.rounds {
		for _, su := range suites {
			if round >= su.rounds {
				continue
			}
			if err := s.bench(ctx, su, got); err != nil {
				return err
			}
		}
	}
	s.tell(rep, got)
	tellSensor(rep, got)
	return nil
}

func source(pkg string) string {
	if pkg == "pipeline" {
		return "./internal/pipeline"
	}
	return "./bench/" + pkg
}

func (s *stage) build(ctx context.Context, pkg string) error {
	out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", filepath.Join(s.Dir, pkg+".test"), source(pkg)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the benchmarks of %s: %w: %s", pkg, err, out)
	}
	return nil
}

// bench runs a suite once more, and again if something else used its processor.
func (s *stage) bench(ctx context.Context, su suite, into numbers) error {
	for try := 0; ; try++ {
		out, foreign, err := s.benchOnce(ctx, su)
		if err != nil {
			return err
		}
		if foreign > quietEnds && !s.noisy {
			if try == retries {
				return fmt.Errorf("benchmarks of %s: other processes used %.0f %% of the processor, three times over; run it on a quiet machine", su.pkg, 100*foreign)
			}
			progress("%s: other processes used %.0f %% of the processor; once more", su.pkg, 100*foreign)
			continue
		}
		return into.read(su.pkg, out)
	}
}

// benchOnce runs a suite on the processor of the server under test. A benchmark
// that misses its own bound fails after it has printed its numbers; the gate says so.
func (s *stage) benchOnce(ctx context.Context, su suite) (out []byte, foreign float64, err error) {
	cmd := exec.CommandContext(ctx, "taskset", "-c", strconv.Itoa(measured), filepath.Join(s.Dir, su.pkg+".test"),
		"-test.run", "^$", "-test.bench", su.bench, "-test.benchtime", su.time, "-test.cpu", "1", "-test.timeout", "5m")
	cmd.Dir = source(su.pkg)
	cmd.Env = append(os.Environ(), "TMPDIR="+s.Dir)
	before, err := busy(measured)
	if err != nil {
		return nil, 0, err
	}
	start := time.Now()
	out, err = cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, 0, fmt.Errorf("benchmarks of %s: %w", su.pkg, err)
	}
	wall := time.Since(start)
	after, err := busy(measured)
	own := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return out, (after - before - own).Seconds() / wall.Seconds(), err
}

// read takes the numbers of one run.
func (n numbers) read(pkg string, out []byte) error {
	found := 0
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		for i := 2; i+1 < len(f); i += 2 {
			v, err := strconv.ParseFloat(f[i], 64)
			if err != nil {
				return fmt.Errorf("a benchmark of %s says: %s", pkg, line)
			}
			n[f[0]+" "+f[i+1]] = append(n[f[0]+" "+f[i+1]], v)
			found++
		}
		progress("%s", strings.Join(f, " "))
	}
	if found == 0 {
		return fmt.Errorf("no benchmark of %s: %s", pkg, out)
	}
	return nil
}

// tell writes the tables of the single parts, and their gates.
func (s *stage) tell(rep *page, n numbers) {
	ns := func(name string) float64 { return n.median(name, "ns/op") }
	rep.line("\n## Single parts\n\nGo benchmarks on one processor, medians of %d interleaved runs.\n", s.rounds)
	rep.line("| part | time for each | |\n|---|---:|---|")
	for _, size := range []string{"254", "703"} {
		of := "/bytes=" + size
		rep.line("| frame of %s bytes: strict reader and HMAC-SHA256 alone | %.0f ns | %.2f M frames/s |", size, ns("BenchmarkFrameParseVerify"+of), 1000/ns("BenchmarkFrameParseVerify"+of))
		rep.line("| the gate's whole check of it: strict reader, identity, signature, replay, event | %.0f ns | %.2f M frames/s |", ns("BenchmarkFrameGate"+of), 1000/ns("BenchmarkFrameGate"+of))
		rep.line("| the naive one: encoding/json and hmac.New, no replay memory | %.0f ns | |", ns("BenchmarkFrameNaive"+of))
	}
	rep.line("| limiter, one window, 1,048,576 keys | %.0f ns | %.1f bytes a key |", ns("BenchmarkTable/windows=1"), n.median("BenchmarkTable/windows=1", "B/key"))
	rep.line("| limiter, the device's three windows | %.0f ns | %.1f bytes a key |", ns("BenchmarkTable/windows=3"), n.median("BenchmarkTable/windows=3", "B/key"))
	rep.line("| x/time/rate in a map with a mutex | %.0f ns | %.1f bytes a key |", ns("BenchmarkXTimeRate"), n.median("BenchmarkXTimeRate", "B/key"))
	rep.line("| x/time/rate in a sync.Map | %.0f ns | %.1f bytes a key |", ns("BenchmarkXTimeRateSyncMap"), n.median("BenchmarkXTimeRateSyncMap", "B/key"))
	rep.line("| pipeline, one event, no rules | %.0f ns | %.2f M events/s |", ns("BenchmarkPipeline"), 1000/ns("BenchmarkPipeline"))
	rep.line("| pipeline with all shipped rules, every source another | %.0f ns | %.2f M events/s |", ns("BenchmarkSources"), 1000/ns("BenchmarkSources"))
	rep.line("| requests into SQLite, through the writer's queue | %.2f µs | %.0f bytes each |", n.median("BenchmarkRequests/writer", "cpu-ns/event")/1000, n.median("BenchmarkRequests/writer", "bytes/event"))
	rep.line("| frames and connections into SQLite | %.2f µs | %.0f events/s |", 1e6/n.median("BenchmarkStore", "store-rows/s"), n.median("BenchmarkStore", "store-rows/s"))
	rep.line("| the same through the writer's queue | %.2f µs | %.0f events/s |", 1e6/n.median("BenchmarkStore", "writer-rows/s"), n.median("BenchmarkStore", "writer-rows/s"))
	rep.line("| a bare loop of prepared statements | %.2f µs | %.0f rows/s |", 1e6/n.median("BenchmarkStore", "bare-rows/s"), n.median("BenchmarkStore", "bare-rows/s"))
	rep.line("| events into MariaDB on the same machine | %.2f µs | %.0f events/s |", 1e6/n.median("BenchmarkStoreMaria", "store-rows/s"), n.median("BenchmarkStoreMaria", "store-rows/s"))
	rep.line("| the same through the writer's queue | %.2f µs | %.0f events/s |", 1e6/n.median("BenchmarkStoreMaria", "writer-rows/s"), n.median("BenchmarkStoreMaria", "writer-rows/s"))
	rep.line("| a bare loop of prepared statements | %.2f µs | %.0f rows/s |", 1e6/n.median("BenchmarkStoreMaria", "bare-rows/s"), n.median("BenchmarkStoreMaria", "bare-rows/s"))
	s.tellIsolation(rep, n)

	rep.gate("frame checks for the time of one naive check", ns("BenchmarkFrameNaive/bytes=703")/ns("BenchmarkFrameGate/bytes=703"), atLeast, 3)
	rep.gate("frames of 254 bytes read strictly and verified a second and processor, million", 1000/ns("BenchmarkFrameParseVerify/bytes=254"), atLeast, 1)
	rep.gate("limiter at 1,048,576 keys, ns", ns("BenchmarkTable/windows=1"), atMost, 150)
	rep.gate("limiter, one window, bytes a key", n.median("BenchmarkTable/windows=1", "B/key"), atMost, 24)
	rep.gate("limiter, three windows, bytes a key", n.median("BenchmarkTable/windows=3", "B/key"), atMost, 48)
	rep.gate("events into SQLite, of a bare prepared loop", n.median("BenchmarkStore", "store/bare"), atLeast, 0.9)
	rep.gate("events into MariaDB, of a bare prepared loop", n.median("BenchmarkStoreMaria", "store/bare"), atLeast, 0.9)
	rep.gate(fmt.Sprintf("heap after %d distinct sources, MiB", s.sources), n.median("BenchmarkSources", "MiB-heap"), atMost, n.median("BenchmarkSources", "MiB-cap"))
}

// tellIsolation is about the isolation forest beside scikit-learn's.
func (s *stage) tellIsolation(rep *page, n numbers) {
	v := func(unit string) float64 { return n.median("BenchmarkIsolation", unit) }
	rep.line("| isolation forest, 100 trees of 256 rows, grown of 100,000 rows of ten features | %.1f ms | |", v("fit-ms"))
	rep.line("| scikit-learn | %.1f ms | |", v("peer-fit-ms"))
	rep.line("| scores of 100,000 rows, a row | %.2f µs | ROC area %.4f |", v("batch-us/row"), v("auc"))
	rep.line("| scikit-learn | %.2f µs | ROC area %.4f |", v("peer-batch-us/row"), v("peer-auc"))
	rep.line("| score of one row as it arrives | %.2f µs | |", v("single-us"))
	rep.line("| scikit-learn | %.0f µs | |", v("peer-single-us"))

	rep.gate("forests grown in the time of one of scikit-learn", v("fit/peer"), atLeast, 30)
	rep.gate("scores in batches for one of scikit-learn", v("batch/peer"), atLeast, 5)
	rep.gate("score of one row, µs", v("single-us"), atMost, 5)
	rep.gate("ROC area less scikit-learn's", math.Abs(v("auc")-v("peer-auc")), atMost, 0.01)
	rep.gate("greatest difference of a score with the same trees", v("greatest-difference"), atMost, 0.001)
}
