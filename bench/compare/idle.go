package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// few devices connect first, so that what a server needs once is not counted.
const few = 16

// idleCost is what a server holds for one proved, silent device.
type idleCost struct {
	bytes, left float64 // of anonymous memory, with the connections and once they are gone
	heap        float64 // of what the Go collector found in use; 0: not known
	fds         float64
}

// idleDevices measures what the connection of a proved, silent device costs.
func (s *stage) idleDevices(ctx context.Context, rep *page) error {
	if err := s.enrol(ctx); err != nil {
		return err
	}
	s.Silent = true
	defer func() { s.Silent = false }()
	names := s.idleServers()
	all := map[string][]idleCost{}
	for round := range min(s.rounds, 3) {
		for _, name := range names {
			c, err := s.idleRound(ctx, name)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			progress("%-8s idle round %d: %.0f B, %.0f B of live heap, %.2f descriptors a device; %.0f B are left", name, round+1, c.bytes, c.heap, c.fds, c.left)
			all[name] = append(all[name], c)
		}
	}
	registry, err := s.registryCost(ctx)
	if err != nil {
		return err
	}
	s.idleTable(rep, names, all, registry)
	return nil
}

// idleServers are those that are compared, the gateway's floor first.
func (s *stage) idleServers() []string {
	if s.gateOnly {
		return []string{deviceGate}
	}
	return []string{tcpProxy, tcpNginx, deviceGate, asyncio}
}

func (s *stage) idleTable(rep *page, names []string, all map[string][]idleCost, registry resting) {
	size := func(c idleCost) float64 { return c.bytes }
	heap := func(c idleCost) float64 { return c.heap }
	fds := func(c idleCost) float64 { return c.fds }
	first := middle(all[names[0]], size)
	rep.line("\n## The connection of an idle device\n")
	rep.line("| server | bytes for each of %d proved, silent devices | times %s | of them in use on the Go heap | descriptors for each | bytes left when they are gone |\n|---|---:|---:|---:|---:|---:|", s.idle, names[0])
	for _, name := range names {
		m, h := middle(all[name], size), "–"
		if v := middle(all[name], heap); v > 0 {
			h = fmt.Sprintf("%.0f", v)
		}
		rep.line("| %s | %.0f | %.2f | %s | %.2f | %.0f |", name, m, m/first, h, middle(all[name], fds),
			middle(all[name], func(c idleCost) float64 { return c.left }))
	}
	rep.line("\nThe same server before and with the connections, two TCP connections a device: its anonymous memory (smaps_rollup), once\nit has been within 1 MiB for %d seconds. The kernel's sockets come on top and are the same for all. The gateway has all\ndevices in its registry before as well; they cost it %.0f bytes each (%.0f in use on the heap), connected or not.",
		stillFor, registry.anon/float64(s.idle), registry.heap/float64(s.idle))
	rep.gate("memory of an idle device's connection, bytes", middle(all[deviceGate], size), atMost, 512)
	rep.gate("of it in use on the heap, bytes", middle(all[deviceGate], heap), atMost, 512)
	rep.gate("descriptors of an idle device", middle(all[deviceGate], fds), atMost, 2)
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
	before, err := s.rested(ctx, p)
	if err != nil {
		return c, err
	}
	r, err := s.phones(p.address, s.idle, 0, 1, 0)
	if err != nil {
		return c, errors.Join(err, fmt.Errorf("server: %s", p.proc.stderr.String()))
	}
	after, err := s.rested(ctx, p)
	if err = errors.Join(err, r.end()); err != nil {
		return c, err
	}
	n := float64(s.idle)
	c = idleCost{bytes: (after.anon - before.anon) / n, heap: (after.heap - before.heap) / n, fds: float64(after.fds-before.fds) / n}
	gone, err := s.rested(ctx, p)
	c.left = (gone.anon - before.anon) / n
	return c, err
}

// registryCost is what the gateway holds more with all devices in its registry than
// with none, and nobody connected.
func (s *stage) registryCost(ctx context.Context) (more resting, err error) {
	var got [2]resting
	for i, folder := range []string{"haechi-empty", "haechi-device"} {
		if _, err := s.state(folder); err != nil {
			return more, err
		}
		s.Folder = folder
		if got[i], err = s.alone(ctx); err != nil {
			return more, err
		}
	}
	return resting{anon: got[1].anon - got[0].anon, heap: got[1].heap - got[0].heap}, nil
}

func (s *stage) alone(ctx context.Context) (r resting, err error) {
	p, err := s.startDevice(ctx, deviceGate)
	if err != nil {
		return r, err
	}
	r, err = s.rested(ctx, p)
	return r, errors.Join(err, p.stop())
}

// resting is a server that has nothing to do.
type resting struct {
	anon, heap float64 // bytes
	fds        int
}

// How long memory has to stay where it is, in seconds, within how much, and how long
// that is waited for.
const (
	stillFor  = 15
	stillness = 1 << 20
	stillWait = 2 * time.Minute
)

// rested waits until the server has written its records and given back what it does
// not need, for which the gateway gets twice the time: it looks every few seconds. A
// server that never rests is an error.
func (s *stage) rested(ctx context.Context, p *devicePeer) (r resting, err error) {
	var seen []int64
	for begun := time.Now(); time.Since(begun) < stillWait; {
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(time.Second):
		}
		now, err := p.proc.usage()
		if err != nil {
			return r, err
		}
		if seen = append(seen, now.anon); len(seen) > stillFor {
			seen = seen[1:]
		}
		low, high := extremes(seen)
		if len(seen) == stillFor && high-low <= stillness && (p.name != deviceGate || time.Since(begun) > 2*stillFor*time.Second) {
			r = resting{anon: float64(low), fds: now.fds}
			if p.name == deviceGate {
				r.heap, err = metric(ctx, s.Metrics, "haechi_heap_live_bytes")
			}
			progress("%-8s at rest after %v with %d KiB, %d descriptors", p.name, time.Since(begun).Round(time.Second), low>>10, now.fds)
			return r, err
		}
	}
	return r, fmt.Errorf("%s was not at rest within %v", p.name, stillWait)
}

func extremes(all []int64) (low, high int64) {
	low, high = all[0], all[0]
	for _, v := range all {
		low, high = min(low, v), max(high, v)
	}
	return low, high
}

// metric reads one number of the gateway's.
func metric(ctx context.Context, address, name string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	req.Close = true // a connection that stays would count
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	text, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("the gateway does not tell %s", name)
}
