package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/config"
)

// stageRig is a stage with its gate, and no kernel.
type stageRig struct {
	*staging
	now  time.Time
	good map[netip.Prefix]int
	told []haechi.AuditEntry
}

func newStageRig(t *testing.T, mode haechi.Mode) *stageRig {
	t.Helper()
	r := &stageRig{now: time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC), good: map[netip.Prefix]int{}}
	cfg := config.Attack{Mode: mode, Highest: haechi.StageCookies, Calm: 2 * time.Minute, New: config.Rate{Events: 25, Per: time.Minute, Burst: 100},
		SYN: config.Rate{Events: 1, Per: time.Second, Burst: 3}, Echo: config.Rate{Events: 1, Per: time.Second, Burst: 5}}
	gate := newStageGate(cfg.New, func(p netip.Prefix, _ time.Time) int { return r.good[p] }, func(service string) bool { return service == "bots" })
	r.staging = newStaging(cfg, gate, nil, func() time.Time { return r.now }, slog.New(slog.DiscardHandler), func(asked bool, e haechi.AuditEntry) {
		if !asked {
			r.told = append(r.told, e)
		}
	})
	return r
}

func (r *stageRig) wait(seconds int) {
	for range seconds {
		r.now = r.now.Add(time.Second)
		r.step(context.Background())
	}
}

func (r *stageRig) flood(s haechi.Severity, over bool) {
	r.Observe(&haechi.Finding{Incident: "A", Rule: "network/host-syn-flood", Detector: "host_syn", Mode: haechi.Enforce, Severity: s, First: r.now.Add(-time.Second), Observed: 9, Threshold: 1, Over: over}, r.now)
}

// connects is what becomes of so many connections of a client: how many are let in.
func (r *stageRig) connects(service, from string, n int) (in int, last haechi.Verdict) {
	p := netip.MustParsePrefix(from)
	for range n {
		a := haechi.Actor{Addr: p.Addr(), Client: p, Assurance: haechi.Handshaken}
		v := r.gate.Inspect(&haechi.Request{Kind: haechi.KindConnect, Service: service, Actor: &a, Size: -1}, r.now)
		if !v.Refuses() {
			in++
		}
		last = v
	}
	return in, last
}

func TestTightenLimitsEachClientForItself(t *testing.T) {
	r := newStageRig(t, haechi.Enforce)
	if n, _ := r.connects("shop", "203.0.113.1/32", 1000); n != 1000 {
		t.Errorf("at peace %d of 1000 get in", n)
	}
	r.flood(haechi.Medium, false)
	r.wait(1)
	n, v := r.connects("shop", "203.0.113.1/32", 200)
	if n != 100 || v.Rule != ruleTighten || v.Reason != haechi.ReasonAttack || v.Ref == "" || v.Observed == 0 {
		t.Errorf("%d of 200 get in; the last %+v", n, v)
	}
	for i := range 100 {
		if n, _ := r.connects("shop", fmt.Sprintf("198.51.100.%d/32", i), 6); n != 6 {
			t.Errorf("of a visitor's 6 connections %d get in", n)
		}
	}
	r.wait(60)
	if n, _ := r.connects("shop", "203.0.113.1/32", 200); n < 24 || n > 26 {
		t.Errorf("a minute later %d get in", n)
	}
	r.good[netip.MustParsePrefix("203.0.113.1/32")] = 50
	if n, _ := r.connects("bots", "203.0.113.1/32", 200); n != 200 {
		t.Errorf("where fifty devices proved themselves %d of 200 get in", n)
	}
}

func TestShadowRefusesNobody(t *testing.T) {
	r := newStageRig(t, haechi.Shadow)
	r.flood(haechi.High, false)
	r.wait(1)
	n, v := r.connects("shop", "203.0.113.1/32", 200)
	if n != 200 || !v.Shadow || v.Rule != ruleTighten {
		t.Errorf("%d of 200 get in; the last %+v", n, v)
	}
	s := r.Status(r.now)
	if s.Stage != haechi.StageCookies || s.Mode != haechi.Shadow || len(s.Held) == 0 || s.Held[0].On {
		t.Errorf("%+v", s)
	}
}

func TestKnownClientsAreThoseFromBeforeTheAttack(t *testing.T) {
	r := newStageRig(t, haechi.Enforce)
	r.connects("shop", "203.0.113.1/32", 1)
	r.wait(60)
	r.flood(haechi.High, false)
	r.wait(1)
	r.connects("shop", "203.0.113.2/32", 1) // it comes with the attack
	if err := r.Set(haechi.StageKnown, "kim", 10*time.Minute, r.now); err != nil {
		t.Fatal(err)
	}
	r.wait(60)
	for from, want := range map[string]int{"203.0.113.1/32": 1, "203.0.113.2/32": 0, "203.0.113.3/32": 0} {
		if n, v := r.connects("shop", from, 1); n != want || want == 0 && v.Rule != ruleKnown {
			t.Errorf("%s: %d, %+v", from, n, v)
		}
	}
	if n, _ := r.connects("bots", "203.0.113.4/32", 1); n != 1 {
		t.Error("a device may not prove itself")
	}
	if err := r.Set(haechi.StageClosed, "kim", 10*time.Minute, r.now); err != nil {
		t.Fatal(err)
	}
	r.wait(1)
	r.good[netip.MustParsePrefix("203.0.113.9/32")] = 1
	for from, want := range map[string]int{"203.0.113.1/32": 0, "203.0.113.9/32": 1} {
		if n, _ := r.connects("bots", from, 1); n != want {
			t.Errorf("closed, %s: %d", from, n)
		}
	}
}

// TestItIsAuditedAndStepsDown: each change by itself is in the audit chain.
func TestItIsAuditedAndStepsDown(t *testing.T) {
	r := newStageRig(t, haechi.Enforce)
	r.flood(haechi.High, false)
	r.wait(2)
	r.flood(haechi.High, true)
	r.wait(300)
	var went []string
	for _, e := range r.told {
		went = append(went, e.Before+">"+e.After+" by "+e.By)
	}
	want := []string{"watch>cookies by rule:network/host-syn-flood", "cookies>tighten by system", "tighten>watch by system"}
	if fmt.Sprint(went) != fmt.Sprint(want) {
		t.Errorf("told %v, want %v", went, want)
	}
	if n, _ := r.connects("shop", "203.0.113.1/32", 500); n != 500 {
		t.Errorf("when it is over %d of 500 get in", n)
	}
}

// TestWhatIsHeldOffKeepsTheStage: refusals at the listeners count as pressure.
func TestWhatIsHeldOffKeepsTheStage(t *testing.T) {
	r := newStageRig(t, haechi.Enforce)
	r.flood(haechi.Medium, false)
	r.wait(1)
	r.flood(haechi.Medium, true)
	for range 300 {
		r.connects("shop", "203.0.113.1/32", 120)
		r.wait(1)
	}
	if s := r.Status(r.now); s.Stage != haechi.StageTighten {
		t.Errorf("stage %v while 120 connections a second are held off", s.Stage)
	}
	r.wait(200)
	if s := r.Status(r.now); s.Stage != haechi.StageWatch {
		t.Errorf("stage %v when they are gone", s.Stage)
	}
}
