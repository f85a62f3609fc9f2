package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// few devices connect first, so that what a server needs once is not counted.
const few = 16

// idleCost is what a server holds for one proved, silent device.
type idleCost struct{ bytes, fds float64 }

// idleDevices measures what one proved, silent device costs.
func (s *stage) idleDevices(ctx context.Context, rep *page) error {
	if err := s.enrol(ctx); err != nil {
		return err
	}
	names := []string{tcpProxy, tcpNginx, deviceGate, asyncio}
	all := map[string][]idleCost{}
	for round := range min(s.rounds, 3) {
		for _, name := range names {
			c, err := s.idleRound(ctx, name)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			progress("%-8s idle round %d: %.0f B and %.2f descriptors a device", name, round+1, c.bytes, c.fds)
			all[name] = append(all[name], c)
		}
	}
	size := func(c idleCost) float64 { return c.bytes }
	fds := func(c idleCost) float64 { return c.fds }
	first := middle(all[names[0]], size)
	rep.line("\n## An idle device\n")
	rep.line("| server | bytes of RSS for each of %d proved, silent devices | times %s | descriptors for each |\n|---|---:|---:|---:|", s.idle, names[0])
	for _, name := range names {
		m := middle(all[name], size)
		rep.line("| %s | %.0f | %.2f | %.2f |", name, m, m/first, middle(all[name], fds))
	}
	rep.line("\nUser memory of the server only, two TCP connections a device; the kernel's sockets come on top and are the same for\nall. What the handshakes left to be collected is in it, and so is what the gateway keeps of each device's proof.")
	rep.gate("RSS of an idle device, bytes", middle(all[deviceGate], size), atMost, 512)
	rep.gate("descriptors of an idle device", middle(all[deviceGate], fds), atMost, 2)
	return nil
}

func (s *stage) idleRound(ctx context.Context, name string) (c idleCost, err error) {
	p, err := s.startDevice(ctx, name)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	warm, err := s.phones(p.address, few, 0, 1, 0)
	if err != nil {
		return c, err
	}
	if err := warm.end(); err != nil {
		return c, err
	}
	before, err := p.rested(ctx)
	if err != nil {
		return c, err
	}
	r, err := s.phones(p.address, s.idle, 0, 1, 0)
	if err != nil {
		return c, errors.Join(err, fmt.Errorf("server: %s", p.proc.stderr.String()))
	}
	after, err := p.rested(ctx)
	n := float64(s.idle)
	progress("%-8s RSS %d KiB with %d devices before, %d KiB with them", name, before.rss>>10, few, after.rss>>10)
	return idleCost{float64(after.rss-before.rss) / n, float64(after.fds-before.fds) / n}, errors.Join(err, r.end())
}

// rested is the server's usage once its memory has not grown or shrunk for six seconds,
// which is when it has written its records and given back what it does not need; at
// most half a minute is waited.
func (p *devicePeer) rested(ctx context.Context) (usage, error) {
	last, err := p.proc.usage()
	for still, begun := 0, time.Now(); err == nil && still < 6 && time.Since(begun) < 30*time.Second; still++ {
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-time.After(time.Second):
		}
		now, uerr := p.proc.usage()
		if d := now.rss - last.rss; d > 1<<20 || d < -1<<20 {
			still = -1
		}
		last, err = now, uerr
	}
	return last, err
}
