package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// sample is one measurement.
type sample struct {
	ops  float64
	rate float64       // operations a second
	cpu  time.Duration // for one operation
	core float64       // how much of its processor the server used under load
}

// The quality of a measurement.
const (
	saturated = 0.85 // of its processor: below, something else set the pace
	quietEnds = 0.10 // of the processor, used by others: above, the sample is void
	retries   = 2
)

// errNothing means that the load was over before anything was done.
var errNothing = errors.New("nothing was completed in the time of a measurement")

// load drives the server and tells how many operations it completed, in what time.
type load func(ctx context.Context) (ops int, took time.Duration, err error)

// good takes samples until one is good. slack allows that the load generator is the
// slower one, for peers that do next to nothing.
func (o *options) good(name string, slack bool, take func() (s sample, foreign float64, err error)) (sample, error) {
	for try := 0; ; try++ {
		s, foreign, err := take()
		if err != nil {
			return s, err
		}
		why := ""
		switch {
		case foreign > quietEnds:
			why = fmt.Sprintf("other processes used %.0f %% of its processor", 100*foreign)
		case s.core < saturated && !slack:
			why = fmt.Sprintf("it used only %.0f %% of its processor: the load generator, or something else, set the pace", 100*s.core)
		default:
			return s, nil
		}
		if o.noisy {
			progress("%s: %s", name, why)
			return s, nil
		}
		if try == retries {
			return s, fmt.Errorf("%s: %s, three times over; run it on a quiet machine", name, why)
		}
		progress("%s: %s; once more", name, why)
	}
}

// once takes one sample, and how much of the server's processor others used.
func once(ctx context.Context, p *proc, run load) (s sample, foreign float64, err error) {
	before, err := p.usage()
	if err != nil {
		return s, 0, err
	}
	machine, err := busy(measured)
	if err != nil {
		return s, 0, err
	}
	start := time.Now()
	ops, took, err := run(ctx)
	if err != nil {
		return s, 0, fmt.Errorf("load on %s: %w", p.name, err)
	}
	wall := time.Since(start)
	under, err := p.usage()
	if err != nil {
		return s, 0, err
	}
	machineAfter, err := busy(measured)
	if err != nil {
		return s, 0, err
	}
	if ops == 0 {
		return s, 0, fmt.Errorf("%s: %w", p.name, errNothing)
	}
	after, err := p.settle(ctx, under)
	used := under.cpu - before.cpu
	s = sample{ops: float64(ops), rate: float64(ops) / took.Seconds(), core: used.Seconds() / took.Seconds(),
		cpu: time.Duration(float64(after.cpu-before.cpu) / float64(ops))}
	return s, max(0, (machineAfter-machine-used).Seconds()/wall.Seconds()), err
}

// settle waits until the server has done what the load left behind, at most five
// seconds: what is written later belongs to the operations too.
func (p *proc) settle(ctx context.Context, last usage) (usage, error) {
	const pause = 150 * time.Millisecond
	for range int(5 * time.Second / pause) {
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-time.After(pause):
		}
		now, err := p.usage()
		if err != nil || now.cpu-last.cpu <= tick {
			return now, err
		}
		last = now
	}
	return last, nil
}

// middle is the median of one value of the samples.
func middle[T any](all []T, value func(T) float64) float64 {
	vs := make([]float64, len(all))
	for i, s := range all {
		vs[i] = value(s)
	}
	slices.Sort(vs)
	n := len(vs)
	return (vs[(n-1)/2] + vs[n/2]) / 2
}

// summary is the medians of one server's samples.
func summary(all []sample) sample {
	return sample{
		ops:  middle(all, func(s sample) float64 { return s.ops }),
		rate: middle(all, func(s sample) float64 { return s.rate }),
		core: middle(all, func(s sample) float64 { return s.core }),
		cpu:  time.Duration(middle(all, func(s sample) float64 { return float64(s.cpu) })),
	}
}
