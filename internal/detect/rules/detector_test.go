package rules_test

import (
	"fmt"
	"net/netip"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"haechi"
	"haechi/internal/detect/rules"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

func failure(i int, at time.Duration) haechi.Event {
	a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	return haechi.Event{Time: noon.Add(at), Kind: haechi.KindAuth, Outcome: haechi.Failure, Reason: haechi.ReasonHMACFailed,
		Service: "bots", Session: uint64(at / time.Second),
		Actor: haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, 32), Assurance: haechi.Handshaken}}
}

func TestFindingExplainsItself(t *testing.T) {
	d := mustLoad(t, sample, rules.Options{}).Detector(0, 1)
	var out []haechi.Finding
	for i := range 4 {
		e := failure(7, time.Duration(i)*time.Second)
		other := failure(8+i, time.Duration(i)*time.Second)
		out = d.Observe(&other, out)
		out = d.Observe(&e, out)
	}
	if len(out) != 1 {
		t.Fatalf("%d findings, want 1", len(out))
	}
	f := out[0]
	if f.Rule != "test/sample" || f.Observed != 4 || f.Threshold != 3 || f.Window != time.Minute ||
		!f.First.Equal(noon) || !f.Last.Equal(noon.Add(3*time.Second)) || !f.Time.Equal(f.Last) ||
		f.About.String() != "ip:10.0.0.7" || f.Want != haechi.Deny || f.For != 5*time.Minute || f.Score != 10 ||
		f.Mode != haechi.Enforce || f.Severity != haechi.High || f.Service != "bots" || f.Ref == "" || f.Spoofable {
		t.Errorf("%+v", f)
	}
	if len(f.Evidence) != 4 || f.Evidence[0].Session != 0 || f.Evidence[3].Session != 3 {
		t.Errorf("evidence must be this group's events, newest last: %+v", f.Evidence)
	}
	for _, e := range f.Evidence {
		if e.Addr != f.Addr {
			t.Errorf("evidence of somebody else: %v", e.Addr)
		}
	}
}

func TestFiresOnceAWindowAndGrows(t *testing.T) {
	d := mustLoad(t, sample, rules.Options{}).Detector(0, 1)
	var out []haechi.Finding
	for i := range 150 { // 2.5 minutes, one a second
		e := failure(1, time.Duration(i)*time.Second)
		out = d.Observe(&e, out)
	}
	if len(out) != 3 || out[1].Observed <= out[0].Observed {
		t.Fatalf("%d findings, want one a minute with a growing value: %v", len(out), out)
	}
	if gap := out[1].Time.Sub(out[0].Time); gap != time.Minute {
		t.Errorf("%v between findings", gap)
	}
}

func TestSpoofableEvidence(t *testing.T) {
	for _, spoofable := range []bool{false, true} {
		d := mustLoad(t, fmt.Sprintf("%sspoofable: %v\n", sample, spoofable), rules.Options{}).Detector(0, 1)
		var out []haechi.Finding
		for i := range 10 {
			e := failure(1, time.Duration(i)*time.Second)
			e.Assurance = haechi.Seen
			out = d.Observe(&e, out)
		}
		if spoofable && (len(out) != 1 || !out[0].Spoofable) || !spoofable && len(out) != 0 {
			t.Errorf("spoofable %v: %+v", spoofable, out)
		}
	}
}

func TestAuthenticatedDeviceIsNeverHeldAgainstItsAddress(t *testing.T) {
	d := mustLoad(t, sample, rules.Options{}).Detector(0, 1)
	var out []haechi.Finding
	for i := range 100 {
		e := failure(1, time.Duration(i)*time.Second)
		e.Device, e.Assurance = "bot/1", haechi.Authenticated
		out = d.Observe(&e, out)
	}
	if len(out) != 0 {
		t.Errorf("%+v", out)
	}
}

