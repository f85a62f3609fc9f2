package decide_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/decide"
)

func protectedDeps() decide.Deps {
	return decide.Deps{
		Allowed: func(p netip.Prefix) bool { return p.Overlaps(netip.MustParsePrefix("192.0.2.0/28")) },
		Protected: func(s haechi.Scope) (string, bool) {
			return "a trusted proxy", s.IsSource() && s.Prefix.Overlaps(netip.MustParsePrefix("198.51.100.1/32"))
		},
	}
}

func TestOperatorRefusals(t *testing.T) {
	deny := func(scope string) haechi.Decision {
		s, err := haechi.ParseScope(scope)
		if err != nil {
			t.Fatal(err)
		}
		return haechi.Decision{Scope: s, Action: haechi.Deny}
	}
	with := func(d haechi.Decision, set func(*haechi.Decision)) haechi.Decision { set(&d); return d }
	tests := []struct {
		name string
		dec  haechi.Decision
		kind haechi.ErrorKind
	}{
		{"nothing", haechi.Decision{Action: haechi.Deny}, haechi.Invalid},
		{"service", deny("service:bots"), haechi.Invalid},
		{"allow list", deny("ip:192.0.2.3"), haechi.Denied},
		{"allow list inside", deny("prefix:192.0.0.0/16"), haechi.Denied},
		{"protected", deny("ip:198.51.100.1"), haechi.Denied},
		{"protected, mapped", haechi.Decision{Scope: haechi.Scope{Kind: haechi.ScopeAddress,
			Prefix: netip.MustParsePrefix("::ffff:198.51.100.1/128")}, Action: haechi.Deny}, haechi.Denied},
		{"the world", deny("prefix:0.0.0.0/0"), haechi.Invalid},
		{"the mapped world", deny("prefix:::ffff:0.0.0.0/96"), haechi.Invalid},
		{"all of IPv6", deny("prefix:::/0"), haechi.Invalid},
		{"pass", with(deny("ip:203.0.113.1"), func(d *haechi.Decision) { d.Action = haechi.Pass }), haechi.Invalid},
		{"hold", with(deny("ip:203.0.113.1"), func(d *haechi.Decision) { d.Action = haechi.Hold }), haechi.Invalid},
		{"challenge", with(deny("ip:203.0.113.1"), func(d *haechi.Decision) { d.Action = haechi.Challenge }), haechi.Invalid},
		{"drop a device", with(deny("device:a/b"), func(d *haechi.Decision) { d.Action = haechi.Drop }), haechi.Invalid},
		{"no device key", deny("device:ab"), haechi.Invalid},
		{"no country", deny("country:korea"), haechi.Invalid},
		{"no number", deny("asn:AS1"), haechi.Invalid},
		{"over already", with(deny("ip:203.0.113.1"), func(d *haechi.Decision) { d.Until = start }), haechi.Invalid},
		{"mode off", with(deny("ip:203.0.113.1"), func(d *haechi.Decision) { d.Mode = haechi.Off }), haechi.Invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := decide.New(decide.Config{}, protectedDeps())
			if got := haechi.KindOf(d.Check(tt.dec, start)); got != tt.kind {
				t.Errorf("Check gave kind %v", got)
			}
			_, err := d.Operator(tt.dec, start)
			var e *haechi.Error
			if !errors.As(err, &e) || e.Kind != tt.kind || e.Hint == "" {
				t.Fatalf("got %v, want kind %v with a hint", err, tt.kind)
			}
			if n := len(d.Open(start)); n != 0 {
				t.Fatalf("%d open", n)
			}
		})
	}
}

func TestOperatorDecidesAndLifts(t *testing.T) {
	d := decide.New(decide.Config{}, protectedDeps())
	if err := d.Check(haechi.Decision{Scope: ip("203.0.113.1"), Action: haechi.Deny}, start); err != nil || len(d.Open(start)) != 0 {
		t.Fatalf("a check decides nothing: %v", err)
	}
	got, err := d.Operator(haechi.Decision{Scope: ip("203.0.113.1"), Action: haechi.Deny, By: "kim", Reason: "seen it"}, start)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID == "" || got.Mode != haechi.Enforce || got.Origin != haechi.OriginOperator || !got.Until.IsZero() || !got.From.Equal(start) {
		t.Fatalf("got %+v", got)
	}
	d.Tick(start.Add(10_000 * time.Hour))
	again, err := d.Operator(haechi.Decision{Scope: ip("203.0.113.1"), Action: haechi.Throttle, Until: start.Add(20_000 * time.Hour)}, start.Add(10_000*time.Hour))
	if err != nil || again.ID != got.ID || again.Action != haechi.Throttle {
		t.Fatalf("an operator replaces their own: %+v, %v", again, err)
	}
	now := start.Add(10_001 * time.Hour)
	lifted, err := d.Lift(got.ID, "lee", "mistake", now)
	if err != nil || lifted.LiftedBy != "lee" || !lifted.LiftedAt.Equal(now) || lifted.Open(now) {
		t.Fatalf("got %+v, %v", lifted, err)
	}
	if _, err := d.Lift(got.ID, "lee", "again", now); haechi.KindOf(err) != haechi.NotFound {
		t.Fatalf("got %v", err)
	}
	if len(d.Open(now)) != 0 {
		t.Fatal("still open")
	}
}

