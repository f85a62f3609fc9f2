package hostflood_test

import (
	"testing"
	"time"

	"haechi"
	"haechi/internal/detect"
	"haechi/internal/detect/hostflood"
)

func rule(class string) detect.Rule {
	return detect.Rule{ID: "network/" + class, Version: 1, Detector: class, Severity: haechi.High, Want: haechi.Deny, For: time.Hour}
}

type detector interface {
	Observe(*haechi.Event, []haechi.Finding) []haechi.Finding
	Tick(time.Time, []haechi.Finding) []haechi.Finding
}

// all are the five as shipped.
func all() []detector {
	site := detect.NewSite(nil, nil)
	return []detector{
		hostflood.NewSYN(rule("host_syn"), site, hostflood.SYNDefaults()),
		hostflood.NewUDP(rule("host_udp"), site, hostflood.UDPDefaults()),
		hostflood.NewICMP(rule("host_icmp"), site, hostflood.ICMPDefaults()),
		hostflood.NewFragments(rule("host_fragments"), site, hostflood.FragmentDefaults()),
		hostflood.NewBandwidth(rule("bandwidth"), site, hostflood.BandwidthDefaults()),
	}
}

// machine is one whose counters are read once a second.
type machine struct {
	now time.Time
	ds  []detector
	out []haechi.Finding
}

func newMachine() *machine {
	return &machine{now: time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC), ds: all()}
}

// counts are what is counted in a second.
type counts map[string]uint64

// run lets seconds pass in each of which so much is counted and moved.
func (m *machine) run(seconds int, c counts, in, out, packets int64) *machine {
	for range seconds {
		m.now = m.now.Add(time.Second)
		e := haechi.Event{Time: m.now, Kind: haechi.KindCounted, Duration: time.Second, Flow: haechi.Flow{Sensor: "kernel"}}
		for kind, n := range c {
			e.Type, e.Count = kind, n
			m.observe(&e)
		}
		if in+out > 0 {
			e.Type, e.Name, e.Count, e.BytesIn, e.BytesOut, e.PacketsIn, e.PacketsOut = haechi.CountedInterface, "eth0", 0, in, out, uint64(packets), uint64(out/1400)
			m.observe(&e)
		}
		e.Type, e.Name, e.Count = haechi.CountedAll, "", 0
		m.observe(&e)
		for _, d := range m.ds {
			m.out = d.Tick(m.now, m.out)
		}
	}
	return m
}

func (m *machine) observe(e *haechi.Event) {
	for _, d := range m.ds {
		m.out = d.Observe(e, m.out)
	}
}

// incidents are the findings by incident, in the order of their starts.
func (m *machine) incidents() (all [][]haechi.Finding) {
	at := map[haechi.Reference]int{}
	for _, f := range m.out {
		i, ok := at[f.Incident]
		if !ok {
			i, at[f.Incident] = len(all), len(all)
			all = append(all, nil)
		}
		all[i] = append(all[i], f)
	}
	return all
}

// floods are what must be found, each by exactly the detector named.
func floods() map[string]struct {
	class string
	c     counts
	in    int64
} {
	return map[string]struct {
		class string
		c     counts
		in    int64
	}{
		"SYNs answered by cookies":        {"host_syn", counts{haechi.CountedCookiesSent: 2000, haechi.CountedTCPAccepted: 20}, 120_000},
		"SYNs refused without cookies":    {"host_syn", counts{haechi.CountedSYNDropped: 2000}, 120_000},
		"SYN-ACKs that nobody answers":    {"host_syn", counts{haechi.CountedSYNRepeated: 400}, 10_000},
		"SYNs beside honest visitors":     {"host_syn", counts{haechi.CountedCookiesSent: 2000, haechi.CountedCookiesValid: 100, haechi.CountedTCPAccepted: 100}, 120_000},
		"datagrams to closed ports":       {"host_udp", counts{haechi.CountedUDPClosed: 20_000}, 1_000_000},
		"datagrams that overrun a server": {"host_udp", counts{haechi.CountedUDPReceived: 1000, haechi.CountedUDPOverrun: 20_000}, 1_000_000},
		"pings":                           {"host_icmp", counts{haechi.CountedEchoRequests: 2000}, 120_000},
		"Smurf":                           {"host_icmp", counts{haechi.CountedEchoReplies: 2000, haechi.CountedEchoSent: 1}, 120_000},
		"fragments that make no packet":   {"host_fragments", counts{haechi.CountedFragments: 20_000, haechi.CountedReassembled: 2, haechi.CountedReassemblyFailed: 9, haechi.CountedReassemblyLate: 9}, 600_000},
		"packets that would be too long":  {"host_fragments", counts{haechi.CountedFragments: 45, haechi.CountedReassemblyFailed: 5}, 70_000},
		"fragments that overlap":          {"host_fragments", counts{haechi.CountedFragments: 20, haechi.CountedOverlaps: 10}, 7_000},
		"more bytes than the ceiling":     {"bandwidth", nil, 20_000_000},
	}
}

