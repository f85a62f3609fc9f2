package scenario_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
	"haechi/test/gateway"
)

// fail makes n failed attempts to sign from the address.
func (r *rig) fail(t *testing.T, n, addr int) {
	t.Helper()
	id := demo.Identity{Bot: "표적봇", Serial: "9999", Shape: demo.V333}
	if ds, err := r.api.Devices(t.Context(), haechi.DeviceFilter{}); err != nil || len(ds) == 0 {
		must(t, err)
		id = r.enrol(id.Bot, id.Serial, id.Shape)
	}
	id.Secret = haechi.Secret("guess")
	p := r.phone(id, addr)
	for range n {
		if got := p.refused(t); got.Code != "AUTH_FAILED" {
			t.Fatalf("told %+v", got)
		}
	}
}

// shut reports whether the address can neither reach the bots nor the shop.
func (r *rig) shut(t *testing.T, addr int) bool {
	t.Helper()
	if _, err := r.visitor(t, addr).ask(http.MethodGet, "/health", ""); err == nil {
		return false
	}
	c, err := dialFrom(t.Context(), r.addr(addr), r.botsAddr())
	must(t, err)
	defer c.Close()
	must(t, c.SetReadDeadline(time.Now().Add(gateway.Patient(2*time.Second))))
	_, err = c.Read(make([]byte, 1))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// TestTheJail: ten failures in ten minutes pass, the eleventh is denied for an
// hour, everywhere at once; lifting frees at once; a restart changes nothing.
func TestTheJail(t *testing.T) {
	t.Parallel()
	r := run(t, settings{bots: "device: { hold: 1s }"})
	r.fail(t, 10, 10)
	r.fail(t, 11, 11)
	var d haechi.Decision
	eventually(t, "the decision", 5*time.Second, func() (ok bool) {
		d, ok = r.about("ip:" + r.addr(11).String())
		return ok
	})
	// Lifted as soon as it is seen: what is shown can be lifted.
	if got := asked[haechi.Decision](r, "decisions", "lift", string(d.ID), "--reason", "a mistake"); got.LiftedAt.IsZero() || got.LiftedBy == "" {
		t.Errorf("lifted: %+v", got)
	}
	if r.shut(t, 11) {
		t.Error("it is still shut out after the lift")
	}
	if ds := asked[[]haechi.Decision](r, "decisions"); len(ds) != 0 {
		t.Errorf("ten failures led to %+v", ds)
	}
	r.fail(t, 1, 10) // the eleventh
	eventually(t, "the decision about the other", 5*time.Second, func() (ok bool) {
		d, ok = r.about("ip:" + r.addr(10).String())
		return ok
	})
	if d.Rule != "auth/brute-force" || d.Action != haechi.Deny || d.Mode != haechi.Enforce || d.Observed != 11 || d.Threshold != 10 ||
		d.Window != 600*time.Second || d.Until.Sub(d.From).Round(10*time.Second) != time.Hour || d.Origin != haechi.OriginRule {
		t.Errorf("decided %+v", d)
	}
	if !r.shut(t, 10) {
		t.Error("it is not shut out")
	}
	r.restart()
	if ds := asked[[]haechi.Decision](r, "bans"); len(ds) != 1 || ds[0].ID != d.ID || !ds[0].Until.Equal(d.Until) {
		t.Errorf("after a restart: %+v", ds)
	}
	if !r.shut(t, 10) || r.shut(t, 11) {
		t.Error("the restart changed who is shut out")
	}
	r.evidence(t, d)
	lift := asked[haechi.Explanation](r, "why", string(d.ID)).Lift[0] // works as it is told
	if out, err := exec.Command("sh", "-c", strings.Replace(lift, "haechi", program.Path(), 1)+" --config "+r.config()).CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s", lift, err, out)
	}
	if r.shut(t, 10) {
		t.Error("it is still shut out after the lift")
	}
}

// evidence wants why to say what the decision rests on and how to lift it.
func (r *rig) evidence(t *testing.T, d haechi.Decision) {
	t.Helper()
	for _, query := range []string{string(d.ID), strings.ToLower(string(d.ID)), d.Scope.Prefix.Addr().String()} {
		x := asked[haechi.Explanation](r, "why", query)
		if len(x.Decisions) == 0 || x.Decisions[0].ID != d.ID || len(x.Lift) == 0 || !strings.Contains(x.Lift[0], string(d.ID)) {
			t.Fatalf("why %s: %+v", query, x)
		}
		if len(x.Findings) == 0 {
			t.Fatalf("why %s names no finding", query)
		}
		f := x.Findings[0]
		if f.Rule != d.Rule || f.Observed != 11 || len(f.Evidence) == 0 || f.Spoofable {
			t.Errorf("why %s rests on %+v", query, f)
		}
	}
}