func TestRuleAndOperatorStandBesideEachOther(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	if _, err := d.Operator(haechi.Decision{Scope: ip("203.0.113.1"), Action: haechi.Throttle}, start); err != nil {
		t.Fatal(err)
	}
	rule := one(t, d, wants("203.0.113.1", haechi.Deny, time.Hour), start)
	if rule.Until.IsZero() || rule.Action != haechi.Deny {
		t.Fatalf("an endless throttle must not become an endless deny: %+v", rule)
	}
	after := d.Open(start.Add(2 * time.Hour))
	if len(after) != 1 || after[0].Action != haechi.Throttle {
		t.Fatalf("the operator's decision must outlive the rule's: %+v", after)
	}
}

func TestLiftForgives(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	got := one(t, d, against("203.0.113.1", 100), start)
	if _, err := d.Lift(got.ID, "kim", "mistake", start); err != nil {
		t.Fatal(err)
	}
	none(t, d, against("203.0.113.1", 5), start)
	if got := one(t, d, against("203.0.113.1", 5), start); got.Repeat != 0 {
		t.Fatalf("a lifted decision counts as a repetition: %+v", got)
	}
}

func TestOperatorTableFull(t *testing.T) {
	d := decide.New(decide.Config{MaxOpen: 1}, decide.Deps{})
	one(t, d, wants("203.0.113.1", haechi.Deny, time.Hour), start)
	_, err := d.Operator(haechi.Decision{Scope: ip("203.0.113.2"), Action: haechi.Deny}, start)
	if haechi.KindOf(err) != haechi.Exhausted {
		t.Fatalf("got %v", err)
	}
}

func TestLoad(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{})
	open := one(t, d, wants("203.0.113.1", haechi.Deny, time.Hour), start)
	ended := one(t, d, wants("203.0.113.2", haechi.Deny, time.Minute), start)
	now := start.Add(10 * time.Minute)
	stored := []haechi.Decision{open, ended,
		{ID: "AAAAA-AAAAA", Scope: ip("192.0.2.3"), Action: haechi.Deny, Mode: haechi.Enforce, Origin: haechi.OriginRule, From: start, Until: start.Add(time.Hour)},
		{ID: "BBBBB-BBBBB", Scope: haechi.Scope{Kind: haechi.ScopeService, Value: "x"}, Action: haechi.Deny, Mode: haechi.Enforce},
		{ID: "CCCCC-CCCCC", Scope: ip("203.0.113.9"), Action: haechi.Hold, Mode: haechi.Enforce},
	}
	e := decide.New(decide.Config{}, protectedDeps())
	lifted := e.Load(stored, now)
	if len(lifted) != 1 || lifted[0].ID != "AAAAA-AAAAA" || lifted[0].LiftReason == "" {
		t.Fatalf("what is allowed by now must be lifted: %+v", lifted)
	}
	e.Load(stored, now)
	if got := e.Open(now); len(got) != 1 || got[0].ID != open.ID {
		t.Fatalf("got %+v", got)
	}
	if again := one(t, e, wants("203.0.113.2", haechi.Deny, time.Minute), now); again.Repeat != 1 || again.Until.Sub(now) != 2*time.Minute {
		t.Fatalf("the past is forgotten: %+v", again)
	}
	if ext := one(t, e, wants("203.0.113.1", haechi.Deny, 2*time.Hour), now); ext.ID != open.ID {
		t.Fatalf("the open one must be extended: %+v", ext)
	}
}

func TestRecheckLiftsWhatIsAllowedNow(t *testing.T) {
	allowed := false
	d := decide.New(decide.Config{}, decide.Deps{Allowed: func(netip.Prefix) bool { return allowed }})
	one(t, d, wants("203.0.113.1", haechi.Deny, time.Hour), start)
	if got := d.Recheck(start); len(got) != 0 {
		t.Fatalf("lifted %+v", got)
	}
	allowed = true
	if got := d.Recheck(start); len(got) != 1 || got[0].LiftedBy == "" || len(d.Open(start)) != 0 {
		t.Fatalf("lifted %+v", got)
	}
}

func TestExplain(t *testing.T) {
	d := decide.New(decide.Config{}, protectedDeps())
	for scope, want := range map[haechi.Scope]string{ip("192.0.2.3"): "on the allow list", ip("198.51.100.1"): "a trusted proxy", ip("203.0.113.1"): ""} {
		if got := d.Protected(scope); got != want {
			t.Errorf("%s: %q", scope, got)
		}
	}
	cmds := decide.LiftCommands([]haechi.Decision{{ID: "7K29Q-XM4TC"}, {ID: "X", LiftedAt: start}})
	if len(cmds) != 1 || cmds[0] != "haechi decisions lift 7K29Q-XM4TC" {
		t.Fatalf("got %q", cmds)
	}
}
