package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// devicePeer is one server in front of the sink, started anew for every round: a
// fresh gateway has a fresh replay memory.
type devicePeer struct {
	name    string
	address string
	proc    *proc
	out     *os.File
}

// The servers, as the tables call them.
const (
	deviceGate = "haechi device gate"
	tcpProxy   = "HAProxy, TCP (checks nothing)"
	tcpNginx   = "nginx stream (checks nothing)"
	asyncio    = "asyncio with HMAC"
)

func (s *stage) startDevice(ctx context.Context, name string) (p *devicePeer, err error) {
	if err := s.addresses(); err != nil {
		return nil, err
	}
	p = &devicePeer{name: name, address: s.Device}
	if p.out, err = os.OpenFile(filepath.Join(s.Dir, "device.out"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, err
	}
	var conf string
	switch name {
	case tcpProxy:
		if conf, err = s.write("haproxy-tcp.cfg.tmpl"); err == nil {
			p.proc, err = launch(name, measured, nil, p.out, "haproxy", "-db", "-f", conf)
		}
	case tcpNginx:
		if conf, err = s.write("nginx-stream.conf.tmpl"); err == nil {
			p.proc, err = launch(name, measured, nil, p.out, "nginx", "-c", conf)
		}
	case asyncio:
		if conf, err = s.copyOut("asyncio_server.py"); err == nil {
			p.proc, err = launch(name, measured, nil, p.out, "python3", conf, p.address, s.Sink, s.keys(), s.asyncioLog())
		}
	default:
		if conf, err = s.write("haechi-device.yaml.tmpl"); err == nil {
			p.proc, err = launch(name, measured, nil, p.out, s.haechi, "run", "--config", conf, "--log", "warn")
		}
	}
	if err == nil {
		err = p.proc.listening(ctx, p.address)
	}
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

func (p *devicePeer) stop() error { return errors.Join(p.proc.stop(), p.out.Close()) }

func (s *stage) keys() string       { return filepath.Join(s.Dir, "devices.json") }
func (s *stage) asyncioLog() string { return filepath.Join(s.Dir, "asyncio.log") }

// phonesRun is a running helper that sends frames.
type phonesRun struct {
	proc *proc
	in   io.WriteCloser
	out  *bufio.Reader
}

// phones starts the helper and waits until all devices have proved themselves.
func (s *stage) phones(address string, n, each, window int, length time.Duration, more ...string) (*phonesRun, error) {
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, inR.Close(), inW.Close())
	}
	r := &phonesRun{in: inW, out: bufio.NewReader(outR)}
	argv := append([]string{s.self, "phones", "-to", address, "-keys", s.keys(), "-n", strconv.Itoa(n),
		"-each", strconv.Itoa(each), "-window", strconv.Itoa(window), "-for", length.String()}, more...)
	r.proc, err = launchWith("the phones", others, nil, inR, outW, argv...)
	if err = errors.Join(err, inR.Close(), outW.Close()); err != nil {
		return nil, err
	}
	if word, err := r.out.ReadString('\n'); err != nil || word != "ready\n" {
		return nil, errors.Join(fmt.Errorf("the phones are not ready: %q", word), r.end())
	}
	return r, nil
}

// send lets them send, and tells what the sink has counted.
func (r *phonesRun) send(context.Context) (int, time.Duration, error) {
	got, err := r.sent()
	return got.Frames, time.Duration(got.Seconds * float64(time.Second)), err
}

// sent lets them send, and tells how it went.
func (r *phonesRun) sent() (got sent, err error) {
	if _, err := io.WriteString(r.in, "go\n"); err != nil {
		return got, err
	}
	line, err := r.out.ReadBytes('\n')
	if err != nil {
		return got, errors.Join(fmt.Errorf("the phones ended early"), r.end())
	}
	return got, json.Unmarshal(line, &got)
}

// end closes their connections.
func (r *phonesRun) end() error {
	err := r.in.Close()
	select {
	case <-r.proc.done:
	case <-time.After(stopTime):
		return errors.Join(err, r.proc.stop())
	}
	if r.proc.err != nil {
		err = errors.Join(err, fmt.Errorf("the phones: %w: %s", r.proc.err, r.proc.stderr.String()))
	}
	return err
}

// devicesFrames measures frames through the device gate, one at a time and many.
func (s *stage) devicesFrames(ctx context.Context, rep *page) error {
	if err := s.enrol(ctx); err != nil {
		return err
	}
	names := []string{tcpProxy, deviceGate, asyncio}
	for _, c := range []struct {
		title  string
		window int
	}{
		{"Device frames, each waits for the server's answer to the one before", 1},
		{"Device frames, 64 back to back", 64},
	} {
		got, err := s.frameRounds(ctx, names, c.window)
		if err != nil {
			return err
		}
		rep.compare(c.title, "frames/s", names, got)
	}
	rep.line("\n%d devices on a connection each, frames of about 700 bytes, signed beforehand, all different. HAProxy carries the\nbytes and proves nothing, which is the floor: the load may be slower than it, so its rate is a lower bound.", s.devices)
	return nil
}

func (s *stage) frameRounds(ctx context.Context, names []string, window int) (map[string]sample, error) {
	samples := map[string][]sample{}
	for round := range s.rounds {
		for _, name := range names {
			sam, err := s.good(name, name == tcpProxy, func() (sample, float64, error) { return s.frameRound(ctx, name, window) })
			if err != nil {
				return nil, err
			}
			progress("%s, window %d round %d: %.0f/s, %v", name, window, round+1, sam.rate, sam.cpu)
			samples[name] = append(samples[name], sam)
		}
	}
	out := map[string]sample{}
	for name, list := range samples {
		out[name] = summary(list)
	}
	return out, nil
}

// framesEach is what a device may send in a round: the replay memory of a device
// holds a few more.
const framesEach = 15_000

// frameRound starts a server, measures once (for two thirds of the usual length,
// since starting takes a while), stops it and checks its records.
func (s *stage) frameRound(ctx context.Context, name string, window int) (sam sample, foreign float64, err error) {
	before, err := s.framesLogged(name)
	if err != nil {
		return sam, 0, err
	}
	p, err := s.startDevice(ctx, name)
	if err != nil {
		return sam, 0, err
	}
	r, err := s.phones(p.address, s.devices, framesEach, window, s.length*2/3)
	if err != nil {
		return sam, 0, errors.Join(err, p.stop())
	}
	sam, foreign, err = once(ctx, p.proc, r.send)
	if err = errors.Join(err, r.end(), p.stop()); err != nil {
		return sam, 0, fmt.Errorf("%s: %w: %s", name, err, p.proc.stderr.String())
	}
	after, err := s.framesLogged(name)
	if err != nil || name == tcpProxy {
		return sam, foreign, err
	}
	return sam, foreign, logHolds(name, after-before, sam.ops)
}

// framesLogged is how many frames are in the records of a stopped server. A TCP
// proxy logs connections.
func (s *stage) framesLogged(name string) (int, error) {
	switch name {
	case deviceGate:
		return countRecorded(filepath.Join(s.Dir, "haechi-device"), "kb_chat_logs", "message")
	case asyncio:
		n, err := countLines(s.asyncioLog(), " message ")
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return n, err
	}
	return 0, nil
}
