package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const webConns = 64

// webPeer is one HTTP proxy.
type webPeer struct {
	name       string
	plain, tls string
	proc       *proc
	logged     func() (int, error) // requests in its log, once it has stopped
	ops        float64
	out        *os.File
}

// startWeb starts one of the proxies with both of its listeners.
func (s *stage) startWeb(ctx context.Context, name string) (p *webPeer, err error) {
	if err := s.addresses(); err != nil {
		return nil, err
	}
	p = &webPeer{name: name, plain: s.Plain, tls: s.TLS}
	if p.out, err = os.Create(filepath.Join(s.Dir, name+".out")); err != nil {
		return nil, err
	}
	if err = s.launchWeb(p); err != nil {
		return nil, err
	}
	err = errors.Join(p.proc.listening(ctx, p.plain), p.proc.listening(ctx, p.tls))
	if err == nil {
		err = errors.Join(check(p.url(false)), check(p.url(true)))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), p.proc.stop())
	}
	return p, nil
}

// launchWeb writes the proxy's configuration, starts it, and says where its log is.
func (s *stage) launchWeb(p *webPeer) (err error) {
	home := []string{"HOME=" + s.Dir}
	lines := func(file string) func() (int, error) {
		return func() (int, error) { return countLines(filepath.Join(s.Dir, file), "GET") }
	}
	var template string
	var argv []string // the configuration's path comes last
	switch p.name {
	case "nginx":
		template, argv, p.logged = "nginx.conf.tmpl", []string{"nginx", "-c"}, lines("nginx.access")
	case "HAProxy":
		template, argv, p.logged = "haproxy.cfg.tmpl", []string{"haproxy", "-db", "-f"}, lines("HAProxy.out")
	case "Caddy":
		template, argv, p.logged = "Caddyfile.tmpl", []string{"caddy", "run", "--adapter", "caddyfile", "--config"}, lines("caddy.access")
	default:
		state, err := s.state("haechi")
		if err != nil {
			return err
		}
		template, argv = "haechi.yaml.tmpl", []string{s.haechi, "run", "--log", "warn", "--config"}
		p.logged = func() (int, error) { return countRecorded(state, "events", "request") }
	}
	conf, err := s.write(template)
	if err != nil {
		return err
	}
	p.proc, err = launch(p.name, measured, home, p.out, append(argv, conf)...)
	return err
}

// url names the proxy by host name, which TLS wants.
func (p *webPeer) url(secure bool) string {
	if secure {
		return "https://localhost:" + port(p.tls) + "/"
	}
	return "http://localhost:" + port(p.plain) + "/"
}

// check wants the upstream's answer, over TLS 1.3 with an ECDSA certificate.
func check(url string) error {
	t := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}}
	defer t.CloseIdleConnections()
	res, err := (&http.Client{Transport: t, Timeout: 5 * time.Second}).Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || string(body) != answerBody {
		return fmt.Errorf("GET %s: %s, %d bytes (%v)", url, res.Status, len(body), err)
	}
	if res.TLS != nil && res.TLS.Version != tls.VersionTLS13 {
		return fmt.Errorf("%s speaks %s", url, tls.VersionName(res.TLS.Version))
	}
	return nil
}

// finish stops the proxy and checks its log.
func (p *webPeer) finish() error {
	err := errors.Join(p.proc.stop(), p.out.Close())
	if err != nil {
		return err
	}
	lines, err := p.logged()
	if err != nil {
		return err
	}
	return logHolds(p.name, lines, p.ops)
}

var (
	errSocket = regexp.MustCompile(`(?m)^\s*(Socket errors|Non-2xx).*$`)
	errTotal  = regexp.MustCompile(`(?m)^\s*(\d+) requests in ([0-9.]+)(us|ms|s|m),`)
)

// wrk loads one address with 64 connections that are kept.
func (p *webPeer) wrk(url string, length time.Duration) load {
	return func(ctx context.Context) (int, time.Duration, error) {
		seconds := max(1, int(length.Seconds()+0.5))
		out, err := exec.CommandContext(ctx, "taskset", "-c", strconv.Itoa(others), "wrk", "-t1", "-c"+strconv.Itoa(webConns),
			"-d"+strconv.Itoa(seconds)+"s", "--timeout", "5s", url).CombinedOutput()
		if err != nil {
			return 0, 0, fmt.Errorf("wrk: %w: %s", err, out)
		}
		if bad := errSocket.Find(out); bad != nil {
			return 0, 0, fmt.Errorf("wrk: %s", bad)
		}
		m := errTotal.FindSubmatch(out)
		if m == nil {
			return 0, 0, fmt.Errorf("wrk says: %s", out)
		}
		n, err := strconv.Atoi(string(m[1]))
		if err != nil {
			return 0, 0, err
		}
		took, err := time.ParseDuration(string(m[2]) + string(m[3]))
		p.ops += float64(n)
		return n, took, errors.Join(err, p.proc.alive())
	}
}

