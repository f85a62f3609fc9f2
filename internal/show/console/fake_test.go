package console_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"haechi"
)

// control is an in-memory control with a little of everything in it.
type control struct {
	mu        sync.Mutex
	now       time.Time
	devices   []haechi.Device
	decisions []haechi.Decision
	events    []haechi.Event
	audit     []haechi.AuditEntry
	follow    chan haechi.Event
	codes     []haechi.EnrolCode
	excepted  []haechi.Exception
	retired   string // what was retired at once
	fail      error  // answered by every question
}

// evil is what an attacker would like a page to run.
const evil = `<img src=x onerror=alert(1)>"'</script>{{.}}`

func newControl(now time.Time) *control {
	c := &control{now: now, follow: make(chan haechi.Event, 16)}
	for i, s := range []haechi.DeviceStatus{haechi.Pending, haechi.Approved, haechi.Blocked} {
		name := []string{"new.bot", "LOA.i", "bad" + evil}[i]
		c.devices = append(c.devices, haechi.Device{
			Key: haechi.DeviceKey(name, "0123456789abcde"+string(rune('a'+i))), Bot: name, Serial: "0123456789abcde" + string(rune('a'+i)),
			Service: "bots", Status: s, ClientType: "MessengerBotR", Version: "3.3.3", Addr: "203.0.113." + string(rune('7'+i)),
			FirstSeen: now.Add(-26 * time.Hour), LastSeen: now.Add(-time.Minute), LastPing: now.Add(-40 * time.Second),
			Skew: haechi.ClockSkew{Last: 1500 * time.Millisecond, Min: -31 * time.Second, Max: 2 * time.Second, At: now},
			Keys: []haechi.KeyInfo{{ID: "k1", Created: now.Add(-24 * time.Hour)}}})
	}
	c.devices[2].Reason, c.devices[2].By, c.devices[2].ChangedAt = "sent "+evil, "minji", now.Add(-time.Hour)
	attacker := netip.MustParsePrefix("198.51.100.23/32")
	c.decisions = []haechi.Decision{{ID: "7K29Q-XM4TC", Scope: haechi.Scope{Kind: haechi.ScopeAddress, Prefix: attacker},
		Action: haechi.Deny, Mode: haechi.Enforce, Rule: "device/failed-auth", Reason: "13 failed authentications in 5 min",
		Origin: haechi.OriginRule, Observed: 13, Threshold: 5, Window: 5 * time.Minute, From: now.Add(-3 * time.Minute), Until: now.Add(57 * time.Minute)}}
	actor := haechi.Actor{Addr: attacker.Addr(), Client: attacker, Device: "bad" + evil + "/1", Assurance: haechi.Handshaken}
	kinds := []haechi.Kind{haechi.KindMessage, haechi.KindAuth, haechi.KindRequest, haechi.KindConnect}
	for i := range 12 {
		e := haechi.Event{Time: now.Add(time.Duration(-i) * 7 * time.Second), Kind: kinds[i%4], Outcome: haechi.Success, Service: "bots",
			Actor: haechi.Actor{Addr: netip.MustParseAddr("203.0.113.8"), Device: "LOA.i/0123456789abcdeb", Assurance: haechi.Authenticated}}
		if i%4 == 1 {
			e.Actor, e.Outcome, e.Reason, e.Verdict = actor, haechi.Failure, haechi.ReasonHMACFailed, haechi.Deny
			e.Rule, e.Ref, e.Severity, e.Observed, e.Threshold = "device/signature", "7K29Q-XM4TC", haechi.Severity(i%5), 13, 5
		}
		if e.Kind == haechi.KindRequest {
			e.Method, e.Path, e.Status, e.Device = "GET", "/"+evil, 200, ""
		}
		c.events = append(c.events, e)
	}
	c.audit = []haechi.AuditEntry{{Seq: 2, Time: now, By: "minji", Via: "console", Action: "device.status", Subject: "bad" + evil, Before: "approved", After: "blocked", Reason: evil}}
	return c
}

func (c *control) Overview(context.Context) (haechi.Overview, error) {
	o := haechi.Overview{At: c.now, AuthFailures: 13, ActiveBots: 42, Requests: 18234, Suspicious: 7, Zone: "Asia/Seoul", Pending: 1, Decisions: 1, Sessions: 51}
	for i := range 60 {
		o.Minutes = append(o.Minutes, haechi.MinuteCount{Minute: c.now.Add(time.Duration(i-60) * time.Minute).Truncate(time.Minute),
			Passed: uint64(200 + 40*(i%7) - 3*(i%11)), Refused: uint64(i * i % 23)})
	}
	return o, c.fail
}

