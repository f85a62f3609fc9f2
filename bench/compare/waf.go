package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// The application firewalls, as the tables call them.
const (
	wafHaechi      = "haechi"
	wafOff         = "haechi, its WAF off"
	wafModSecurity = "nginx with ModSecurity"
	wafCoraza      = "plain Coraza proxy"
)

func wafNames() []string { return []string{wafHaechi, wafOff, wafModSecurity, wafCoraza} }

// wafSample is one measurement of a firewall under one load.
type wafSample struct {
	sample
	opened
	clearing
}

// waf measures application firewalls with the same rules, before the same upstream.
func (s *stage) waf(ctx context.Context, rep *page) (err error) {
	if err := freeAddresses(&s.Taking); err != nil {
		return err
	}
	behind, err := launch("the upstream", others, nil, nil, s.self, "taking", s.Taking)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, behind.stop()) }()
	err = errors.Join(behind.listening(ctx, s.Taking), extractRules(filepath.Join(s.Dir, "crs")))
	if err != nil {
		return err
	}
	return s.withWaf(ctx, func(all []*webPeer) error {
		for i, l := range wafLoads() {
			got, err := s.wafRounds(ctx, all, i, &l)
			if err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			tellWaf(rep, &l, got)
		}
		rep.line("\nThe Core Rule Set 4.25 at paranoia 1 in all three, and the same limits; %d connections, each of which waits for its answer before\n"+
			"it asks again, so the p99 is that of a server in full use. Sessions, parameters, names and numbers differ from request to\n"+
			"request. haechi runs with its defaults, so that one cleared request in 1,000 is given to Coraza too. Coraza's prefilter is off in\n"+
			"both, since it misses attacks. %s.", wafConns, wafVersions(ctx))
		return nil
	})
}

// withWaf starts the firewalls, and checks their logs in the end.
func (s *stage) withWaf(ctx context.Context, part func(all []*webPeer) error) (err error) {
	var all []*webPeer
	defer func() {
		for _, p := range all {
			if ferr := p.finish(); err == nil {
				err = ferr
			}
		}
	}()
	for _, name := range wafNames() {
		p, err := s.startWaf(ctx, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, p)
	}
	return part(all)
}

func (s *stage) startWaf(ctx context.Context, name string) (p *webPeer, err error) {
	metrics := s.Metrics
	if err := s.addresses(); err != nil {
		return nil, err
	}
	if name != wafHaechi {
		defer func() { s.Metrics = metrics }() // asked for its counters later
	}
	p = &webPeer{name: name, plain: s.Plain}
	if p.out, err = os.Create(filepath.Join(s.Dir, "waf.out")); err != nil {
		return nil, err
	}
	switch name {
	case wafHaechi:
		err = s.launchWafGate(p, "enforce")
	case wafOff:
		err = s.launchWafGate(p, "off")
	case wafModSecurity:
		err = s.launchModSecurity(p)
	default:
		log := filepath.Join(s.Dir, "wafproxy.access")
		p.logged = func() (int, error) { return countLines(log, " /") }
		p.proc, err = launch(name, measured, nil, p.out, s.self, "wafproxy", p.plain, s.Taking, log)
	}
	if err == nil {
		err = p.proc.listening(ctx, p.plain)
	}
	if err != nil {
		return nil, errors.Join(err, p.proc.stop())
	}
	return p, nil
}

func (s *stage) launchWafGate(p *webPeer, mode string) error {
	s.Judge = mode
	state, err := s.state("haechi-waf-" + mode)
	if err != nil {
		return err
	}
	conf, err := s.write("haechi-waf.yaml.tmpl")
	if err != nil {
		return err
	}
	p.logged = func() (int, error) { return countRecorded(state, "events", "request") }
	p.proc, err = launch(p.name, measured, nil, p.out, s.haechi, "run", "--log", "warn", "--config", conf)
	return err
}

func (s *stage) launchModSecurity(p *webPeer) error {
	_, err := s.write("modsecurity.conf.tmpl")
	if err != nil {
		return err
	}
	conf, err := s.write("nginx-waf.conf.tmpl")
	if err != nil {
		return err
	}
	p.logged = func() (int, error) { return countLines(filepath.Join(s.Dir, "nginx-waf.access"), "HTTP/1.1") }
	p.proc, err = launch(p.name, measured, nil, p.out, "nginx", "-c", conf)
	return err
}