// webNames are the proxies, in their order.
func webNames() []string { return []string{"nginx", "HAProxy", "Caddy", "haechi"} }

// withWeb starts the proxies for a part, and checks their logs after it.
func (s *stage) withWeb(ctx context.Context, part func(all []*webPeer) error) (err error) {
	if err := s.forget(); err != nil {
		return err
	}
	var all []*webPeer
	defer func() {
		for _, p := range all {
			if ferr := p.finish(); err == nil {
				err = ferr
			}
		}
	}()
	for _, name := range webNames() {
		p, err := s.startWeb(ctx, name)
		if err != nil {
			return err
		}
		all = append(all, p)
	}
	return part(all)
}

// forget removes what the proxies of an earlier part have logged.
func (s *stage) forget() (err error) {
	for _, name := range []string{"nginx.access", "caddy.access", "haechi"} {
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.Dir, name)))
	}
	return err
}

// web measures the proxies, plain and with TLS, and what they hold before and after.
func (s *stage) web(ctx context.Context, rep *page) error {
	return s.withWeb(ctx, func(all []*webPeer) error {
		before, err := held(all)
		if err != nil {
			return err
		}
		for _, c := range []struct {
			title, gate string
			nginx       float64 // what is wanted of its work
		}{{"HTTP/1.1 keep-alive, plain", "plain HTTP", 1}, {"HTTP/1.1 keep-alive, TLS 1.3", "TLS keep-alive", 1.1}} {
			secure := c.gate != "plain HTTP"
			got, err := s.webRounds(ctx, all, c.gate, func(p *webPeer, length time.Duration) load { return p.wrk(p.url(secure), length) })
			if err != nil {
				return err
			}
			rep.compare(c.title, "requests/s", webNames(), got)
			ours := float64(got["haechi"].cpu)
			rep.gate(c.gate+": requests for the processor time of one of nginx", float64(got["nginx"].cpu)/ours, atLeast, c.nginx)
			rep.gate(c.gate+": requests for the processor time of one of Caddy", float64(got["Caddy"].cpu)/ours, atLeast, 4)
		}
		after, err := held(all)
		if err != nil {
			return err
		}
		tellHeld(rep, before, after)
		return nil
	})
}

// held is what each proxy holds now.
func held(all []*webPeer) (map[string]usage, error) {
	out := map[string]usage{}
	for _, p := range all {
		u, err := p.proc.usage()
		if err != nil {
			return nil, err
		}
		out[p.name] = u
	}
	return out, nil
}

func tellHeld(rep *page, before, after map[string]usage) {
	const mib = 1 << 20
	rep.line("\n## Memory of the proxies\n\n| server | resident at the start | resident after the load | of it anonymous |\n|---|---:|---:|---:|")
	for _, name := range webNames() {
		b, a := before[name], after[name]
		rep.line("| %s | %.1f MiB | %.1f MiB | %.1f MiB |", name, float64(b.resident)/mib, float64(a.resident)/mib, float64(a.anon)/mib)
	}
	rep.line("\nThe whole process group right after the two tables above, with %d connections at a time; shared pages by their share\n(Pss of smaps_rollup).", webConns)
}

// webRounds lets the proxies take turns under a load.
func (s *stage) webRounds(ctx context.Context, all []*webPeer, what string, drive func(*webPeer, time.Duration) load) (map[string]sample, error) {
	samples := map[string][]sample{}
	slack := strings.HasSuffix(what, "handshakes") // a client's half is the dearer one
	for round := range s.rounds + 1 {
		for _, p := range all {
			if round == 0 { // warms up caches and connections
				if _, _, err := drive(p, time.Second)(ctx); err != nil {
					return nil, fmt.Errorf("%s: %w", p.name, err)
				}
				continue
			}
			sam, err := s.good(p.name, slack, func() (sample, float64, error) { return once(ctx, p.proc, drive(p, s.length)) })
			if err != nil {
				return nil, err
			}
			progress("%-8s %s round %d: %.0f/s, %v", p.name, what, round, sam.rate, sam.cpu)
			samples[p.name] = append(samples[p.name], sam)
		}
	}
	out := map[string]sample{}
	for name, list := range samples {
		out[name] = summary(list)
	}
	return out, nil
}
