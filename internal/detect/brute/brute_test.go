package brute_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/detect"
	"haechi/internal/detect/brute"
)

type site struct{}

func (site) Internal(a netip.Addr) bool { return a.IsPrivate() }
func (site) Listed(netip.Addr) bool     { return false }

func (site) Role(netip.Addr) detect.Role { return 0 }

var began = time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)

// play runs events, one in each gap.
func play(gap time.Duration, events ...haechi.Event) []haechi.Finding {
	d := brute.New(detect.Rule{ID: "network/brute-force", Version: 1, Detector: "brute_force", Technique: "T1110.001", Severity: haechi.High}, site{}, brute.Defaults())
	var out []haechi.Finding
	at := began
	for i := range events {
		at = at.Add(gap)
		events[i].Time = at
		out = d.Observe(&events[i], out)
		out = d.Tick(at, out)
	}
	return d.Tick(at.Add(48*time.Hour), out)
}

func login(from, name string, outcome haechi.Outcome) haechi.Event {
	a := netip.MustParseAddr(from)
	return haechi.Event{Kind: haechi.KindAuth, Outcome: outcome, LocalPort: 22,
		Actor: haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, 32), User: name, Assurance: haechi.Handshaken},
		Flow:  haechi.Flow{Sensor: "capture", Target: netip.MustParseAddr("10.0.0.9"), Transport: haechi.TCP, Protocol: "ssh"}}
}

func many(n int, make func(i int) haechi.Event) (out []haechi.Event) {
	for i := range n {
		out = append(out, make(i))
	}
	return out
}

const attacker = "203.0.113.7"

func fails(n int, name string) []haechi.Event {
	return many(n, func(i int) haechi.Event {
		return login(attacker, strings.ReplaceAll(name, "%d", fmt.Sprint(i)), haechi.Failure)
	})
}

func page(path string, status int) haechi.Event {
	e := login(attacker, "", haechi.Unknown)
	e.Kind, e.Protocol, e.Path, e.Status, e.Outcome = haechi.KindRequest, "http", path, status, haechi.Failure
	return e
}

func named(e haechi.Event, name string) haechi.Event {
	e.User = name
	return e
}

func TestMustFire(t *testing.T) {
	nameless := many(8, func(i int) haechi.Event { return login(fmt.Sprintf("203.0.113.%d", i+1), "", haechi.Failure) })
	spread := many(8, func(i int) haechi.Event { return login(fmt.Sprintf("203.0.113.%d", i+1), "root", haechi.Failure) })
	coalesced := login(attacker, "root", haechi.Failure)
	coalesced.Count = 40
	for name, c := range map[string]struct {
		gap       time.Duration
		events    []haechi.Event
		technique string
		severity  haechi.Severity
		source    bool
	}{
		"one name":            {10 * time.Second, fails(6, "root"), "T1110.001", haechi.High, true},
		"many names":          {10 * time.Second, fails(6, "user%d"), "T1110.003", haechi.High, true},
		"one name in an hour": {45 * time.Minute, fails(12, "user%d"), "T1110.003", haechi.Medium, true},
		"many clients":        {20 * time.Second, spread, "T1110", haechi.High, false},
		"many, no name seen":  {20 * time.Second, nameless, "T1110", haechi.Medium, false},
		"a name in a log":     {time.Second, many(6, func(int) haechi.Event { return named(page("/admin", 401), "kim") }), "T1110.001", haechi.High, true},
		"a coalesced event":   {time.Second, []haechi.Event{coalesced}, "T1110.001", haechi.High, true},
		"a protected page":    {time.Second, many(6, func(int) haechi.Event { return page("/admin", 401) }), "T1110.001", haechi.Low, true},
	} {
		t.Run(name, func(t *testing.T) {
			got := play(c.gap, c.events...)
			if len(got) < 2 {
				t.Fatalf("%d findings", len(got))
			}
			f, end := got[0], got[len(got)-1]
			if f.Technique != c.technique || f.Severity != c.severity || f.Addr.IsValid() != c.source || f.Target.Addr().String() != "10.0.0.9" || f.Spoofable || f.User != "" {
				t.Errorf("%+v", f)
			}
			if !end.Over || end.Incident != f.Incident {
				t.Errorf("end %+v", end)
			}
		})
	}
}

// Who gets in after guessing makes the incident critical.
func TestEntered(t *testing.T) {
	got := play(10*time.Second, append(fails(6, "root"), login(attacker, "root", haechi.Success))...)
	worst := haechi.Info
	for _, f := range got {
		worst = max(worst, f.Severity)
		if f.Incident != got[0].Incident {
			t.Errorf("another incident: %+v", f)
		}
	}
	if worst != haechi.Critical {
		t.Errorf("%v", worst)
	}
}

