// Command summary reads `go test -json` from standard input and prints what a
// person wants to know: the output of what failed, the time of each package, which
// tests were skipped and why, and the totals. Its arguments are the command line of go
// test by which the few that failed are asked once more, each alone; a data race, a panic
// or a leak is never excused so. It is part of the test harness and of no stage; it exits 1
// when anything failed twice, or in CI when a test was skipped.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// record is one line of `go test -json`.
type record struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

type key struct{ pkg, test string }

type tally struct {
	out                     io.Writer
	output                  map[key][]string
	passed, failed, skipped int
	skips, once             []string
	suspects                []suspect
	tests                   map[string]int // that failed, by package
	broken                  bool
}

func main() {
	t := newTally(os.Stdout)
	if err := t.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(1)
	}
	t.again(os.Args[1:])
	os.Exit(t.close(os.Getenv("CI") != ""))
}

func newTally(out io.Writer) *tally {
	return &tally{out: out, output: map[key][]string{}, tests: map[string]int{}}
}

func (t *tally) read(r io.Reader) error {
	in := bufio.NewScanner(r)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var rec record
		if err := json.Unmarshal(in.Bytes(), &rec); err != nil {
			fmt.Fprintln(t.out, in.Text()) // not JSON: the compiler's own words
			continue
		}
		t.take(&rec)
	}
	return in.Err()
}

func (t *tally) take(r *record) {
	k := key{r.Package, r.Test}
	switch r.Action {
	case "output", "build-output":
		t.output[k] = append(t.output[k], r.Output)
	case "pass", "fail", "skip":
		t.count(r, k)
		delete(t.output, k)
	}
}

func (t *tally) count(r *record, k key) {
	text := strings.Join(t.output[k], "")
	if r.Test == "" {
		t.pkg(r, text)
		return
	}
	switch r.Action {
	case "pass":
		t.passed++
	case "fail":
		t.failed++
		t.tests[r.Package]++
		t.suspect(k, text)
		fmt.Fprintf(t.out, "FAILED %s %s\n%s", r.Package, r.Test, text)
	case "skip":
		t.skipped++
		t.skips = append(t.skips, fmt.Sprintf("%s %s: %s", r.Package, r.Test, reason(text)))
	}
}

func (t *tally) pkg(r *record, text string) {
	if r.Action == "fail" {
		// A package whose tests all passed fails by itself: it did not compile, leaked, or ended.
		t.broken = t.broken || t.tests[r.Package] == 0 || unforgiven.MatchString(text)
		fmt.Fprintf(t.out, "FAIL  %s\n%s", r.Package, text)
		return
	}
	if r.Action == "pass" {
		fmt.Fprintf(t.out, "ok    %6.1fs  %s\n", r.Elapsed, r.Package)
	}
}

// reason is the last line that the skipped test printed itself.
func reason(text string) string {
	last := "no reason given"
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			last = line
		}
	}
	return last
}

func (t *tally) close(ci bool) int {
	for _, s := range t.skips {
		fmt.Fprintln(t.out, "skipped", s)
	}
	for _, s := range t.once {
		fmt.Fprintln(t.out, "passed only when asked again, so mend it:", s)
	}
	fmt.Fprintf(t.out, "%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
	if t.failed > 0 || t.broken || t.passed == 0 {
		return 1
	}
	if ci && t.skipped > 0 {
		fmt.Fprintln(t.out, "CI skips nothing: install what is missing")
		return 1
	}
	return 0
}
