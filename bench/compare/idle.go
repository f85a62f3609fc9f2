package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// few devices connect first, so that what a server needs once is not counted.
const few = 16

// idleDevices measures the memory of one proved, silent device.
func (s *stage) idleDevices(ctx context.Context, rep *page) error {
	if err := s.enrol(ctx); err != nil {
		return err
	}
	names := []string{tcpProxy, deviceGate, asyncio}
	grown := map[string][]float64{}
	for round := range min(s.rounds, 3) {
		for _, name := range names {
			b, err := s.idleRound(ctx, name)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			progress("%-8s idle round %d: %.0f B a device", name, round+1, b)
			grown[name] = append(grown[name], b)
		}
	}
	rep.line("\n## Memory of an idle device\n")
	rep.line("| server | bytes of RSS for each of %d proved, silent devices | times %s |\n|---|---:|---:|", s.idle, names[0])
	self := func(v float64) float64 { return v }
	for _, name := range names {
		m := middle(grown[name], self)
		rep.line("| %s | %.0f | %.2f |", name, m, m/middle(grown[names[0]], self))
	}
	rep.line("\nUser memory of the server only, two TCP connections a device; the kernel's sockets come on top and are the same for\nall. What the handshakes left to be collected is in it.")
	return nil
}

func (s *stage) idleRound(ctx context.Context, name string) (perDevice float64, err error) {
	p, err := s.startDevice(ctx, name)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	warm, err := s.phones(p.address, few, 0, 1, 0)
	if err != nil {
		return 0, err
	}
	if err := warm.end(); err != nil {
		return 0, err
	}
	before, err := p.rested(ctx)
	if err != nil {
		return 0, err
	}
	r, err := s.phones(p.address, s.idle, 0, 1, 0)
	if err != nil {
		return 0, errors.Join(err, fmt.Errorf("server: %s", p.proc.stderr.String()))
	}
	after, err := p.rested(ctx)
	return float64(after.rss-before.rss) / float64(s.idle), errors.Join(err, r.end())
}

// rested is the server's usage a second after it went quiet.
func (p *devicePeer) rested(ctx context.Context) (usage, error) {
	u, err := p.proc.usage()
	if err != nil {
		return u, err
	}
	select {
	case <-ctx.Done():
		return u, ctx.Err()
	case <-time.After(time.Second):
	}
	return p.proc.settle(ctx, u)
}