// TestRapidReconnect: ten connections in a minute pass, the eleventh denies the
// device for five minutes and leaves its address alone.
func TestRapidReconnect(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	ten, eleven := r.phone(r.enrol("재접속봇", "a", demo.V333), 10), r.phone(r.enrol("재접속봇", "b", demo.V32), 10)
	ten.reconnects(10)
	eleven.reconnects(10)
	eleven.cutSoon(t)
	ds := asked[[]haechi.Decision](r, "decisions")
	if len(ds) != 1 || ds[0].Scope.String() != "device:재접속봇/b" || ds[0].Rule != "device/rapid-reconnect" || ds[0].Until.Sub(ds[0].From).Round(5*time.Second) != 5*time.Minute {
		t.Fatalf("decided %+v", ds)
	}
	e := r.explained(t, eleven.refused(t).Ref, haechi.ReasonDecision, demo.Identity{Bot: "재접속봇", Serial: "b"})
	if e.Rule != "device/rapid-reconnect" {
		t.Errorf("explained as %+v", e)
	}
	r.phone(r.enrol("재접속봇", "c", demo.V333), 10).connected()
	r.ok("decisions", "lift", string(ds[0].ID), "--reason", "a bad network")
	eleven.chats(eleven.connected(), "돌아왔어요")
}

// TestShadowChangesNothing: what is in shadow is seen, and never felt.
func TestShadowChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, settings{})
	r.configure(settings{bots: "device: { hold: 1s }\nlimits: { mode: shadow, device: [3/min] }\naccess: { mode: shadow, deny: [" + r.addr(10).String() + "] }",
		shop: "limits: { mode: shadow, address: 5/min, classes: { login: 1/min } }\nroutes: [ { path: /login, class: login } ]",
		top:  "rules:\n  auth/brute-force: { mode: shadow }\n  device/rapid-reconnect: { mode: shadow }\n  device/bulk-messages: { mode: shadow, threshold: 5 }"})
	r.start()
	r.fail(t, 15, 10)
	p := r.phone(r.enrol("그림자봇", "1", demo.V333), 10)
	for range 12 {
		p.connected().Close()
	}
	s := p.connected()
	for range 10 {
		p.chats(s, "!time")
	}
	v := r.visitor(t, 10)
	for range 20 {
		if got := v.get("/login"); got.StatusCode != http.StatusOK {
			t.Fatalf("the shop answers %d", got.StatusCode)
		}
	}
	fired := map[string]bool{}
	eventually(t, "the rules to speak", 5*time.Second, func() bool {
		for _, rule := range asked[[]haechi.RuleInfo](r, "rules") {
			fired[rule.ID] = rule.Fired > 0
		}
		return fired["auth/brute-force"] && fired["device/rapid-reconnect"] && fired["device/bulk-messages"]
	})
	if ds := asked[[]haechi.Decision](r, "decisions"); len(ds) != 0 {
		t.Errorf("in force: %+v", ds)
	}
	var shadows []haechi.Decision
	eventually(t, "the shadow decisions to be recorded", 5*time.Second, func() bool {
		shadows = asked[[]haechi.Decision](r, "decisions", "--all")
		return len(shadows) >= 2
	})
	for _, d := range shadows {
		if d.Mode != haechi.Shadow {
			t.Errorf("decided %+v", d)
		}
	}
	seen := 0
	for _, e := range asked[[]haechi.Event](r, "events", "--limit", "1000") {
		if e.Shadow && e.Verdict >= haechi.Throttle {
			seen++
		}
	}
	if seen == 0 {
		t.Error("no shadow verdict is recorded")
	}
	p.chats(s, "아직 있어요")
}

// TestReplayFindsTheSame: on what was recorded, the present rules find what they
// found live.
func TestReplayFindsTheSame(t *testing.T) {
	t.Parallel()
	r := run(t, settings{bots: "device: { hold: 1s }"})
	r.fail(t, 11, 10)
	p := r.phone(r.enrol("재접속봇", "a", demo.V333), 11)
	p.reconnects(10)
	p.cutSoon(t)
	live := map[string]float64{}
	eventually(t, "the findings", 5*time.Second, func() bool {
		fs, err := r.api.Findings(t.Context(), 100)
		must(t, err)
		for _, f := range fs {
			if key := f.Rule + " " + f.About.String(); live[key] < f.Observed {
				live[key] = f.Observed
			}
		}
		// A decision is in force before its finding is recorded.
		inForce := r.inForce()
		for _, d := range inForce {
			if live[d.Rule+" "+d.Scope.String()] == 0 {
				return false
			}
		}
		return len(live) >= 3 && len(inForce) == 2
	})
	inForce := r.inForce()
	var again haechi.Replay
	eventually(t, "the replay to find the same", 15*time.Second, func() bool { // equal refusals are recorded as counts, a little later
		again = asked[haechi.Replay](r, "replay", "--since", "10m")
		found := map[string]float64{}
		for _, f := range again.Findings {
			key := f.Rule + " " + f.About.String()
			found[key] = max(found[key], f.Observed)
			if live[key] == 0 {
				t.Errorf("only the replay finds %s", key)
			}
		}
		for key, observed := range live {
			if found[key] < observed {
				return false
			}
		}
		return true
	})
	for _, d := range inForce {
		same := false
		for _, e := range again.Decisions {
			same = same || e.Scope == d.Scope && e.Action == d.Action && e.Rule == d.Rule && e.Mode == d.Mode
		}
		if !same {
			t.Errorf("the replay does not decide %+v", d)
		}
	}
	if now := r.inForce(); len(now) != len(inForce) {
		t.Errorf("the replay changed what is in force: %+v", now)
	}
}
