package devicegate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"haechi"
	"haechi/internal/ingress/devicegate"
)

func proved(t *testing.T, w *world, cfg devicegate.Config) (*driver, *phone) {
	p := newPhone()
	d := drive(w.gate(t, cfg, devicegate.Deps{}), w, 1)
	d.feed(p.hello33() + p.pong())
	d.ops, w.events = nil, nil
	d.forward.Reset()
	return d, p
}

func TestShortLimitPausesOnce(t *testing.T) {
	w := newWorld()
	d, p := proved(t, w, devicegate.Config{})
	w.inspects = 0
	w.judge = func(*haechi.Request) haechi.Verdict {
		return haechi.Verdict{Action: haechi.Throttle, Reason: haechi.ReasonRateLimit, Rule: "limit/device", Delay: 2 * time.Second}
	}
	msg, next := p.message("r", "QQ=="), p.message("r", "Qg==")
	d.feed(msg[:20]).feed(msg[20:] + next) // in pieces, so that the machine keeps the line
	if diff := cmp.Diff([]string{"pause 2s", "pause 2s"}, d.ops); diff != "" || d.forward.String() != msg+next || w.inspects != 2 {
		t.Errorf("%s %d inspections, forwarded %q", diff, w.inspects, d.forward.String())
	}
	if e := w.events[0]; e.Outcome != haechi.Success || e.Verdict != haechi.Throttle || e.Rule != "limit/device" {
		t.Errorf("event %+v", e)
	}
}

func TestLongLimitRefusesTheFrameAndThenCuts(t *testing.T) {
	w := newWorld()
	d, p := proved(t, w, devicegate.Config{MaxRefused: 3})
	w.judge = func(*haechi.Request) haechi.Verdict {
		return haechi.Verdict{Action: haechi.Throttle, Reason: haechi.ReasonRateLimit, Rule: "limit/device",
			Detail: "Rate limit exceeded: minute", Delay: 20 * time.Second, Observed: 301, Threshold: 300}
	}
	for range 2 {
		d.feed(p.message("r", ""))
	}
	w.judge = nil
	pass := p.message("r", "QQ==")
	d.feed(pass)
	if d.forward.String() != pass || d.m.Ending().Reason != "" || strings.Count(d.sent.String(), "Rate limit exceeded: minute") != 2 {
		t.Fatalf("forwarded %q, told %q", d.forward.String(), d.sent.String())
	}
	if e := w.events[0]; e.Kind != haechi.KindMessage || e.Outcome != haechi.Failure || e.Observed != 301 || e.Ref == "" {
		t.Errorf("event %+v", e)
	}
	w.judge = func(*haechi.Request) haechi.Verdict {
		return haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonRateLimit, Rule: "limit/device"}
	}
	d.feed(p.message("r", "")).feed(p.message("r", "")).feed(p.message("r", "")).feed(p.message("r", ""))
	if e := d.m.Ending(); e.Reason != haechi.ReasonRateLimit || d.forward.String() != pass {
		t.Errorf("ending %+v, forwarded %q", e, d.forward.String())
	}
}

func TestVerdicts(t *testing.T) {
	tests := []struct {
		name    string
		v       haechi.Verdict
		forward bool
		ops     []string
	}{
		{"shadow", haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonRateLimit, Shadow: true, Rule: "limit/device"}, true, nil},
		{"watch", haechi.Verdict{Action: haechi.Watch, Rule: "x"}, true, nil},
		{"throttled by a decision", haechi.Verdict{Action: haechi.Throttle, Reason: haechi.ReasonDecision, Delay: time.Second}, true, []string{"pause 1s"}},
		{"throttled for long", haechi.Verdict{Action: haechi.Throttle, Reason: haechi.ReasonDecision, Delay: time.Hour}, true, []string{"pause 5s"}},
		{"denied by a decision", haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonDecision, Rule: "x"}, false, []string{"send true", "hold 1m0s"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			d, p := proved(t, w, devicegate.Config{})
			w.judge = func(*haechi.Request) haechi.Verdict { return tt.v }
			d.feed(p.message("r", ""))
			if (d.forward.Len() > 0) != tt.forward {
				t.Errorf("forwarded %q", d.forward.String())
			}
			if diff := cmp.Diff(tt.ops, d.ops); diff != "" {
				t.Error(diff)
			}
			if e := w.events[0]; e.Shadow != tt.v.Shadow || e.Verdict != tt.v.Action || (e.Outcome == haechi.Success) != tt.forward {
				t.Errorf("event %+v", e)
			}
		})
	}
}

func TestDeniedDeviceOpensNoUpstream(t *testing.T) {
	w, p := newWorld(), newPhone()
	w.judge = func(r *haechi.Request) haechi.Verdict {
		if r.Actor.Assurance == haechi.Authenticated && r.Actor.Device == device {
			return haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonDecision, Ref: "7K29Q-XM4TC"}
		}
		return haechi.Verdict{}
	}
	d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
	d.feed(p.hello33() + p.pong())
	if e := d.m.Ending(); e.Ref != "7K29Q-XM4TC" || len(d.ops) != 3 || d.ops[1] != "send true" {
		t.Errorf("ending %+v ops %v", e, d.ops)
	}
}

func TestAllowedActorsAreNotLimited(t *testing.T) {
	w, p := newWorld(), newPhone()
	w.judge = func(*haechi.Request) haechi.Verdict { return haechi.Verdict{Action: haechi.Deny} }
	a := actor("192.0.2.7")
	a.Allowed = true
	g := w.gate(t, devicegate.Config{}, devicegate.Deps{})
	d := &driver{g: g, m: g.Machine(a, 1, start), w: g.NewWork(), sink: w, now: start}
	d.feed(p.hello33() + p.pong() + p.message("r", ""))
	if w.inspects != 0 || !strings.Contains(d.forward.String(), `"message"`) {
		t.Errorf("%d inspections, ending %+v", w.inspects, d.m.Ending())
	}
}
