package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// HTTP/2: connections, and requests at once on each; together as many as over HTTP/1.1.
const (
	h2Conns   = 8
	h2Streams = webConns / h2Conns
)

var (
	h2Done  = regexp.MustCompile(`(?m)^requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, 0 failed, 0 errored, 0 timeout$`)
	h2Took  = regexp.MustCompile(`(?m)^finished in ([0-9.]+)(us|ms|s),`)
	h2Spoke = regexp.MustCompile(`(?m)^Application protocol: h2$`)
	h2TLS   = regexp.MustCompile(`(?m)^TLS Protocol: TLSv1\.3$`)
)

// readH2 takes the numbers out of h2load's report, if nothing failed.
func readH2(out []byte) (n int, took time.Duration, err error) {
	done, length := h2Done.FindSubmatch(out), h2Took.FindSubmatch(out)
	if done == nil || length == nil || !h2Spoke.Match(out) || !h2TLS.Match(out) {
		return 0, 0, fmt.Errorf("h2load says: %s", out)
	}
	n, err1 := strconv.Atoi(string(done[1]))
	took, err2 := time.ParseDuration(string(length[1]) + string(length[2]))
	return n, took, errors.Join(err1, err2)
}

// h2load loads the TLS listener over HTTP/2.
func (p *webPeer) h2load(length time.Duration) load {
	return func(ctx context.Context) (int, time.Duration, error) {
		seconds := max(1, int(length.Seconds()+0.5))
		out, err := exec.CommandContext(ctx, "taskset", "-c", strconv.Itoa(others), "h2load", "-t1", "-c"+strconv.Itoa(h2Conns),
			"-m"+strconv.Itoa(h2Streams), "-D"+strconv.Itoa(seconds), p.url(true)).CombinedOutput()
		if err != nil {
			return 0, 0, fmt.Errorf("h2load: %w: %s", err, out)
		}
		n, took, err := readH2(out)
		p.ops += float64(n)
		return n, took, errors.Join(err, p.proc.alive())
	}
}

// h2 measures the proxies over HTTP/2 with TLS.
func (s *stage) h2(ctx context.Context, rep *page) error {
	return s.withWeb(ctx, func(all []*webPeer) error {
		got, err := s.webRounds(ctx, all, "h2", func(p *webPeer, length time.Duration) load { return p.h2load(length) })
		if err != nil {
			return err
		}
		rep.compare("HTTP/2, TLS 1.3", "requests/s", webNames(), got)
		rep.line("\n%d connections with %d requests at once on each (h2load); HTTP/1.1 to the upstream.", h2Conns, h2Streams)
		rep.gate("HTTP/2: requests for the processor time of one of Caddy", float64(got["Caddy"].cpu)/float64(got["haechi"].cpu), atLeast, 1.5)
		return nil
	})
}
