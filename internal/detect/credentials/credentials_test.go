package credentials_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/detect"
	"haechi/internal/detect/credentials"
)

type site struct{ scanner netip.Addr }

func (site) Internal(a netip.Addr) bool { return a.IsPrivate() }

func (site) Listed(netip.Addr) bool { return false }

func (s site) Role(a netip.Addr) detect.Role {
	if a == s.scanner {
		return detect.Scanner
	}
	return 0
}

type observer interface {
	Observe(*haechi.Event, []haechi.Finding) []haechi.Finding
	Tick(time.Time, []haechi.Finding) []haechi.Finding
}

var began = time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)

func rule(severity haechi.Severity) detect.Rule {
	return detect.Rule{ID: "network/x", Version: 1, Detector: "default_credentials", Technique: "T1078.001", Severity: severity, Want: haechi.Watch, For: time.Hour}
}

func play(d observer, gap time.Duration, events ...haechi.Event) (out []haechi.Finding) {
	at := began
	for i := range events {
		at = at.Add(gap)
		events[i].Time = at
		out = d.Observe(&events[i], out)
		out = d.Tick(at, out)
	}
	return d.Tick(at.Add(30*24*time.Hour), out)
}

func tries(s site, gap time.Duration, events ...haechi.Event) []haechi.Finding {
	return play(credentials.New(rule(haechi.Critical), s, credentials.Defaults()), gap, events...)
}

func login(from, to string, outcome haechi.Outcome, kind string) haechi.Event {
	a := netip.MustParseAddr(from)
	return haechi.Event{Kind: haechi.KindAuth, Outcome: outcome, LocalPort: 23,
		Actor: haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, a.BitLen()), User: "root", Assurance: haechi.Handshaken},
		Flow:  haechi.Flow{Sensor: "capture", Target: netip.MustParseAddr(to), Transport: haechi.TCP, Protocol: "telnet", Type: kind}}
}

const (
	outside = "203.0.113.7"
	printer = "10.0.0.9"
	desk    = "10.0.0.20"
	mirai   = "default:mirai"
)

func times(n int, make func(i int) haechi.Event) (out []haechi.Event) {
	for i := range n {
		out = append(out, make(i))
	}
	return out
}

func fail(from, to string, n int) []haechi.Event {
	return times(n, func(int) haechi.Event { return login(from, to, haechi.Failure, mirai) })
}

// incidents are the findings that begin one, with how severe each became.
func incidents(all []haechi.Finding) (starts []haechi.Finding, worst map[haechi.Reference]haechi.Severity) {
	worst = map[haechi.Reference]haechi.Severity{}
	for _, f := range all {
		if _, seen := worst[f.Incident]; !seen {
			starts = append(starts, f)
		}
		worst[f.Incident] = max(worst[f.Incident], f.Severity)
	}
	return starts, worst
}