func (c *control) Events(_ context.Context, f haechi.EventFilter) ([]haechi.Event, error) {
	var out []haechi.Event
	for _, e := range c.events {
		if f.Matches(&e) {
			out = append(out, e)
		}
	}
	return out, c.fail
}

func (c *control) Follow(context.Context, haechi.EventFilter) (<-chan haechi.Event, error) {
	return c.follow, c.fail
}

func (c *control) Incidents(context.Context, int) ([]haechi.Incident, error) {
	return []haechi.Incident{{ID: "QX3AB-91ZZK", Rule: "device/failed-auth", Service: "bots", About: c.decisions[0].Scope, Severity: haechi.High,
		Mode: haechi.Enforce, Start: c.now.Add(-10 * time.Minute), Last: c.now, Findings: 4, Peak: 13, Decision: c.decisions[0].ID},
		{ID: "AAAAA-91ZZK", Rule: "device/unusual-hour", Service: "bots", About: haechi.Scope{Kind: haechi.ScopeDevice, Value: "LOA.i/1"},
			Severity: haechi.Low, Mode: haechi.Shadow, Start: c.now.Add(-3 * time.Hour), End: c.now.Add(-2 * time.Hour), Findings: 1, Peak: 1}}, c.fail
}

func (c *control) Status(context.Context) (haechi.Status, error) {
	return haechi.Status{Version: "0.1.0", Started: c.now.Add(-time.Hour), Config: "/etc/haechi/haechi.yaml",
		Services:  []haechi.ServiceStatus{{Name: "bots", Kind: "device", Listen: []string{":1491"}, Open: true, Upstream: "10.0.0.5:1491", Healthy: true, Live: 42}, {Name: "shop", Kind: "http", Listen: []string{":443"}, Upstream: "http://10.0.0.6:8080"}},
		Enforcers: []haechi.EnforcerStatus{{Name: "session", InForce: 1, Note: "kernel enforcement is not built in"}},
		Logs:      []haechi.LogStatus{{Path: "/var/log/auth.log", Files: 1, Lines: 1234, Told: 12, Behind: 100, Newest: c.now}},
		Counters:  []haechi.Counter{{Name: "pipeline.overflow", Value: 0}, {Name: "limit.device.refused", Value: 1234}},
		Records:   haechi.RecordsStatus{Where: "SQLite in /var/lib/haechi", Waiting: 1234567},
		Degraded:  []string{"upstream of shop does not answer: check that 10.0.0.6:8080 is up"}}, c.fail
}

func (c *control) Devices(_ context.Context, f haechi.DeviceFilter) ([]haechi.Device, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []haechi.Device
	for _, d := range c.devices {
		if len(f.Statuses) == 0 || slices.Contains(f.Statuses, d.Status) {
			out = append(out, d)
		}
	}
	return out, c.fail
}

func (c *control) SetDeviceStatus(_ context.Context, op haechi.Operator, key string, s haechi.DeviceStatus, reason string) (haechi.Device, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.devices {
		if d := &c.devices[i]; d.Key == key {
			d.Status, d.Reason, d.By, d.ChangedAt = s, reason, op.Name, c.now
			return *d, c.fail
		}
	}
	return haechi.Device{}, &haechi.Error{Kind: haechi.NotFound, Op: "change the device", Msg: "there is no such device"}
}

func (c *control) NewDeviceKey(_ context.Context, _ haechi.Operator, key string) (haechi.NewKey, error) {
	return haechi.NewKey{KeyInfo: haechi.KeyInfo{ID: "k2", Created: c.now}, Device: key, Secret: "c2VjcmV0LXNlY3JldC1zZWNyZXQ", Salt: "c2FsdC1zYWx0"}, c.fail
}

func (c *control) RetireDeviceKey(context.Context, haechi.Operator, string, string) error {
	return c.fail
}

func (c *control) AddDevice(_ context.Context, _ haechi.Operator, service, key string) (haechi.Device, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.devices = append(c.devices, haechi.Device{Key: key, Service: service, FirstSeen: c.now})
	return c.devices[len(c.devices)-1], c.fail
}

func (c *control) Undo(_ context.Context, _ haechi.Operator, seq uint64) error {
	if seq != 2 {
		return &haechi.Error{Kind: haechi.NotFound, Op: "undo", Msg: "no audit entry has this number"}
	}
	return c.fail
}

