package app

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/decide"
	"haechi/internal/detect/rules"
	shipped "haechi/rules"
)

// attacks are 10,000 events of three attacks at once: a port scan, a flood of forged
// SYNs and a flood of requests from one client.
func attacks(start time.Time) []haechi.Event {
	target := netip.MustParseAddr("10.1.0.80")
	flow := func(from string, port int, state haechi.FlowState, at time.Duration) haechi.Event {
		a := netip.MustParseAddr(from)
		return haechi.Event{Time: start.Add(at), Kind: haechi.KindFlow, Port: 40000, LocalPort: uint16(port), BytesIn: 60,
			Actor: haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, 32), Assurance: haechi.Seen},
			Flow: haechi.Flow{Sensor: "capture", Target: target, Transport: haechi.TCP, Start: start.Add(at), Phase: haechi.FlowBegin, State: state,
				First: 2, FlagsIn: 2, PacketsIn: 1}}
	}
	var out []haechi.Event
	for i := range 3000 {
		out = append(out, flow("203.0.113.9", 1+i, haechi.FlowRejected, time.Duration(i)*20*time.Millisecond))
	}
	for i := range 4000 {
		out = append(out, flow(fmt.Sprintf("20.%d.%d.7", i>>8, i&255), 443, haechi.FlowAttempt, 3*time.Minute+time.Duration(i)*10*time.Millisecond))
	}
	guest := netip.MustParseAddr("198.51.100.20")
	for i := range 3000 {
		out = append(out, haechi.Event{Time: start.Add(5*time.Second + time.Duration(i)*2*time.Millisecond), Kind: haechi.KindRequest, Method: "GET", Path: "/", Status: 200,
			Actor: haechi.Actor{Addr: guest, Client: netip.PrefixFrom(guest, 32), Assurance: haechi.Handshaken}, LocalPort: 80, Flow: haechi.Flow{Target: target}})
	}
	slices.SortStableFunc(out, func(a, b haechi.Event) int { return a.Time.Compare(b.Time) })
	return out
}

// TestThreeAttacksAreThreeIncidents: each with updates and an end, told by what the
// detectors say and by nothing else, and each explained in both languages.
func TestThreeAttacksAreThreeIncidents(t *testing.T) {
	set, err := rules.Load(shipped.FS, rules.Options{Detectors: networkDefaults()})
	if err != nil {
		t.Fatal(err)
	}
	told := map[haechi.Reference][]haechi.Incident{}
	d := decide.New(decide.Config{}, decide.Deps{OnIncident: func(in haechi.Incident) { told[in.ID] = append(told[in.ID], in) }})
	take := func(fs []haechi.Finding) {
		for i := range fs {
			d.Decide(&fs[i], fs[i].Time, nil)
			for _, lang := range []string{"en", "ko"} {
				if text := set.Sentence(&fs[i], lang); text == "" {
					t.Errorf("%s: no sentence in %s", fs[i].Rule, lang)
				}
			}
		}
	}
	start := time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)
	events := attacks(start)
	if len(events) != 10_000 {
		t.Fatalf("%d events", len(events))
	}
	detectors, next := networkDetectors(set, networkSite(&config.Site{})), 0
	for at := start; at.Before(start.Add(8 * time.Hour)); at = at.Add(time.Second) {
		for ; next < len(events) && events[next].Time.Before(at); next++ {
			for _, x := range detectors {
				take(x.Observe(&events[next], nil))
			}
		}
		if at.Second()%10 == 0 || next < len(events) {
			for _, x := range detectors {
				take(x.Tick(at, nil))
			}
			d.Tick(at)
		}
	}
	kinds := map[string]bool{}
	for id, ins := range told {
		first, last := ins[0], ins[len(ins)-1]
		kinds[first.Rule] = true
		ends := 0
		for _, in := range ins {
			if !in.End.IsZero() {
				ends++
			}
		}
		if ends != 1 || last.End.IsZero() || last.Findings < 3 || last.Peak <= first.Peak || !last.End.After(first.Start) {
			t.Errorf("%s %s: %d ends, %d findings, peak %v after %v", id, first.Rule, ends, last.Findings, last.Peak, first.Peak)
		}
	}
	if len(told) != 3 || !kinds["network/port-scan"] || !kinds["network/syn-flood"] || !kinds["network/http-flood"] || len(d.Incidents()) != 0 {
		t.Errorf("%d incidents: %v, open %d", len(told), kinds, len(d.Incidents()))
	}
}
