package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/record"
)

func finding(rule, device string, at time.Time) haechi.Finding {
	f := haechi.Finding{Time: at, Rule: rule, Version: 2, Pattern: "failed_auth", Service: "bots", Actor: actor("203.0.113.7", device),
		About: haechi.Scope{Kind: haechi.ScopeDevice, Value: device}, Severity: haechi.High, Technique: "T1110", Observed: 6, Threshold: 5,
		Window: 5 * time.Minute, First: at.Add(-time.Minute), Last: at, Mode: haechi.Enforce, Score: 40, Want: haechi.Deny, For: time.Hour,
		Ref: haechi.NewReference(rule, device, at)}
	f.Evidence = []haechi.Event{{Time: at, Kind: haechi.KindAuth, Outcome: haechi.Failure, Actor: f.Actor, Reason: haechi.ReasonHMACFailed}}
	return f
}

func findings(t *testing.T, b Backend) {
	s := opened(t, b)
	a, c := finding("device/failed-auth", "a/1", Now()), finding("device/reconnect", "a/2", Now().Add(time.Second))
	c.About = haechi.Scope{Kind: haechi.ScopeAddress, Prefix: c.Client}
	appendAll(t, s, nil, a, c)
	for _, q := range []struct {
		name string
		f    record.FindingFilter
		want []haechi.Finding
	}{
		{"all, newest first", record.FindingFilter{}, []haechi.Finding{c, a}},
		{"limit", record.FindingFilter{Limit: 1}, []haechi.Finding{c}},
		{"since", record.FindingFilter{Since: c.Time}, []haechi.Finding{c}},
		{"about", record.FindingFilter{About: a.About}, []haechi.Finding{a}},
		{"rule", record.FindingFilter{Rule: c.Rule}, []haechi.Finding{c}},
		{"ref", record.FindingFilter{Ref: a.Ref}, []haechi.Finding{a}},
		{"none", record.FindingFilter{Rule: "x"}, nil},
	} {
		t.Run(q.name, func(t *testing.T) {
			got, err := s.Events.Findings(t.Context(), &q.f)
			check(t, err)
			equal(t, got, q.want)
		})
	}
}

func incidents(t *testing.T, b Backend) {
	s := opened(t, b)
	one := haechi.Incident{ID: "00000-00001", Rule: "r", Service: "bots", About: haechi.Scope{Kind: haechi.ScopeDevice, Value: "a/1"},
		Severity: haechi.Critical, Mode: haechi.Shadow, Start: Now(), Last: Now(), Findings: 1, Peak: 6.5}
	two := one
	two.ID, two.Last = "00000-00002", Now().Add(time.Minute)
	ended := one
	ended.Findings, ended.End, ended.Last, ended.Decision = 9, Now().Add(time.Hour), Now().Add(time.Hour), "00000-00009"
	check(t, s.Events.Append(t.Context(), &record.Batch{Incidents: []haechi.Incident{one, two}}))
	check(t, s.Events.Append(t.Context(), &record.Batch{Incidents: []haechi.Incident{ended}}))
	all, err := s.Events.Incidents(t.Context(), false, 0)
	check(t, err)
	equal(t, all, []haechi.Incident{ended, two})
	open, err := s.Events.Incidents(t.Context(), true, 10)
	check(t, err)
	equal(t, open, []haechi.Incident{two})
}

// crossView: each number of the overview equals the events and findings of the same
// window (W25), also when its edge cuts a minute and when events come late.
func crossView(t *testing.T, b Backend) {
	s := opened(t, b)
	var fs []haechi.Finding
	for i := range 40 {
		fs = append(fs, finding("r", "a/1", Now().Add(-time.Duration(i)*time.Hour)))
	}
	for part := range slices.Chunk(random(3, 3000, Now(), 30*time.Hour), 500) {
		appendAll(t, s, part)
	}
	appendAll(t, s, random(4, 300, Now().Add(-59*time.Minute), 2*time.Minute), fs...)
	agree(t, s, Now())
	agree(t, s, Now().Add(17*time.Minute+time.Second))
}