func (c *control) Decisions(_ context.Context, f haechi.DecisionFilter) ([]haechi.Decision, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []haechi.Decision
	for _, d := range c.decisions {
		if (f.OpenAt.IsZero() || d.Open(f.OpenAt)) && (f.ID == "" || f.ID == d.ID) {
			out = append(out, d)
		}
	}
	return out, c.fail
}

func (c *control) AddDecision(_ context.Context, _ haechi.Operator, d haechi.Decision) (haechi.Decision, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d.ID = haechi.NewReference("operator", d.Scope.String(), d.From)
	c.decisions = append(c.decisions, d)
	return d, c.fail
}

func (c *control) LiftDecision(_ context.Context, op haechi.Operator, id haechi.Reference, reason string) (haechi.Decision, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.decisions {
		if d := &c.decisions[i]; d.ID == id {
			d.LiftedAt, d.LiftedBy, d.LiftReason = c.now, op.Name, reason
			return *d, c.fail
		}
	}
	return haechi.Decision{}, &haechi.Error{Kind: haechi.NotFound, Op: "lift", Msg: "there is no such decision"}
}

func (c *control) Why(_ context.Context, q string) (haechi.Explanation, error) {
	if strings.HasPrefix(q, "nothing") {
		return haechi.Explanation{Query: q}, c.fail
	}
	return haechi.Explanation{Query: q, Refusals: c.events[1:2], Decisions: c.decisions, Lift: []string{"haechi decisions lift 7K29Q-XM4TC --reason …"},
		Findings: []haechi.Finding{{Time: c.now, Rule: "device/failed-auth", Version: 2, Pattern: "repeated_failures", Service: "bots", About: c.decisions[0].Scope,
			Severity: haechi.High, Technique: "T1110", Observed: 13, Threshold: 5, Window: 5 * time.Minute, First: c.now.Add(-5 * time.Minute), Last: c.now,
			Evidence: c.events[1:4], Mode: haechi.Enforce}}}, c.fail
}

func (c *control) Rules(context.Context) ([]haechi.RuleInfo, error) {
	return []haechi.RuleInfo{{ID: "device/failed-auth", Version: 2, Title: "Repeated failed authentication", Mode: haechi.Enforce, Severity: haechi.High, Technique: "T1110",
		Match: `event.kind == "auth" && event.outcome == "failure"`, Group: "client", Aggregate: "count", Threshold: 5, Window: 5 * time.Minute, Want: haechi.Deny, For: time.Hour, Fired: 4},
		{ID: "device/unusual-hour", Version: 1, Title: "Messages at night", Mode: haechi.Shadow, Severity: haechi.Low, Aggregate: "count", Fired: 1, Errors: 2},
		{ID: "network/port-scan", Version: 1, Title: "A port scan", Mode: haechi.Shadow, Detector: "port_scan", Parameters: []string{"ports: 10", "window: 1m0s"}}}, c.fail
}

func (c *control) Report(_ context.Context, name string) (haechi.Table, error) {
	return haechi.Table{Name: name, Window: "last 24 hours, Asia/Seoul", Columns: []string{"device", "failed"}, Rows: [][]string{{evil, "13"}, {"LOA.i/1", "0"}}}, c.fail
}

func (c *control) Reports(context.Context) []string { return []string{"daily", "hourly", "addresses"} }

func (c *control) Reload(context.Context, haechi.Operator) error { return c.fail }

func (c *control) Audit(context.Context, int) ([]haechi.AuditEntry, error) { return c.audit, c.fail }

func (c *control) VerifyAudit(context.Context) (uint64, error) { return 2, c.fail }

// settings is an in-memory record.Settings.
type settings struct {
	mu     sync.Mutex
	values map[string][]byte
	writes int
	fail   error
}

func newSettings() *settings { return &settings{values: map[string][]byte{}} }

func (s *settings) Setting(_ context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[name]
	if !ok && s.fail == nil {
		return nil, &haechi.Error{Kind: haechi.NotFound, Op: "read the setting", Msg: "there is none"}
	}
	return v, s.fail
}

func (s *settings) SetSetting(_ context.Context, name string, v []byte, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.fail == nil {
		s.values[name] = slices.Clone(v)
	}
	return s.fail
}

func (s *settings) DeleteSetting(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, name)
	return s.fail
}

func (s *settings) SettingNames(_ context.Context, prefix string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for n := range s.values {
		if strings.HasPrefix(n, prefix) {
			names = append(names, n)
		}
	}
	return names, s.fail
}

// sink keeps the events it is given.
type sink struct {
	mu  sync.Mutex
	all []haechi.Event
}

func (s *sink) Emit(e *haechi.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, *e)
}