func TestHoursFollowTheZone(t *testing.T) {
	night := func(o rules.Override) *rules.Detector {
		return shipped(t, rules.Options{Overrides: map[string]rules.Override{"device/unusual-hour": o}}).Detector(0, 1)
	}
	fires := func(d *rules.Detector, at string) bool {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		e := haechi.Event{Time: when.UTC(), Kind: haechi.KindMessage, Outcome: haechi.Success, Frame: "message",
			Actor: haechi.Actor{Device: "bot/" + at, Assurance: haechi.Authenticated}}
		return len(d.Observe(&e, nil)) > 0
	}
	seoul := night(rules.Override{Zone: "Asia/Seoul"})
	for at, want := range map[string]bool{
		"2026-01-05T01:59:59+09:00": false, "2026-01-05T02:00:00+09:00": true,
		"2026-01-05T05:59:59+09:00": true, "2026-01-05T06:00:00+09:00": false,
		"2026-01-05T02:00:00Z": false, // 11:00 in Seoul
	} {
		if got := fires(seoul, at); got != want {
			t.Errorf("Seoul, %s: %v, want %v", at, got, want)
		}
	}
	late := night(rules.Override{Hours: "22:30-02:00"})
	for at, want := range map[string]bool{
		"2026-01-05T22:29:59Z": false, "2026-01-05T22:30:00Z": true, "2026-01-06T00:00:00Z": true,
		"2026-01-06T01:59:59Z": true, "2026-01-06T02:00:00Z": false,
	} {
		if got := fires(late, at); got != want {
			t.Errorf("over midnight, %s: %v, want %v", at, got, want)
		}
	}
	berlin := night(rules.Override{Zone: "Europe/Berlin"})
	for at, want := range map[string]bool{ // the clocks change from 02:00 to 03:00 at 01:00Z
		"2026-03-29T00:59:59Z": false, "2026-03-29T01:00:00Z": true, "2026-03-29T04:00:00Z": false,
	} {
		if got := fires(berlin, at); got != want {
			t.Errorf("Berlin in spring, %s: %v, want %v", at, got, want)
		}
	}
}

