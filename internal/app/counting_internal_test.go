package app

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/fstest"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/decide"
)

// procNet is /proc/net of a machine, as the test writes it.
type procNet struct {
	bytes, cookies, accepted uint64
}

func (p *procNet) into(files fstest.MapFS) {
	files["dev"] = &fstest.MapFile{Data: fmt.Appendf(nil, "Inter-| Receive\n face | bytes\n    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n  eth0: %d 9 0 0 0 0 0 0 %d 9 0 0 0 0 0 0\n", p.bytes, p.bytes)}
	files["snmp"] = &fstest.MapFile{Data: fmt.Appendf(nil, "Tcp: PassiveOpens\nTcp: %d\n", p.accepted)}
	files["netstat"] = &fstest.MapFile{Data: fmt.Appendf(nil, "TcpExt: SyncookiesSent SyncookiesRecv\nTcpExt: %d 0\n", p.cookies)}
}

// hostRun reads a machine's counters for some time, a second after the other, as the
// program does, and returns what is told of incidents.
type hostRun struct {
	t       *testing.T
	proc    procNet
	files   fstest.MapFS
	now     time.Time
	reader  *counting
	decider *decide.Decider
	told    map[haechi.Reference][]haechi.Incident
	ruled   int
}

func newCounted(t *testing.T) *hostRun {
	t.Helper()
	set, err := loadRules(&config.Config{})
	if err != nil {
		t.Fatal(err)
	}
	c := &hostRun{t: t, proc: procNet{bytes: 1e12, cookies: 1e9, accepted: 1e9}, files: fstest.MapFS{}, now: time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC), told: map[haechi.Reference][]haechi.Incident{}}
	c.decider = decide.New(decide.Config{}, decide.Deps{OnIncident: func(in haechi.Incident) { c.told[in.ID] = append(c.told[in.ID], in) }})
	c.reader = newCounting(c.files, func() time.Time { return c.now }, slog.New(slog.DiscardHandler), func(f *haechi.Finding) {
		c.ruled += len(c.decider.Decide(f, c.now, nil))
	})
	site := networkSite(&config.Site{})
	c.reader.swap(newScreened(newLists(64).allowed, detectorsOf(hostKinds(), set, site)))
	return c
}

func (c *hostRun) run(seconds int, each func(*procNet)) {
	for range seconds {
		each(&c.proc)
		c.proc.into(c.files)
		c.reader.read()
		c.decider.Tick(c.now)
		c.now = c.now.Add(time.Second)
	}
	if c.reader.why != nil {
		c.t.Fatal(c.reader.why)
	}
}

// TestAnIdleHostWithGreatTotalsRaisesNoAlarm: must-show 7, flaw F67.
func TestAnIdleHostWithGreatTotalsRaisesNoAlarm(t *testing.T) {
	c := newCounted(t)
	c.run(3600, func(*procNet) {})
	if len(c.told) != 0 {
		t.Errorf("told %+v", c.told)
	}
	if n := c.reader.counters(); n[0].Value != 3600 || n[1].Value != 1 {
		t.Errorf("counted %+v", n)
	}
}

// TestCalmVisitorsRaiseNoAlarm: must-show 7, flaw F68: 101 visitors with 12 requests each
// in four hours.
func TestCalmVisitorsRaiseNoAlarm(t *testing.T) {
	c, second := newCounted(t), 0
	c.run(4*3600, func(p *procNet) {
		if second++; second%11 == 0 {
			p.bytes, p.accepted = p.bytes+50_000, p.accepted+1
		}
	})
	if len(c.told) != 0 {
		t.Errorf("told %+v", c.told)
	}
}

// TestTwoAttacksAfterEachOtherAreTwoIncidents: must-show 7, flaw F69: each with a start, a
// peak and an end; and nobody is decided about.
func TestTwoAttacksAfterEachOtherAreTwoIncidents(t *testing.T) {
	c, calm := newCounted(t), func(p *procNet) { p.accepted++ }
	for _, rate := range []uint64{1000, 8000} {
		c.run(120, calm)
		c.run(60, func(p *procNet) { p.cookies += rate })
		c.run(300, calm)
	}
	if len(c.told) != 2 || c.ruled != 0 || len(c.decider.Incidents()) != 0 {
		t.Fatalf("%d incidents, %d decisions, %d still open", len(c.told), c.ruled, len(c.decider.Incidents()))
	}
	for id, ins := range c.told {
		first, last := ins[0], ins[len(ins)-1]
		if !first.End.IsZero() || last.End.IsZero() || last.Peak < 50_000 || last.Peak <= first.Peak || last.End.Sub(last.Start) < 55*time.Second || last.Mode != haechi.Enforce {
			t.Errorf("%s: first %+v, last %+v", id, first, last)
		}
	}
}

// TestAFloodThatTheDriverHoldsIsOneStill: the kernel sees nothing of it.
func TestAFloodThatTheDriverHoldsIsOneStill(t *testing.T) {
	for name, counter := range map[string]string{"host_icmp": "xdp_dropped_packets_pings", "host_fragments": "xdp_dropped_packets_fragments",
		"host_udp": "xdp_dropped_packets_unasked", "host_syn": "xdp_answered_packets_opening"} {
		c, held := newCounted(t), uint64(1e9)
		c.reader.driver = newDriverCounts(func() []haechi.Counter {
			return []haechi.Counter{{Name: "xdp_decisions", Value: held}, {Name: counter, Value: held}}
		})
		c.run(60, func(*procNet) {})
		held = 5 // it began anew
		c.run(60, func(*procNet) {})
		if len(c.told) != 0 {
			t.Errorf("%s: nothing is held, and told is %+v", name, c.told)
		}
		c.run(30, func(*procNet) { held += 20_000 })
		if len(c.told) != 1 || c.ruled != 0 {
			t.Errorf("%s: %d incidents, %d decisions", name, len(c.told), c.ruled)
		}
	}
}

func TestCountersThatCannotBeReadAreSaid(t *testing.T) {
	c := newCounting(fstest.MapFS{}, time.Now, slog.New(slog.DiscardHandler), func(*haechi.Finding) {})
	c.read()
	if d := c.degraded(); len(d) != 1 {
		t.Errorf("degraded: %q", d)
	}
}