// TestEachFloodIsOneIncident: with a start, a peak and an end, about nobody.
func TestEachFloodIsOneIncident(t *testing.T) {
	for name, x := range floods() {
		m := newMachine().run(30, nil, 1000, 1000, 5).run(120, x.c, x.in, 1000, x.in/60/100).run(200, nil, 1000, 1000, 5)
		ins := m.incidents()
		if len(ins) != 1 {
			t.Errorf("%s: %d incidents: %+v", name, len(ins), ins)
			continue
		}
		first, last := ins[0][0], ins[0][len(ins[0])-1]
		if first.Detector != x.class || first.Over || !last.Over || last.Observed <= first.Threshold || last.Last.Sub(first.First) < 90*time.Second {
			t.Errorf("%s: %s, first %+v, last %+v", name, first.Detector, first, last)
		}
		for _, f := range ins[0] {
			if !f.Spoofable || f.Want != haechi.Pass || f.Client.IsValid() || f.About.Kind != haechi.ScopeService || f.About.IsSource() {
				t.Errorf("%s: it could act on somebody: %+v", name, f)
			}
		}
	}
}

// TestAFloodIsFoundInItsFirstSeconds: at fifteen times the limit.
func TestAFloodIsFoundInItsFirstSeconds(t *testing.T) {
	for name, x := range floods() {
		if x.class == "bandwidth" {
			continue
		}
		c := counts{}
		for kind, n := range x.c {
			c[kind] = n * 5
		}
		m := newMachine().run(30, nil, 1000, 1000, 5)
		if start := m.now; len(m.run(5, c, 1000, 1000, 5).out) == 0 || m.out[0].Time.Sub(start) > 3*time.Second {
			t.Errorf("%s: found %+v", name, m.out)
		}
	}
}

// TestTwoAttacksAreTwoIncidents: must-show 7, flaw F69.
func TestTwoAttacksAreTwoIncidents(t *testing.T) {
	flood := counts{haechi.CountedCookiesSent: 3000, haechi.CountedTCPAccepted: 10}
	m := newMachine().run(60, nil, 1000, 1000, 5).run(60, flood, 1000, 1000, 5).run(300, nil, 1000, 1000, 5).run(60, flood, 1000, 1000, 5).run(300, nil, 1000, 1000, 5)
	ins := m.incidents()
	if len(ins) != 2 {
		t.Fatalf("%d incidents: %+v", len(ins), m.out)
	}
	for i, in := range ins {
		last := in[len(in)-1]
		if !last.Over || in[0].Over || last.Observed < 100_000 || len(in) < 3 {
			t.Errorf("incident %d: %d findings, the last %+v", i, len(in), last)
		}
	}
	if !ins[1][0].First.After(ins[0][len(ins[0])-1].Last) {
		t.Errorf("the second begins before the first has ended")
	}
}

func TestAFloodThatGoesOnIsToldOfAgain(t *testing.T) {
	m := newMachine().run(1800, counts{haechi.CountedCookiesSent: 3000}, 1000, 1000, 5)
	if len(m.incidents()) != 1 || len(m.out) < 6 || len(m.out) > 20 {
		t.Errorf("half an hour of it is %d findings of %d incidents", len(m.out), len(m.incidents()))
	}
}

// TestAnAttackThatChangesItsTypeIsToldAgain: flaw F69.
func TestAnAttackThatChangesItsTypeIsToldAgain(t *testing.T) {
	m := newMachine().run(30, nil, 1000, 1000, 5).run(20, counts{haechi.CountedEchoRequests: 2000}, 1000, 1000, 5)
	before := len(m.out)
	m.run(30, counts{haechi.CountedEchoReplies: 700}, 1000, 1000, 5)
	if len(m.out) == before || len(m.incidents()) != 1 {
		t.Errorf("%d findings before, %d after: %+v", before, len(m.out), m.out)
	}
}