// wafRounds lets the firewalls take turns under one kind of request.
func (s *stage) wafRounds(ctx context.Context, all []*webPeer, i int, l *wafLoad) (map[string][]wafSample, error) {
	got := map[string][]wafSample{}
	for round := range s.rounds + 1 {
		for _, p := range all {
			if p.name == wafOff && l.status != http.StatusOK {
				continue
			}
			length := s.length
			if round == 0 { // warms up
				length = min(length, time.Second)
			}
			o, err := s.wafRound(ctx, p, l, (i*100+round)*1_000_000, length)
			if errors.Is(err, errNothing) {
				progress("%s %s: %v", p.name, l.name, err)
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			progress("%s %s round %d: %.0f/s, %v, p99 %.0f µs", p.name, l.name, round, o.rate, o.cpu, o.P99)
			if round > 0 {
				got[p.name] = append(got[p.name], o)
			}
		}
	}
	return got, nil
}

// wafRound is one measurement. Requests are numbered from a number on that is used once.
func (s *stage) wafRound(ctx context.Context, p *webPeer, l *wafLoad, from int, length time.Duration) (o wafSample, err error) {
	before, err := s.clearing(ctx, p.name)
	if err != nil {
		return o, err
	}
	o.sample, err = s.good(p.name, l.name == "upload", func() (sample, float64, error) {
		return once(ctx, p.proc, func(ctx context.Context) (int, time.Duration, error) {
			err := s.helper(ctx, &o.opened, "ask", "-to", p.plain, "-host", "localhost:"+port(p.plain), "-load", l.name, "-for", length.String(), "-from", strconv.Itoa(from))
			p.ops += float64(o.Ops)
			return o.Ops, time.Duration(o.Seconds * float64(time.Second)), errors.Join(err, p.proc.alive())
		})
	})
	if err != nil {
		return o, err
	}
	after, err := s.clearing(ctx, p.name)
	o.clearing = after.since(before)
	return o, err
}

// tellWaf prints the table of one load.
func tellWaf(rep *page, l *wafLoad, got map[string][]wafSample) {
	rep.line("\n## Application firewalls: %s\n", l.title)
	rep.line("| server | requests/s | CPU for each | times haechi's | p50 | p99 | of its processor |\n|---|---:|---:|---:|---:|---:|---:|")
	cpu := func(o wafSample) float64 { return float64(o.cpu) }
	own := got[wafHaechi]
	for _, name := range wafNames() {
		list := got[name]
		if name == wafOff && l.status != http.StatusOK {
			continue
		}
		if len(list) == 0 {
			rep.line("| %s | none was answered in time | | | | | |", name)
			continue
		}
		times := "–"
		if len(own) > 0 {
			times = number(middle(list, cpu) / middle(own, cpu))
		}
		rep.line("| %s | %.0f | %.1f µs | %s | %.1f ms | %.1f ms | %.0f %% |", name, middle(list, func(o wafSample) float64 { return o.rate }), middle(list, cpu)/1000, times,
			middle(list, func(o wafSample) float64 { return o.P50 })/1000, middle(list, func(o wafSample) float64 { return o.P99 })/1000,
			100*middle(list, func(o wafSample) float64 { return o.core }))
	}
	tellClearing(rep, own)
	gateWaf(rep, l, got)
}

// gateWaf holds the goals: of a GET and of JSON, how many times dearer others are.
func gateWaf(rep *page, l *wafLoad, got map[string][]wafSample) {
	goals := map[string]map[string]float64{"get": {wafModSecurity: 20, wafCoraza: 25}, "json": {wafModSecurity: 30, wafCoraza: 100}}[l.name]
	cpu := func(o wafSample) float64 { return float64(o.cpu) }
	for _, name := range wafNames() {
		if want, ok := goals[name]; ok && len(got[name]) > 0 && len(got[wafHaechi]) > 0 {
			rep.gate(l.title+": processor time with "+name+", of haechi's", middle(got[name], cpu)/middle(got[wafHaechi], cpu), atLeast, want)
		}
	}
}
