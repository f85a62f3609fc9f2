package foreign_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/detect"
	"haechi/internal/detect/foreign"
)

const (
	outside = "203.0.113.7"
	server  = "10.0.0.9"
	scanner = "10.0.0.66"
)

func site() detect.Site {
	return detect.NewSite(nil, map[detect.Role][]netip.Prefix{detect.Scanner: {netip.MustParsePrefix(scanner + "/32")}})
}

func detector(cfg foreign.Config) *foreign.Detector {
	return foreign.New(detect.Rule{ID: "network/foreign-alert", Version: 1, Detector: "foreign_alert", Severity: haechi.High,
		Mode: haechi.Enforce, Want: haechi.Deny, For: time.Hour}, site(), cfg)
}

func began() time.Time { return time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC) }

// alert is one as it is made of a line of Suricata's.
func alert(from, category string, signature int, severity haechi.Severity) haechi.Event {
	a := netip.MustParseAddr(from)
	return haechi.Event{Kind: haechi.KindAlert, Severity: severity, Rule: fmt.Sprint("suricata:1:", signature), Class: category, Text: "a name", Port: 40000, LocalPort: 22,
		Actor: haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, a.BitLen())},
		Flow:  haechi.Flow{Sensor: "log:suricata-eve", Target: netip.MustParseAddr(server), Transport: haechi.TCP}}
}

// play runs events, one in each gap, and then waits for two days.
func play(cfg foreign.Config, gap time.Duration, events ...haechi.Event) (out []haechi.Finding) {
	d, at := detector(cfg), began()
	for i := range events {
		at = at.Add(gap)
		events[i].Time = at
		out = d.Tick(at, out)
		out = d.Observe(&events[i], out)
		out = d.Tick(at, out)
	}
	return d.Tick(at.Add(48*time.Hour), out)
}

// incidents are what each was told of last, in the order of their begin.
func incidents(all []haechi.Finding) (out []haechi.Finding) {
	at := map[haechi.Reference]int{}
	for _, f := range all {
		i, seen := at[f.Incident]
		if !seen {
			i = len(out)
			at[f.Incident], out = i, append(out, f)
		}
		out[i] = f
	}
	return out
}

func TestFires(t *testing.T) {
	all := play(foreign.Defaults(), time.Minute, alert(outside, "Attempted Information Leak", 2001219, haechi.Medium))
	if len(all) != 2 || !all[1].Over {
		t.Fatalf("%d findings", len(all))
	}
	f := all[0]
	if f.Addr.String() != outside || f.About.String() != "ip:"+outside || f.Target.Addr().String() != server || f.Severity != haechi.Medium ||
		f.Evidence[0].Rule != "suricata:1:2001219" || f.Evidence[0].Text != "a name" || f.Reasons[0].Value != 1 {
		t.Errorf("%+v", f)
	}
}

// Nothing that another sensor says leads to a decision, whatever the rule asks for.
func TestAnAlertProvesNobody(t *testing.T) {
	e := alert(outside, "x", 1, haechi.Critical)
	e.Assurance, e.User, e.Device = haechi.Authenticated, "kim", "bot/1"
	for _, f := range play(foreign.Defaults(), time.Second, e) {
		if !f.Spoofable || f.Assurance != haechi.Seen || f.Want != haechi.Pass || f.For != 0 || f.Severity != haechi.High || f.User != "" || f.Device != "" {
			t.Errorf("%+v", f)
		}
	}
}

func TestFiresNot(t *testing.T) {
	flow := alert(outside, "x", 1, haechi.High)
	flow.Kind = haechi.KindFlow
	nobody := alert(outside, "x", 1, haechi.High)
	nobody.Actor = haechi.Actor{}
	for name, e := range map[string]haechi.Event{"a scanner of ours": alert(scanner, "x", 1, haechi.High), "a flow": flow, "about nobody": nobody} {
		if got := play(foreign.Defaults(), time.Second, e); len(got) != 0 {
			t.Errorf("%s: %+v", name, got[0])
		}
	}
}

