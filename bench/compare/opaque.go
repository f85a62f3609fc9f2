package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// The servers of this part, as the tables call them.
const (
	splicing  = "HAProxy, TCP"
	opaqueTCP = "haechi TCP gate"
)

// Connections of the opaque loads.
const (
	streams   = 8
	exchanges = 64
)

// opaque measures an opaque TCP service: bulk, exchanges, and silence.
func (s *stage) opaque(ctx context.Context, rep *page) (err error) {
	if err := freeAddresses(&s.Carry); err != nil {
		return err
	}
	behind, err := launch("the server behind", others, nil, nil, s.self, "carry", s.Carry)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, behind.stop()) }()
	if err := behind.listening(ctx, s.Carry); err != nil {
		return err
	}
	names := []string{splicing, opaqueTCP}
	for _, c := range []struct {
		title, unit, mode string
		n                 int
	}{
		{fmt.Sprintf("Opaque TCP, bulk: %d connections that send as fast as they can", streams), "MiB/s", "d", streams},
		{fmt.Sprintf("Opaque TCP, exchanges: %d connections, 512 bytes each way", exchanges), "exchanges/s", "e", exchanges},
	} {
		got := map[string]sample{}
		for _, name := range names {
			if got[name], err = s.opaqueRounds(ctx, name, c.mode, c.n); err != nil {
				return err
			}
		}
		rep.compare(c.title, c.unit, names, got)
	}
	rep.line("\nBoth let the kernel move the bytes (splice). The load, which has to touch every byte, is the slower part of the\nbulk test: what counts is the processor time for each MiB.")
	return s.silent(ctx, rep, names)
}

func (s *stage) startOpaque(ctx context.Context, name string) (p *devicePeer, err error) {
	if err := s.addresses(); err != nil {
		return nil, err
	}
	p = &devicePeer{name: name, address: s.Device}
	if p.out, err = os.OpenFile(filepath.Join(s.Dir, "opaque.out"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, err
	}
	var conf string
	if name == splicing {
		if conf, err = s.write("haproxy-opaque.cfg.tmpl"); err == nil {
			p.proc, err = launch(name, measured, nil, p.out, "haproxy", "-db", "-f", conf)
		}
	} else if conf, err = s.write("haechi-tcp.yaml.tmpl"); err == nil {
		p.proc, err = launch(name, measured, nil, p.out, s.haechi, "run", "--config", conf, "--log", "warn")
	}
	if err == nil {
		err = p.proc.listening(ctx, p.address)
	}
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

func (s *stage) opaqueRounds(ctx context.Context, name, mode string, n int) (sample, error) {
	var list []sample
	for round := range s.rounds {
		sam, err := s.good(name, true, func() (sam sample, foreign float64, err error) {
			p, err := s.startOpaque(ctx, name)
			if err != nil {
				return sam, 0, err
			}
			sam, foreign, err = once(ctx, p.proc, func(context.Context) (int, time.Duration, error) {
				r, err := s.carriers(p.address, mode, n, s.length)
				if err != nil {
					return 0, 0, err
				}
				return r.result()
			})
			return sam, foreign, errors.Join(err, p.stop())
		})
		if err != nil {
			return sam, err
		}
		progress("%s, mode %s round %d: %.0f/s, %v", name, mode, round+1, sam.rate, sam.cpu)
		list = append(list, sam)
	}
	return summary(list), nil
}

// silent measures what a connection that says nothing costs.
func (s *stage) silent(ctx context.Context, rep *page, names []string) error {
	rep.line("\n## Memory of a silent opaque connection\n")
	rep.line("| server | bytes of anonymous memory for each of %d connections | descriptors |\n|---|---:|---:|", s.idle)
	for _, name := range names {
		bytes, fds, err := s.silentRound(ctx, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		progress("%s: %.0f B and %.2f descriptors a connection", name, bytes, fds)
		rep.line("| %s | %.0f | %.2f |", name, bytes, fds)
	}
	rep.line("\nTwo TCP connections each; the kernel's part comes on top and is the same for both. Each has exchanged 512 bytes.")
	return nil
}

func (s *stage) silentRound(ctx context.Context, name string) (bytes, fds float64, err error) {
	p, err := s.startOpaque(ctx, name)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	warm, err := s.carriers(p.address, "i", few, 0)
	if err != nil {
		return 0, 0, err
	}
	if _, _, err := warm.result(); err != nil {
		return 0, 0, err
	}
	before, err := s.rested(ctx, p)
	if err != nil {
		return 0, 0, err
	}
	r, err := s.carriers(p.address, "i", s.idle, holding)
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	after, err := s.rested(ctx, p)
	if err != nil {
		return 0, 0, err
	}
	if time.Since(began) > holding {
		return 0, 0, fmt.Errorf("%s was not at rest before the load ended", name)
	}
	_, _, err = r.result()
	n := float64(s.idle)
	return (after.anon - before.anon) / n, float64(after.fds-before.fds) / n, err
}

// holding is how long idle connections are held for the server to come to rest.
const holding = time.Minute

// carriers are a running load.
type carriers struct {
	proc *proc
	out  *bufio.Reader
	pipe *os.File
}

// carriers starts the load and waits until all are connected and have been answered.
func (s *stage) carriers(to, mode string, n int, length time.Duration) (*carriers, error) {
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c := &carriers{out: bufio.NewReader(outR), pipe: outR}
	c.proc, err = launch("the load", others, nil, outW, s.self, "carriers", to, mode, strconv.Itoa(n), length.String())
	if err = errors.Join(err, outW.Close()); err != nil {
		return nil, errors.Join(err, outR.Close())
	}
	if word, err := c.out.ReadString('\n'); err != nil || word != "ready\n" {
		<-c.proc.done
		return nil, fmt.Errorf("the load is not ready: %q: %s", word, c.proc.stderr.String())
	}
	return c, nil
}

// result waits for the end of the load.
func (c *carriers) result() (ops int, took time.Duration, err error) {
	var got carried
	line, err := c.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &got)
	}
	<-c.proc.done
	if err = errors.Join(err, c.proc.err, c.pipe.Close()); err != nil {
		return 0, 0, fmt.Errorf("the load: %w: %s", err, c.proc.stderr.String())
	}
	return got.Ops, time.Duration(got.Seconds * float64(time.Second)), nil
}
