package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// paceEvery is how often a paced device sends a frame.
const paceEvery = 100 * time.Millisecond

// metronome sends frames at fixed times, whatever became of those before, and notes
// how long each took from the moment it was due to the sink's answer.
type metronome struct {
	due   [][]time.Time // by phone, of what is not answered yet
	took  []time.Duration
	late  []time.Duration // behind its time when it was sent
	index map[*phone]int
}

// keepTime sends a frame of each phone every so often. The phones take turns, evenly.
func (c *crowd) keepTime(every, length time.Duration) (sent, error) {
	n := len(c.phones)
	total := int(length/every) * n
	m := &metronome{due: make([][]time.Time, n), index: make(map[*phone]int, n),
		took: make([]time.Duration, 0, total), late: make([]time.Duration, 0, total)}
	for i, p := range c.phones {
		m.index[p] = i
	}
	c.metronome = m
	first()
	start := time.Now().Add(every)
	for k := range total {
		at := start.Add(every * time.Duration(k) / time.Duration(n))
		for wait := time.Until(at); wait > 0; wait = time.Until(at) {
			if err := c.r.pollFor(wait); err != nil {
				return sent{}, err
			}
			if c.err != nil {
				return sent{}, c.err
			}
		}
		i := k % n
		m.due[i] = append(m.due[i], at)
		m.late = append(m.late, time.Since(at))
		c.phones[i].sendWindow()
		if k%8 == 7 { // also when there is no time to wait
			if err := c.r.pollFor(0); err != nil {
				return sent{}, err
			}
		}
	}
	err := c.until(time.Now().Add(5*time.Second), func() bool { return c.waiting == 0 })
	s := sent{Frames: c.frames, Seconds: time.Since(start).Seconds(), Late: quantile(m.late, 0.99)}
	s.P50, s.P99 = quantile(m.took, 0.5), quantile(m.took, 0.99)
	return s, err
}

// first lets the clock of the load, whose thread is its own, go before the sink, with
// which it shares a processor. Without the right to it the load is later, which it tells.
func first() {
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, -15)
}

// answered notes the answer to the oldest frame of the phone.
func (m *metronome) answered(p *phone) {
	i := m.index[p]
	m.took = append(m.took, time.Since(m.due[i][0]))
	m.due[i] = m.due[i][1:]
}

// quantile is in microseconds.
func quantile(all []time.Duration, q float64) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return float64(all[int(q*float64(len(all)-1))].Nanoseconds()) / 1e3
}

// straight is the way without any server between.
const straight = "no server between"

// maxLate is how far behind its own clock the load may be at the 99th percentile with no
// server between, in microseconds: beyond, it measures itself. With a server between, how
// late it was stands in the table: it is part of every time, since that counts from the
// moment a frame is due.
const maxLate = 1000

// pacedDevices measures what a server adds to the time of a frame when devices send
// at the rate of busy chat rooms, far below what it can do.
func (s *stage) pacedDevices(ctx context.Context, rep *page) error {
	if err := s.enrol(ctx); err != nil {
		return err
	}
	names := []string{straight, tcpProxy, deviceGate}
	got := map[string][]sent{}
	for round := range s.rounds {
		for _, name := range names {
			r, err := s.pacedRound(ctx, name)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			progress("%s paced round %d: p50 %.0f µs, p99 %.0f µs, the load %.0f µs late", name, round+1, r.P50, r.P99, r.Late)
			got[name] = append(got[name], r)
		}
	}
	p50 := func(r sent) float64 { return r.P50 }
	p99 := func(r sent) float64 { return r.P99 }
	rep.line("\n## Time of a frame, %d devices that send ten a second each\n", s.paced)
	rep.line("| server | p50 | p99 | added at p50 | added at p99 | of the p99, the load was late |\n|---|---:|---:|---:|---:|---:|")
	base := got[straight]
	for _, name := range names {
		a, b := middle(got[name], p50), middle(got[name], p99)
		rep.line("| %s | %.0f µs | %.0f µs | %.0f µs | %.0f µs | %.0f µs |", name, a, b, a-middle(base, p50), b-middle(base, p99),
			middle(got[name], func(r sent) float64 { return r.Late }))
	}
	rep.line("\nFrom the moment a frame is due to the sink's answer at the device, there and back through the server; medians over\nthe rounds. The frames come at fixed times, whether or not those before were answered. Load and sink share a processor:\nhow late the load was at its own p99 is within the times, which are upper bounds.")
	return nil
}

func (s *stage) pacedRound(ctx context.Context, name string) (got sent, err error) {
	address := s.Sink
	if name != straight {
		p, err := s.startDevice(ctx, name)
		if err != nil {
			return got, err
		}
		defer func() { err = errors.Join(err, p.stop()) }()
		address = p.address
	}
	length := max(s.length, time.Second)
	r, err := s.phones(address, s.paced, int(length/paceEvery)+1, 1, length, "-every", paceEvery.String())
	if err != nil {
		return got, err
	}
	got, err = r.sent()
	if err = errors.Join(err, r.end()); err != nil {
		return got, err
	}
	if want := int(length/paceEvery) * s.paced; got.Frames != want {
		return got, fmt.Errorf("%d of %d frames were answered", got.Frames, want)
	}
	if got.Late > maxLate && name == straight && !s.noisy {
		return got, fmt.Errorf("the load was %.0f µs behind its time: run it on a quiet machine", got.Late)
	}
	return got, nil
}