func agree(t *testing.T, s *Store, now time.Time) {
	t.Helper()
	o, err := s.Events.Overview(t.Context(), now, Zone())
	check(t, err)
	local := now.In(Zone())
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, Zone())
	requests := query(t, s, haechi.EventFilter{Since: midnight, Kinds: []haechi.Kind{haechi.KindMessage, haechi.KindRequest}, Limit: 10000})
	if got, want := o.Requests, total(requests); got != want || want == 0 {
		t.Errorf("the overview counts %d requests, the events are %d", got, want)
	}
	failures := query(t, s, haechi.EventFilter{Since: now.Add(-time.Hour), Kinds: []haechi.Kind{haechi.KindAuth}, Failures: true, Limit: 10000})
	failures = slices.DeleteFunc(failures, func(e haechi.Event) bool {
		return e.Outcome != haechi.Failure || e.Reason == haechi.ReasonLogin
	})
	if got, want := o.AuthFailures, total(failures); got != want || want == 0 {
		t.Errorf("the overview counts %d authentication failures, the events are %d", got, want)
	}
	found, err := s.Events.Findings(t.Context(), &record.FindingFilter{Since: midnight, Limit: 1000})
	check(t, err)
	if got, want := o.Suspicious, uint64(len(found)); got != want || want == 0 {
		t.Errorf("the overview counts %d findings, there are %d", got, want)
	}
	chart(t, s, o)
}

func chart(t *testing.T, s *Store, o haechi.Overview) {
	t.Helper()
	if len(o.Minutes) != 60 {
		t.Fatalf("the chart has %d minutes, want 60", len(o.Minutes))
	}
	for _, m := range o.Minutes {
		var passed uint64
		for _, e := range query(t, s, haechi.EventFilter{Since: m.Minute, Until: m.Minute.Add(time.Minute), Limit: 10000,
			Kinds: []haechi.Kind{haechi.KindMessage, haechi.KindRequest}}) {
			if e.Shadow || e.Verdict == haechi.Pass || e.Verdict == haechi.Throttle && e.Outcome != haechi.Failure {
				passed += e.N()
			}
		}
		if m.Passed != passed {
			t.Fatalf("minute %v: the chart says %d passed, the events %d", m.Minute, m.Passed, passed)
		}
	}
}

// overview: exact numbers at their edges.
func overview(t *testing.T, b Backend) {
	s := opened(t, b)
	now := Now()
	midnight := time.Date(2025, 11, 22, 0, 0, 0, 0, Zone())
	fail := func(at time.Time) haechi.Event {
		return haechi.Event{Time: at, Kind: haechi.KindAuth, Outcome: haechi.Failure, Reason: haechi.ReasonHMACFailed, Verdict: haechi.Deny}
	}
	request := func(at time.Time) haechi.Event {
		return haechi.Event{Time: at, Kind: haechi.KindRequest, Outcome: haechi.Success}
	}
	appendAll(t, s, []haechi.Event{fail(now.Add(-time.Hour)), fail(now.Add(-time.Hour - 1)), fail(now),
		request(midnight), request(midnight.Add(-1)), request(now)}, finding("r", "a/1", midnight), finding("r", "a/1", midnight.Add(-1)))
	for i, d := range []haechi.Device{
		{Status: haechi.Approved, LastPing: now.Add(-5 * time.Minute)},
		{Status: haechi.Approved, LastPing: now.Add(-5*time.Minute - 1)},
		{Status: haechi.Approved},
		{Status: haechi.Blocked, LastPing: now},
		{Status: haechi.Pending},
	} {
		d.Key = haechi.DeviceKey("bot", string(rune('a'+i)))
		check(t, s.Devices.SaveDevice(t.Context(), &d))
	}
	for i, d := range []haechi.Decision{
		{Mode: haechi.Enforce}, {Mode: haechi.Enforce, Until: now.Add(1)}, {Mode: haechi.Enforce, Until: now},
		{Mode: haechi.Shadow}, {Mode: haechi.Enforce, LiftedAt: now},
	} {
		d.ID, d.Origin, d.Action = haechi.Reference(rune('A'+i)), haechi.OriginRule, haechi.Deny
		check(t, s.Decisions.SaveDecision(t.Context(), &d))
	}
	got, err := s.Events.Overview(t.Context(), now, Zone())
	check(t, err)
	got.Minutes = nil
	equal(t, got, haechi.Overview{At: now, AuthFailures: 2, ActiveBots: 1, Requests: 2, Suspicious: 1, Zone: "KST", Pending: 1, Decisions: 2})
}