// A client of a crowd that gets in is what the crowd was for; and what many did to one
// server is one incident, whatever the names.
func TestOneOfManyEntered(t *testing.T) {
	events := many(64, func(i int) haechi.Event {
		return login(fmt.Sprintf("203.0.113.%d", i%16+1), fmt.Sprintf("user%d", i/16), haechi.Failure)
	})
	got := play(20*time.Second, append(events, login("203.0.113.3", "user3", haechi.Success))...)
	worst := haechi.Info
	for _, f := range got {
		worst = max(worst, f.Severity)
		if f.Incident != got[0].Incident || f.Addr.IsValid() || f.Want != haechi.Pass {
			t.Errorf("%+v", f)
		}
	}
	if worst != haechi.Critical || !got[len(got)-1].Over {
		t.Errorf("%v, %d findings", worst, len(got))
	}
}

// A source that tries many servers is one incident.
func TestManyServers(t *testing.T) {
	got := play(time.Second, many(60, func(i int) haechi.Event {
		e := login(attacker, "root", haechi.Failure)
		e.Target = netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
		return e
	})...)
	last := got[len(got)-1]
	if !last.Over || last.Incident != got[0].Incident || last.Targets < 32 {
		t.Errorf("%+v", last)
	}
}

func TestMustNotFire(t *testing.T) {
	typing := append(fails(4, "kim"), login(attacker, "kim", haechi.Success))
	agent := fails(20, "kim")
	for i := range agent {
		agent[i].Type = "publickey"
	}
	unknown := many(50, func(int) haechi.Event { return login(attacker, "", haechi.Unknown) })
	own := fails(50, "root")
	for i := range own {
		own[i].Sensor = ""
	}
	var asked, digest, staff []haechi.Event
	for i := range 40 {
		asked = append(asked, page("/git/info/refs", 401), page("/git/info/refs", 200))
		wire := page("/share", 401)
		wire.Headers = haechi.HeadersRead | haechi.HasCredentials
		digest = append(digest, wire)
		staff = append(staff, login(fmt.Sprintf("203.0.113.%d", i+1), "", haechi.Success))
	}
	for i := range 40 {
		staff = append(staff, login(fmt.Sprintf("203.0.113.%d", i+1), "", haechi.Failure))
	}
	for name, c := range map[string]struct {
		gap    time.Duration
		events []haechi.Event
	}{
		"asked for credentials each time":      {time.Second, asked},
		"requests told as logins beside":       {time.Second, digest},
		"staff, while the directory is down":   {time.Second, staff},
		"four mistakes, then in, five times":   {10 * time.Second, append(append(append(append(typing, typing...), typing...), typing...), typing...)},
		"an agent with many keys":              {time.Second, agent},
		"outcomes nobody knows":                {time.Second, unknown},
		"the gates' own logins":                {time.Second, own},
		"a mistake every two minutes":          {2 * time.Minute, fails(40, "kim")},
		"page loads":                           {time.Second, many(200, func(i int) haechi.Event { return page(fmt.Sprintf("/%d", i), 200) })},
		"a session that ran out, on each page": {time.Second, many(20, func(i int) haechi.Event { return page(fmt.Sprintf("/%d", i), 401) })},
		"many people, a mistake each": {time.Second, many(100, func(i int) haechi.Event {
			return login(fmt.Sprintf("203.0.%d.%d", i/250, i%250), fmt.Sprintf("user%d", i), haechi.Failure)
		})},
	} {
		t.Run(name, func(t *testing.T) {
			if got := play(c.gap, c.events...); len(got) > 0 {
				t.Errorf("%+v", got[0])
			}
		})
	}
}

// Ten thousand failures are one incident with few updates; the next attack is another.
func TestOneIncident(t *testing.T) {
	got := play(100*time.Millisecond, fails(10_000, "root")...)
	if len(got) > 16 {
		t.Errorf("%d findings", len(got))
	}
	for _, f := range got {
		if f.Incident != got[0].Incident {
			t.Errorf("another incident: %+v", f)
		}
	}
}

func TestBounded(t *testing.T) {
	cfg := brute.Defaults()
	cfg.Clients, cfg.Targets = 16, 16
	d := brute.New(detect.Rule{}, site{}, cfg)
	for i := range 1000 {
		e := login(fmt.Sprintf("10.1.%d.%d", i/250, i%250), fmt.Sprint(i), haechi.Failure)
		e.Time = began.Add(time.Duration(i) * time.Millisecond)
		d.Observe(&e, nil)
	}
	if d.Refused() == 0 {
		t.Error("nothing was refused")
	}
}
