package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"
)

// openRates are what the open loop sends, in requests a second.
func openRates() []int { return []int{4000, 10_000} }

// helper runs the program as one of its own helpers beside the load's other half, and
// reads what it tells at the end.
func (s *stage) helper(ctx context.Context, into any, args ...string) error {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", strconv.Itoa(others), s.self}, args...)...)
	out, err := cmd.Output()
	if err == nil {
		return json.Unmarshal(out, into)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("the load: %w: %s", err, exit.Stderr)
	}
	return fmt.Errorf("the load: %w", err)
}

// openSample is one measurement of the open loop.
type openSample struct {
	opened
	cpu time.Duration // of the server, for each request
}

// open measures how long a request takes when requests come at random times and at
// rates far below what a server can do.
func (s *stage) open(ctx context.Context, rep *page) error {
	return s.withWeb(ctx, func(all []*webPeer) error {
		for _, rate := range openRates() {
			if err := s.openRate(ctx, rep, all, rate); err != nil {
				return err
			}
		}
		rep.line("\nHTTP/1.1 without TLS, open loop: requests come as a Poisson process over %d kept connections, whether or not those\n"+
			"before were answered; the time of each counts from the moment it is due to the last byte of its answer; medians over the\n"+
			"rounds. Load and upstream share a processor: how late the load was at its own p99 is within the times, which are upper bounds.", webConns)
		return nil
	})
}

func (s *stage) openRate(ctx context.Context, rep *page, all []*webPeer, rate int) error {
	direct := &webPeer{name: straight, plain: s.Upstream}
	turn := append([]*webPeer{direct}, all...)
	got := map[string][]openSample{}
	for round := range s.rounds {
		for _, p := range turn {
			o, err := s.openRound(ctx, p, rate)
			if err != nil {
				return fmt.Errorf("%s at %d/s: %w", p.name, rate, err)
			}
			progress("%s at %d/s round %d: p50 %.0f µs, p99 %.0f µs, %v, the load %.0f µs late", p.name, rate, round+1, o.P50, o.P99, o.cpu, o.Late)
			got[p.name] = append(got[p.name], o)
		}
	}
	p99 := func(o openSample) float64 { return o.P99 }
	rep.line("\n## Time of a request at %d a second\n", rate)
	rep.line("| server | p50 | p99 | CPU for each | of the p99, the load was late |\n|---|---:|---:|---:|---:|")
	for _, p := range turn {
		list := got[p.name]
		rep.line("| %s | %.0f µs | %.0f µs | %.2f µs | %.0f µs |", p.name, middle(list, func(o openSample) float64 { return o.P50 }), middle(list, p99),
			middle(list, func(o openSample) float64 { return float64(o.cpu) })/1000, middle(list, func(o openSample) float64 { return o.Late }))
	}
	rep.gate(fmt.Sprintf("p99 at %d requests/s, of nginx's", rate), middle(got["haechi"], p99)/middle(got["nginx"], p99), atMost, 1)
	return nil
}

// openRound is one measurement of a server, or of the way without one.
func (s *stage) openRound(ctx context.Context, p *webPeer, rate int) (o openSample, err error) {
	run := func(ctx context.Context) (int, time.Duration, error) {
		err := s.helper(ctx, &o.opened, "open", "-to", p.plain, "-host", "localhost:"+port(p.plain), "-rate", strconv.Itoa(rate), "-for", s.length.String())
		p.ops += float64(o.Ops)
		return o.Ops, time.Duration(o.Seconds * float64(time.Second)), err
	}
	if p.proc == nil {
		if _, _, err = run(ctx); err == nil && o.Late > maxLate && !s.noisy {
			err = fmt.Errorf("the load was %.0f µs behind its time: run it on a quiet machine", o.Late)
		}
		return o, err
	}
	sam, err := s.good(p.name, true, func() (sample, float64, error) { return once(ctx, p.proc, run) })
	o.cpu = sam.cpu
	return o, err
}
