package decide_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/decide"
)

// seen is a finding of an enforced network rule that asks to watch.
func seen(addr string, s haechi.Severity) *haechi.Finding {
	f := wants(addr, haechi.Watch, time.Hour)
	f.Rule, f.Detector, f.Severity = "network/brute-force", "brute_force", s
	return f
}

func TestSeverityAsksForMore(t *testing.T) {
	harsh := decide.Config{OnHigh: haechi.Deny, OnCritical: haechi.Drop}
	mild := decide.Config{OnHigh: haechi.Watch, OnCritical: haechi.Watch}
	for name, c := range map[string]struct {
		cfg  decide.Config
		f    *haechi.Finding
		want haechi.Action
	}{
		"medium":            {decide.Config{}, seen("203.0.113.7", haechi.Medium), haechi.Watch},
		"high":              {decide.Config{}, seen("203.0.113.7", haechi.High), haechi.Throttle},
		"critical":          {decide.Config{}, seen("203.0.113.7", haechi.Critical), haechi.Deny},
		"high, harsh":       {harsh, seen("203.0.113.7", haechi.High), haechi.Deny},
		"critical, harsh":   {harsh, seen("203.0.113.7", haechi.Critical), haechi.Drop},
		"critical, mild":    {mild, seen("203.0.113.7", haechi.Critical), haechi.Watch},
		"a threshold rule":  {decide.Config{}, wants("203.0.113.7", haechi.Watch, time.Hour), haechi.Watch},
		"a stronger demand": {decide.Config{}, func() *haechi.Finding { f := seen("203.0.113.7", haechi.High); f.Want = haechi.Drop; return f }(), haechi.Drop},
	} {
		got := one(t, decide.New(c.cfg, decide.Deps{}), c.f, start)
		if got.Action != c.want || got.Until.Before(start.Add(time.Hour)) || got.Until.IsZero() {
			t.Errorf("%s: %s until %s, want %s", name, got.Action, got.Until, c.want)
		}
	}
}

func TestSeverityAloneDecidesNothing(t *testing.T) {
	quiet := seen("203.0.113.7", haechi.Critical)
	quiet.Want, quiet.For = haechi.Pass, 0
	forged := seen("203.0.113.7", haechi.Critical)
	forged.Spoofable = true
	service := seen("203.0.113.7", haechi.Critical)
	service.About = haechi.Scope{Kind: haechi.ScopeService, Value: "bots"}
	for name, f := range map[string]*haechi.Finding{"an incident only": quiet, "forged": forged, "about a service": service} {
		t.Run(name, func(t *testing.T) { none(t, decide.New(decide.Config{}, decide.Deps{}), f, start) })
	}
}

// What a detector finds about a host of ours is watched, however often and however bad, and
// what a gate finds about it then stands on its own.
func TestAHostOfOursIsOnlyWatched(t *testing.T) {
	d := decide.New(decide.Config{}, decide.Deps{Internal: func(p netip.Prefix) bool { return p.Addr().IsPrivate() }})
	f := seen("10.0.0.9", haechi.Critical)
	f.Score = 60
	first := one(t, d, f, start)
	if first.Action != haechi.Watch || !strings.Contains(first.Reason, "host of ours") {
		t.Fatalf("%+v", first)
	}
	for i := range 20 {
		for _, got := range d.Decide(f, start.Add(time.Duration(i)*time.Minute), nil) {
			if got.Action != haechi.Watch {
				t.Fatalf("%+v", got)
			}
		}
	}
	if got := d.Decide(against("10.0.0.9", 10), start.Add(time.Hour), nil); len(got) != 0 && got[0].Action > haechi.Watch {
		t.Errorf("%+v", got[0])
	}
	if got := one(t, d, wants("10.0.0.9", haechi.Deny, time.Hour), start.Add(2*time.Hour)); got.Action != haechi.Deny {
		t.Errorf("%+v", got)
	}
	if got := one(t, d, seen("203.0.113.7", haechi.Critical), start); got.Action != haechi.Deny {
		t.Errorf("%+v", got)
	}
}
