package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// errMissed means that the report is complete, and a gate is missed.
var errMissed = errors.New("a gate is missed")

// page is the report as it grows.
type page struct {
	text   strings.Builder
	gates  strings.Builder
	missed bool
}

type bound bool

const (
	atLeast bound = true
	atMost  bound = false
)

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }

// gate notes whether a value is on the right side of its bound.
func (p *page) gate(what string, got float64, side bound, want float64) {
	verdict, word := "PASS", "at most"
	if side == atLeast {
		word = "at least"
	}
	if math.IsNaN(got) || (side == atLeast) != (got >= want) && got != want {
		verdict, p.missed = "**FAIL**", true
	}
	fmt.Fprintf(&p.gates, "| %s | %s | %s %s | %s |\n", what, number(got), word, number(want), verdict)
}

// compare writes one table of peers; ratios are of processor time, to the first.
func (p *page) compare(title, unit string, names []string, got map[string]sample) {
	p.line("\n## %s\n", title)
	p.line("| server | %s | CPU for each | times the work of %s | of its processor |", unit, names[0])
	p.line("|---|---:|---:|---:|---:|")
	for _, n := range names {
		s, ok := got[n]
		if !ok {
			continue
		}
		p.line("| %s | %.0f | %.2f µs | %.2f | %.0f %% |", n, s.rate, float64(s.cpu.Nanoseconds())/1000,
			float64(got[names[0]].cpu)/float64(s.cpu), 100*s.core)
	}
}

func number(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 20:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }

// report measures the parts that were asked for and prints the page.
func report(ctx context.Context, o *options) (err error) {
	s, err := newStage(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	rep := &page{}
	for _, part := range []struct {
		name string
		run  func(context.Context, *page) error
	}{{"web", s.web}, {"h2", s.h2}, {"open", s.open}, {"handshake", s.handshakes}, {"device", s.devicesFrames}, {"paced", s.pacedDevices}, {"opaque", s.opaque}, {"idle", s.idleDevices}, {"slow", s.slow}, {"waf", s.waf}, {"go", s.goBenchmarks}} {
		if !o.parts[part.name] {
			continue
		}
		began := time.Now()
		if err := part.run(ctx, rep); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		progress("%s took %v", part.name, time.Since(began).Round(time.Second))
	}
	fmt.Print(o.head(), rep.text.String())
	if rep.gates.Len() > 0 {
		fmt.Printf("\n## Gates\n\n| what | measured | wanted | |\n|---|---:|---:|---|\n%s", rep.gates.String())
	}
	if rep.missed {
		return errMissed
	}
	return nil
}

// head says how the numbers came about.
func (o *options) head() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Benchmarks

Made by `+"`make bench`"+` (`+"`bench/run.sh --write`"+` for this file); the configurations of all servers are in
`+"`bench/peers`"+`. The numbers belong to one machine and are no promise; only the ratios travel.

Method: the server under test has one processor to itself, load and upstream share another. Peers
take turns in %d rounds of %v; medians. The measure is the **CPU time for each operation** (user and system, whole
process group, with what is still written after the load has ended). All proxies use the same upstream over kept
connections, the same ECDSA P-256 certificate with TLS 1.3, write every request to a log or to the records, and
keep limits for each client on, above the offered rate; Caddy has no such limits without a plugin and does less.
The run is void if a peer refuses anything, if its log lacks more than one operation in a thousand, or if the load
generator set the pace.

`, o.rounds, o.length)
	fmt.Fprintf(&b, "Versions: %s, Go %s, %s.\n", strings.Join(versions(o.haechi), ", "), strings.TrimPrefix(runtime.Version(), "go"), kernel())
	return b.String()
}

// versions asks every server for its version; the first line with a digit counts.
func versions(haechi string) (out []string) {
	for _, argv := range [][]string{{haechi, "version"}, {"nginx", "-v"}, {"haproxy", "-v"}, {"caddy", "version"}, {"python3", "--version"}} {
		text, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
		first, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
		if err != nil {
			first = "version unknown"
		}
		first, _, _ = strings.Cut(strings.TrimPrefix(first, "nginx version: "), " 20")
		if !strings.ContainsAny(first, "abcdefghijklmnopqrstuvwxyz") {
			first = argv[0] + " " + first
		}
		out = append(out, first)
	}
	return out
}

func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "Linux"
	}
	release, _, _ := strings.Cut(strings.TrimSpace(string(text)), "-")
	return "Linux " + release
}
