package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"haechi/test/slowhttp"
)

// slow runs slowhttptest in its four modes against the gateway with its default limits
// and against the weak server alone, in one run, and says how an honest visitor of each
// fares. What counts is who is served, not how fast.
func (s *stage) slow(ctx context.Context, rep *page) (err error) {
	if missing := slowhttp.Missing(); len(missing) > 0 {
		return fmt.Errorf("not installed: %s", strings.Join(missing, ", "))
	}
	if err := errors.Join(s.addresses(), freeAddresses(&s.Weak, &s.Alone)); err != nil {
		return err
	}
	for _, addr := range []string{s.Weak, s.Alone} {
		a, err := slowhttp.StartApache(ctx, addr)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, a.Stop()) }()
	}
	conf, err := s.write("haechi-slow.yaml.tmpl")
	if err != nil {
		return err
	}
	if _, err := s.state("haechi-slow"); err != nil {
		return err
	}
	p, err := launch("haechi", measured, nil, nil, s.haechi, "run", "--config", conf)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := p.listening(ctx, s.Plain); err != nil {
		return err
	}
	return s.slowTable(ctx, rep)
}

// slowTable is the part that is printed.
func (s *stage) slowTable(ctx context.Context, rep *page) error {
	gate := slowhttp.Target{Name: "haechi", URL: "http://" + s.Plain, From: "127.0.0.2"}
	bare := slowhttp.Target{Name: "apache", URL: "http://" + s.Alone, From: "127.0.0.2"}
	length := max(s.length, 2*time.Second)
	rep.line("\n## Slow clients\n\nslowhttptest with %d connections against haechi in front of Apache (prefork, %d workers, mod_reqtimeout as Debian\n"+
		"sets it) and against the same Apache alone, at once; a visitor of each from another address asks 20 times a second,\n"+
		"each time on a new connection, and waits for %v.\n", slowhttp.Connections, slowhttp.Workers, slowhttp.Patience)
	rep.line("| attack | served by haechi | p50 | p99 | served by Apache alone | p50 | p99 |\n|---|---:|---:|---:|---:|---:|---:|")
	row := func(name string, g, b *slowhttp.Seen) {
		rep.line("| %s | %.0f %% | %s | %s | %.0f %% | %s | %s |", name, 100*g.Availability(), millis(g.At(0.5)), millis(g.At(0.99)),
			100*b.Availability(), millis(b.At(0.5)), millis(b.At(0.99)))
	}
	g, b := slowhttp.Visit(ctx, gate, length), slowhttp.Visit(ctx, bare, length)
	row("none", &g, &b)
	for _, m := range slowhttp.Modes() {
		seen, err := slowhttp.Run(ctx, m, 3*time.Second, length, gate, bare)
		if err != nil {
			return err
		}
		row(m.Name, &seen[0], &seen[1])
		rep.gate("share of visitors that haechi serves under "+m.Name, seen[0].Availability(), atLeast, 0.99)
	}
	return nil
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