// However many alerts, a source has one incident for a category, told when it doubled.
func TestOneIncidentForASourceAndCategory(t *testing.T) {
	var events []haechi.Event
	for i := range 10_000 {
		e := alert([]string{outside, "2001:db8:bad::9"}[i%2], []string{"Web Application Attack", "Attempted Information Leak"}[i/2%2], 2000000+i%50, haechi.Low)
		e.Target = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		events = append(events, e)
	}
	events[9_999].Severity, events[9_999].Type, events[9_999].Outcome = haechi.High, "T1190", haechi.Failure
	all := play(foreign.Defaults(), 100*time.Millisecond, events...)
	got := incidents(all)
	if len(got) != 4 || len(all) > 4*16 {
		t.Fatalf("%d incidents, %d findings", len(got), len(all))
	}
	for i, f := range got {
		if !f.Over || f.Observed != 2500 || f.Targets != 32 || f.Target.IsValid() || f.Reasons[1].Value < 25 {
			t.Errorf("%+v", f)
		}
		if graver := f.Severity == haechi.High && f.Technique == "T1190" && f.Reasons[3].Value == 1; graver != (i == 3) {
			t.Errorf("incident %d: %v %s", i, f.Severity, f.Technique)
		}
	}
}

// What comes after an hour of silence is another incident.
func TestSilenceEndsIt(t *testing.T) {
	for gap, want := range map[time.Duration]int{59 * time.Minute: 1, 61 * time.Minute: 2} {
		if got := incidents(play(foreign.Defaults(), gap, alert(outside, "x", 1, haechi.Low), alert(outside, "x", 1, haechi.Low))); len(got) != want {
			t.Errorf("%v: %d incidents", gap, len(got))
		}
	}
}

// Beyond so many incidents of a severity in an hour the rest is one about nobody, and a
// grave alert still has its own.
func TestForgedSourcesMakeNoThousandIncidents(t *testing.T) {
	cfg := foreign.Defaults()
	cfg.Incidents = 10
	for n, want := range map[int]int{9: 9, 10: 10, 11: 11, 3000: 11} {
		var events []haechi.Event
		for i := range n {
			events = append(events, alert(fmt.Sprintf("203.%d.%d.7", i>>8, i&255), "x", 1, haechi.Low))
		}
		events = append(events, alert("198.51.100.1", "x", 1, haechi.High))
		got := incidents(play(cfg, time.Millisecond, events...))
		if len(got) != want+1 {
			t.Errorf("%d sources: %d incidents", n, len(got))
		}
		nobody, grave := 0, 0
		for _, f := range got {
			if !f.Addr.IsValid() {
				if nobody++; f.Client.IsValid() || f.About.String() != "service:log:suricata-eve" || f.Observed != float64(n-10) || !f.Over || !f.Spoofable {
					t.Errorf("%+v", f)
				}
			}
			if f.Severity == haechi.High && f.Addr.String() == "198.51.100.1" {
				grave++
			}
		}
		if grave != 1 || nobody != max(0, want-10) {
			t.Errorf("%d sources: %d about nobody, %d grave", n, nobody, grave)
		}
	}
}

func TestBoundedAndWithoutAllocation(t *testing.T) {
	cfg := foreign.Defaults()
	cfg.Sources = 16
	d := detector(cfg)
	for i := range 100 {
		e := alert(fmt.Sprintf("203.0.113.%d", i), "x", 1, haechi.Low)
		e.Time = began()
		d.Observe(&e, nil)
	}
	if d.Refused() != 84 {
		t.Errorf("refused %d", d.Refused())
	}
	e := alert("203.0.113.1", "x", 1, haechi.Low)
	e.Time = began()
	for range 5000 { // so that the next doubling is far
		d.Observe(&e, nil)
	}
	if n := testing.AllocsPerRun(1000, func() { d.Observe(&e, nil) }); n != 0 {
		t.Errorf("%v allocations for an alert of a known incident", n)
	}
}