// reports: each names its window and zone, and counts what the events say.
func reports(t *testing.T, b Backend) {
	s := opened(t, b)
	check(t, s.Devices.SaveDevice(t.Context(), &haechi.Device{Key: "a/1", Bot: "a", Serial: "1", Status: haechi.Approved, FirstSeen: Now()}))
	check(t, s.Devices.SaveDevice(t.Context(), &haechi.Device{Key: "a/2", Bot: "a", Serial: "2", Status: haechi.Approved, FirstSeen: Now()}))
	hmac := func(device string, n uint64) haechi.Event {
		return haechi.Event{Time: Now().Add(-time.Minute), Kind: haechi.KindAuth, Outcome: haechi.Failure, Reason: haechi.ReasonHMACFailed,
			Count: n, Actor: actor("2001:db8:0:1::5", device)}
	}
	refused := func(addr string, n uint64) haechi.Event {
		return haechi.Event{Time: Now().Add(-time.Minute), Kind: haechi.KindConnect, Outcome: haechi.Failure, Count: n, Actor: actor(addr, "")}
	}
	appendAll(t, s, []haechi.Event{hmac("a/1", 2), hmac("", 2000), hmac("x/9", 3), hmac("x/8", 4),
		{Time: Now(), Kind: haechi.KindMessage, Actor: actor("203.0.113.7", "a/1"), Room: "r"},
		refused("203.0.113.7", 5), refused("203.0.113.8", 6), refused("2001:db8:0:1::6", 1),
		{Time: Now(), Kind: haechi.KindQuery, Count: 1001, Actor: actor("203.0.113.7", "a/1")}})
	run := func(name string) haechi.Table {
		got, err := s.Events.Report(t.Context(), name, Now())
		check(t, err)
		if !strings.Contains(got.Window, "KST") || !strings.Contains(got.Window, "19:30:30") {
			t.Errorf("%s: window %q does not name its end and zone", name, got.Window)
		}
		return got
	}
	daily := cells(run("daily"), "device_id", "identities", "total_requests", "hmac_failures")
	equal(t, daily, []string{"(no identity) 0 2000 2000", "(not registered) 2 7 7", "a/1 1 3 2"})
	equal(t, cells(run("ips"), "client", "addresses", "failed_count"), []string{"2001:db8:0:1::/64 2 2010", "203.0.113.8 1 6"})
	equal(t, cells(run("devices"), "device_id", "requests"), []string{"a/1 3", "a/2 0"})
	equal(t, cells(run("queries"), "device_id", "query_count", "above_1000"), []string{"a/1 1001 yes"})
	hourly := cells(run("hourly"), "hour", "request_count", "active_devices", "without_device")
	if len(hourly) != 24 || hourly[3] != "3 0 0 0" || hourly[19] != "19 2010 3 2000" {
		t.Errorf("hours are %v", hourly)
	}
	transport(t, s)
	equal(t, cells(run("transport"), "device_id", "transport", "plain", "tls", "last_plain", "last_tls"),
		[]string{"a/1 plain 4 1 2025-11-22 19:29:30 2025-11-22 18:30:30", "a/2 tls 1 1 2025-11-22 18:30:30 2025-11-22 19:29:30"})
	appendAll(t, s, []haechi.Event{breach(time.Minute, false, "blocked inline"), breach(time.Hour, false, "blocked inline"),
		breach(time.Minute, true, "blocked eval"), breach(8*24*time.Hour, true, "too long ago"),
		{Time: Now(), Kind: haechi.KindSystem, Text: "something else"}})
	equal(t, cells(run("csp"), "service", "host", "path", "directive", "what", "mode", "reports"),
		[]string{"shop shop.test /a script-src blocked inline blocked 2", "shop shop.test /a script-src blocked eval reported 1"})
	if _, err := s.Events.Report(t.Context(), "none", Now()); haechi.KindOf(err) != haechi.NotFound {
		t.Errorf("an unknown report gives %v, want kind not found", err)
	}
}

// transport adds devices that proved themselves over TLS and without.
func transport(t *testing.T, s *Store) {
	t.Helper()
	proved := func(device string, ago time.Duration, tls bool, n uint64) haechi.Event {
		return haechi.Event{Time: Now().Add(-ago), Kind: haechi.KindAuth, Outcome: haechi.Success, TLS: tls, Count: n, Actor: actor("203.0.113.9", device)}
	}
	appendAll(t, s, []haechi.Event{
		proved("a/1", time.Hour, true, 0), proved("a/1", time.Minute, false, 4),
		proved("a/2", time.Hour, false, 0), proved("a/2", time.Minute, true, 0),
		proved("a/3", 8*24*time.Hour, false, 0), // too long ago
		{Time: Now(), Kind: haechi.KindAuth, Outcome: haechi.Failure, Actor: actor("203.0.113.9", "a/4")},
	})
}

// breach is what a browser said of a page.
func breach(ago time.Duration, reportOnly bool, text string) haechi.Event {
	return haechi.Event{Time: Now().Add(-ago), Kind: haechi.KindSystem, Severity: haechi.Low, Service: "shop", Reason: haechi.ReasonCSP,
		Rule: "csp/script-src", Shadow: reportOnly, Host: "shop.test", Path: "/a", Text: text, Actor: actor("203.0.113.9", "")}
}

// cells joins the named columns of each row.
func cells(t haechi.Table, names ...string) (out []string) {
	for _, r := range t.Rows {
		var row []string
		for _, n := range names {
			if i := slices.Index(t.Columns, n); i >= 0 {
				row = append(row, r[i])
			}
		}
		out = append(out, strings.Join(row, " "))
	}
	return out
}