// Each service has its own night, unless the rule or an override names a zone.
func TestHoursFollowTheService(t *testing.T) {
	seoul, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 4, 18, 0, 0, 0, time.UTC) // 03:00 in Seoul
	for name, tt := range map[string]struct {
		service  string
		override rules.Override
		want     bool
	}{
		"in Seoul":              {"bots", rules.Override{Mode: haechi.Shadow}, true},
		"elsewhere":             {"other", rules.Override{Mode: haechi.Shadow}, false},
		"the override wins":     {"bots", rules.Override{Zone: "UTC"}, false},
		"and says so elsewhere": {"other", rules.Override{Zone: "Asia/Seoul"}, true},
	} {
		d := shipped(t, rules.Options{Zones: map[string]*time.Location{"bots": seoul},
			Overrides: map[string]rules.Override{"device/unusual-hour": tt.override}}).Detector(0, 1)
		e := haechi.Event{Time: at, Kind: haechi.KindMessage, Outcome: haechi.Success, Service: tt.service,
			Actor: haechi.Actor{Device: "bot/1", Assurance: haechi.Authenticated}}
		if got := len(d.Observe(&e, nil)) > 0; got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestNightOverMidnightIsOnePeriod(t *testing.T) {
	d := shipped(t, rules.Options{Overrides: map[string]rules.Override{"device/unusual-hour": {Hours: "22:00-06:00"}}}).Detector(0, 1)
	var out []haechi.Finding
	for i := range 24 * 3 {
		e := haechi.Event{Time: noon.Add(time.Duration(i) * time.Hour), Kind: haechi.KindMessage, Outcome: haechi.Success,
			Actor: haechi.Actor{Device: "bot/1", Assurance: haechi.Authenticated}}
		out = d.Observe(&e, out)
		out = d.Tick(e.Time, out)
	}
	if len(out) != 3 {
		t.Errorf("%d findings in three nights", len(out))
	}
}

func TestOffRulesDoNotRun(t *testing.T) {
	s := mustLoad(t, sample, rules.Options{Overrides: map[string]rules.Override{"test/sample": {Mode: haechi.Off}}})
	e := failure(1, 0)
	e.Count = 1000
	if out := s.Detector(0, 1).Observe(&e, nil); len(out) != 0 {
		t.Errorf("%+v", out)
	}
}

func TestMemoryIsBoundedAndCounted(t *testing.T) {
	s := mustLoad(t, sample, rules.Options{Keys: 2000})
	d := s.Detector(0, 1)
	var out []haechi.Finding
	for i := range 100_000 {
		e := failure(i, time.Duration(i)*time.Microsecond)
		out = d.Observe(&e, out)
	}
	out = d.Tick(noon, out)
	if got := s.Stats()[0].Value; got != 98_000 || len(out) != 0 {
		t.Errorf("%d groups refused, want 98,000; findings: %d", got, len(out))
	}
	e := failure(5, time.Second) // known before the table was full
	e.Count = 3
	if out = d.Observe(&e, nil); len(out) != 1 {
		t.Error("a full table forgot a group it held")
	}
	e = failure(1<<20, 2*time.Minute)
	e.Count = 4
	if out = d.Observe(&e, nil); len(out) != 1 {
		t.Error("idle groups do not make room")
	}
}

func TestInfoCounts(t *testing.T) {
	s := mustLoad(t, sample, rules.Options{})
	e := failure(1, 0)
	e.Count = 4
	s.Detector(0, 2).Observe(&e, nil)
	s.Detector(1, 2).Observe(&e, nil)
	if got := s.Info()[0]; got.Fired != 2 || got.Aggregate != "count" || got.Group != "client" || got.Match == "" {
		t.Errorf("%+v", got)
	}
	replayed := s.Fresh()
	replayed.Detector(0, 1).Observe(&e, nil)
	if err := s.Check(); err != nil || s.Info()[0].Fired != 2 || replayed.Info()[0].Fired != 1 {
		t.Errorf("a check or a replay counts as live findings: %v", err)
	}
}

// raced reports whether the race detector is on, under which a sync.Pool forgets on
// purpose.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// TestHotPathAllocations holds the price of an event. CEL takes an evaluation frame
// from a pool; nothing else may be allocated where texts repeat.
func TestHotPathAllocations(t *testing.T) {
	allowed := 0.0
	if raced() {
		allowed = 6
	}
	d := shipped(t, rules.Options{}).Detector(0, 1)
	for name, e := range map[string]haechi.Event{
		"failure": failure(1, 0),
		"message": {Kind: haechi.KindMessage, Outcome: haechi.Success, Frame: "message", Room: "a", Service: "bots",
			Actor: haechi.Actor{Device: "bot/1", Assurance: haechi.Authenticated}},
		"request": {Kind: haechi.KindRequest, Outcome: haechi.Success, Class: "page", Status: 200, Path: "/", Service: "shop",
			Actor: failure(1, 0).Actor},
		"nobody": {Kind: haechi.KindClose, Actor: failure(1, 0).Actor},
	} {
		at := noon
		step := func() {
			at = at.Add(20 * time.Second)
			e.Time = at
			d.Observe(&e, nil)
		}
		for range 1000 {
			step()
		}
		if n := testing.AllocsPerRun(1000, step); n > allowed {
			t.Errorf("%s: %v allocations an event", name, n)
		}
	}
}

func BenchmarkDetector(b *testing.B) {
	d := shipped(b, rules.Options{}).Detector(0, 1)
	events := map[string]haechi.Event{
		"message": {Kind: haechi.KindMessage, Outcome: haechi.Success, Frame: "message", Service: "bots",
			Actor: haechi.Actor{Assurance: haechi.Authenticated}},
		"request": {Kind: haechi.KindRequest, Outcome: haechi.Success, Class: "page", Status: 200, Service: "shop"},
		"failure": failure(0, 0),
	}
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprint("bot/", i)
	}
	for _, name := range []string{"message", "request", "failure"} {
		b.Run(name, func(b *testing.B) {
			e, at := events[name], noon
			b.ReportAllocs()
			for i := range b.N {
				at = at.Add(time.Millisecond)
				e.Time = at
				if name == "message" {
					e.Device, e.Room = names[i%1000], names[i%7]
				} else {
					e.Actor = failure(i%100_000, 0).Actor
				}
				d.Observe(&e, nil)
			}
		})
	}
}