// TestWhatIsHonestIsNoFlood: must-show 7 (flaws F67 and F68), and what looks like a flood
// to a static number.
func TestWhatIsHonestIsNoFlood(t *testing.T) {
	for name, x := range map[string]func(*machine){
		"an idle machine": func(m *machine) { m.run(4*3600, nil, 0, 0, 0) },
		"101 calm visitors in four hours": func(m *machine) {
			for i := range 4 * 3600 {
				if i%(4*3600/(101*12)) == 0 {
					m.run(1, counts{haechi.CountedTCPAccepted: 1}, 4000, 40_000, 12)
				} else {
					m.run(1, nil, 0, 0, 0)
				}
			}
		},
		"a busy server that phones leave": func(m *machine) {
			m.run(300, counts{haechi.CountedTCPAccepted: 1000, haechi.CountedSYNRepeated: 100}, 5e6, 5e6, 5000)
		},
		"cookies that come back": func(m *machine) {
			m.run(300, counts{haechi.CountedCookiesSent: 500, haechi.CountedCookiesValid: 495, haechi.CountedTCPAccepted: 600}, 5e6, 5e6, 5000)
		},
		"a dead upstream that is dialed": func(m *machine) {
			m.run(300, counts{haechi.CountedTCPDialed: 100, haechi.CountedSYNRepeated: 600, haechi.CountedTCPAccepted: 5}, 5e5, 5e5, 500)
		},
		"NFS over UDP": func(m *machine) {
			m.run(300, counts{haechi.CountedFragments: 5000, haechi.CountedReassembled: 220, haechi.CountedUDPReceived: 220}, 7e6, 1e5, 5000)
		},
		"a busy resolver": func(m *machine) {
			m.run(300, counts{haechi.CountedUDPReceived: 50_000, haechi.CountedUDPClosed: 20}, 9e6, 9e6, 50_000)
		},
		"monitoring that pings others": func(m *machine) {
			m.run(300, counts{haechi.CountedEchoSent: 1000, haechi.CountedEchoReplies: 990, haechi.CountedEchoRequests: 50}, 1e5, 1e5, 1000)
		},
		"a lossy path": func(m *machine) {
			m.run(300, counts{haechi.CountedFragments: 100, haechi.CountedReassembled: 10, haechi.CountedReassemblyFailed: 20, haechi.CountedReassemblyLate: 20}, 1e5, 1e5, 100)
		},
	} {
		m := newMachine()
		x(m)
		if len(m.out) > 0 {
			t.Errorf("%s: %+v", name, m.out[0])
		}
	}
}

// TestATotalThatWasReadLateIsSpread: a machine that slept for a minute has no flood.
func TestATotalThatWasReadLateIsSpread(t *testing.T) {
	m := newMachine()
	m.now = m.now.Add(time.Minute)
	m.observe(&haechi.Event{Time: m.now, Kind: haechi.KindCounted, Duration: time.Minute, Count: 6000, Flow: haechi.Flow{Type: haechi.CountedEchoRequests}})
	m.observe(&haechi.Event{Time: m.now, Kind: haechi.KindCounted, Duration: time.Minute, Flow: haechi.Flow{Type: haechi.CountedAll}})
	if len(m.out) > 0 {
		t.Errorf("100 pings a second are %+v", m.out)
	}
}

// week is a week of working days on which 40 Mbit/s are usual at noon.
func week(d *hostflood.Bandwidth) time.Time {
	at := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
	for range 8 * 24 {
		rate := int64(500_000)
		if h := at.Hour(); h >= 9 && h < 18 {
			rate = 5_000_000
		}
		for i := range 12 {
			d.Observe(moved(at.Add(time.Duration(i)*5*time.Minute), rate), nil)
		}
		at = at.Add(time.Hour)
	}
	return at
}

func moved(at time.Time, rate int64) *haechi.Event {
	return &haechi.Event{Time: at, Kind: haechi.KindCounted, Duration: 10 * time.Second, BytesIn: 10 * rate,
		Flow: haechi.Flow{Type: haechi.CountedInterface, Name: "eth0", PacketsIn: uint64(rate / 100)}}
}

func newBandwidth() *hostflood.Bandwidth {
	return hostflood.NewBandwidth(rule("bandwidth"), detect.NewSite(nil, nil), hostflood.BandwidthDefaults())
}

// TestWhatIsUnusualIsFoundBelowTheCeiling: flaw F71; and it is as usual as before after a
// restart.
func TestWhatIsUnusualIsFoundBelowTheCeiling(t *testing.T) {
	d := newBandwidth()
	night := week(d).Add(3 * time.Hour)
	state, err := d.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	again := newBandwidth()
	if err := again.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]*hostflood.Bandwidth{"the first": d, "one that was restarted": again} {
		if fs := d.Observe(moved(night, 600_000), nil); len(fs) > 0 {
			t.Errorf("%s: a night like others is %+v", name, fs)
		}
		if fs := d.Observe(moved(night.Add(time.Minute), 8_000_000), nil); len(fs) != 1 || fs[0].Severity != haechi.Low {
			t.Errorf("%s: 64 Mbit/s at night are %+v", name, fs)
		}
		if fs := d.Observe(moved(night.Add(2*time.Minute), 30_000_000), nil); len(fs) != 1 || fs[0].Severity < haechi.Medium {
			t.Errorf("%s: 240 Mbit/s at night are %+v", name, fs)
		}
	}
}

func TestStateThatIsNoneIsRefused(t *testing.T) {
	if err := newBandwidth().UnmarshalBinary([]byte("{")); err == nil {
		t.Error("taken")
	}
}

func TestInterfacesAreBounded(t *testing.T) {
	d := newBandwidth()
	at := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
	for i := range 1000 {
		e := moved(at, 1000)
		e.Name = string(rune('a'+i%26)) + time.Duration(i).String()
		d.Observe(e, nil)
	}
	if d.Refused() == 0 {
		t.Error("nothing was refused")
	}
}