func TestFires(t *testing.T) {
	in := func(from, to string) haechi.Event { return login(from, to, haechi.Success, mirai) }
	for name, c := range map[string]struct {
		events []haechi.Event
		want   string // source, target and worst severity of each incident
	}{
		"a worm at the door":        {fail(outside, printer, 3), "203.0.113.7 10.0.0.9 high;"},
		"at a printer inside":       {fail(desk, printer, 3), "10.0.0.20 10.0.0.9 medium;"},
		"at printers inside":        {append(fail(desk, printer, 2), fail(desk, "10.0.0.8", 1)...), "10.0.0.20 10.0.0.8 high;"},
		"one of ours at the world":  {fail(printer, outside, 3), "10.0.0.9 203.0.113.7 high;"},
		"a worm that is let in":     {append(fail(outside, printer, 5), in(outside, printer)), "203.0.113.7 10.0.0.9 critical;203.0.113.7 10.0.0.9 high;"},
		"let in at once":            {[]haechi.Event{in(outside, printer)}, "203.0.113.7 10.0.0.9 high;"},
		"an owner's login":          {times(30, func(int) haechi.Event { return in(desk, printer) }), "10.0.0.20 10.0.0.9 medium;"},
		"let in elsewhere, guessed": {append(fail(desk, outside, 3), in(desk, outside)), "10.0.0.20 203.0.113.7 critical;"},
	} {
		starts, worst := incidents(tries(site{}, time.Second, c.events...))
		got := ""
		for _, f := range starts {
			got += fmt.Sprintf("%s %s %s;", f.Addr, f.Target.Addr(), worst[f.Incident])
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestFiresNot(t *testing.T) {
	scanner := site{netip.MustParseAddr(desk)}
	for name, c := range map[string]struct {
		site   site
		gap    time.Duration
		events []haechi.Event
	}{
		"two tries":               {site{}, time.Second, fail(outside, printer, 2)},
		"three tries in an hour":  {site{}, 20 * time.Minute, fail(outside, printer, 3)},
		"passwords on no list":    {site{}, time.Second, times(50, func(int) haechi.Event { return login(outside, printer, haechi.Failure, "password") })},
		"one of our scanners":     {scanner, time.Second, fail(desk, printer, 50)},
		"other people's host":     {site{}, time.Second, times(9, func(int) haechi.Event { return login(desk, outside, haechi.Success, mirai) })},
		"an outcome nobody knows": {site{}, time.Second, []haechi.Event{login(outside, printer, haechi.Unknown, mirai)}},
	} {
		if got := tries(c.site, c.gap, c.events...); len(got) > 0 {
			t.Errorf("%s: found %+v", name, got[0])
		}
	}
}

func TestAScannerIsNoAttackerButWhatItFoundIsTold(t *testing.T) {
	events := append(fail(desk, printer, 9), login(desk, printer, haechi.Success, mirai))
	starts, _ := incidents(tries(site{netip.MustParseAddr(desk)}, time.Second, events...))
	if len(starts) != 1 || starts[0].About.Value != printer || starts[0].Want != haechi.Pass {
		t.Fatalf("found %+v", starts)
	}
}

// One incident a source whatever it tries, with its end, and no password or user in it.
func TestOneIncidentWithItsEnd(t *testing.T) {
	all := tries(site{}, time.Second, times(400, func(i int) haechi.Event {
		return login(outside, fmt.Sprintf("10.0.1.%d", i%200), haechi.Failure, mirai)
	})...)
	starts, _ := incidents(all)
	last := all[len(all)-1]
	if len(starts) != 1 || len(all) > 12 || !last.Over || last.Reasons[0].Value < 256 || last.User != "" || last.Technique != "T1110.001" || last.Spoofable {
		t.Fatalf("%d incidents, %d findings, last %+v", len(starts), len(all), last)
	}
}

func TestTheWindowSlides(t *testing.T) {
	at := []time.Duration{0, 4 * time.Minute, 6 * time.Minute, 8 * time.Minute}
	d := credentials.New(rule(haechi.High), site{}, credentials.Defaults())
	var out []haechi.Finding
	for _, a := range at {
		e := login(outside, printer, haechi.Failure, mirai)
		e.Time = began.Add(a)
		out = d.Observe(&e, out)
	}
	if len(out) != 1 || !out[0].Time.Equal(began.Add(8*time.Minute)) {
		t.Fatalf("found %+v", out)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	cfg := credentials.Defaults()
	cfg.Sources, cfg.Hosts = 16, 16
	d := credentials.New(rule(haechi.High), site{}, cfg)
	for i := range 100 {
		e := login(fmt.Sprintf("203.0.113.%d", i), fmt.Sprintf("10.0.0.%d", i), haechi.Success, mirai)
		e.Time = began
		d.Observe(&e, nil)
	}
	if d.Refused() != 2*84 {
		t.Errorf("refused %d", d.Refused())
	}
}

func session(from, to, protocol string, answered int64) haechi.Event {
	e := login(from, to, haechi.Unknown, "")
	e.Kind, e.Phase, e.State, e.Protocol, e.BytesOut = haechi.KindFlow, haechi.FlowEnd, haechi.FlowClosed, protocol, answered
	return e
}

func TestTelnet(t *testing.T) {
	for name, c := range map[string]struct {
		events []haechi.Event
		want   string
	}{
		"a session":            {[]haechi.Event{session(desk, printer, "telnet", 900)}, "low"},
		"sessions":             {times(60, func(int) haechi.Event { return session(desk, printer, "telnet", 900) }), "low"},
		"a login from outside": {[]haechi.Event{login(outside, printer, haechi.Success, "password")}, "medium"},
		"a login":              {[]haechi.Event{login(desk, printer, haechi.Success, "password")}, "low"},
		"a failed login":       {[]haechi.Event{login(outside, printer, haechi.Failure, "password")}, ""},
		"others' Telnet":       {[]haechi.Event{session(desk, outside, "telnet", 900)}, ""},
		"no answer":            {[]haechi.Event{session(desk, printer, "telnet", 0)}, ""},
		"HTTP on its port":     {[]haechi.Event{session(desk, printer, "http", 900)}, ""},
	} {
		all := play(credentials.NewTelnet(rule(haechi.Medium), site{}, credentials.TelnetDefaults()), time.Minute, c.events...)
		starts, worst := incidents(all)
		got := ""
		for _, f := range starts {
			got += worst[f.Incident].String()
			if f.Target.Addr().String() != printer || f.Want != haechi.Pass {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if got != c.want || len(all) > 2 || len(all) > 0 && !all[len(all)-1].Over {
			t.Errorf("%s: got %q in %d findings, want %q", name, got, len(all), c.want)
		}
	}
}
