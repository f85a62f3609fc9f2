package ratelimit_test

import (
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/gcra"
	"haechi/internal/inspect/ratelimit"
)

func connect(addr string) *haechi.Request {
	a := actor(addr)
	return &haechi.Request{Kind: haechi.KindConnect, Service: "svc", Actor: &a, Size: -1}
}

// TestService: new connections of all clients together; what a client's own limit
// refuses is not charged, so that one cannot use it up for all.
func TestService(t *testing.T) {
	l := one(ratelimit.Service{
		Address: ratelimit.Limit{Rates: []gcra.Rate{{Events: 3, Per: time.Second}}},
		All:     ratelimit.Limit{Rates: []gcra.Rate{{Events: 5, Per: time.Second}}},
	})
	admit(t, l, connect("203.0.113.1"), 3, start())
	for range 100 {
		if v := l.Inspect(connect("203.0.113.1"), start()); v.Rule != "limit/address" || !v.Refuses() {
			t.Fatalf("%+v", v)
		}
	}
	admit(t, l, connect("203.0.113.2"), 2, start())
	v := l.Inspect(connect("203.0.113.3"), start())
	if v.Rule != "limit/service" || v.Action != haechi.Deny || v.Reason != haechi.ReasonRateLimit || v.Observed != 6 || v.Threshold != 5 || v.Window != time.Second || v.Ref == "" {
		t.Errorf("%+v", v)
	}
	admit(t, l, request("203.0.113.3", ""), 1, start()) // a request is no connection
	allowed := connect("203.0.113.3")
	allowed.Actor.Allowed = true
	admit(t, l, allowed, 100, start())
	admit(t, l, connect("203.0.113.3"), 1, start().Add(200*time.Millisecond))
}

func TestServiceInShadow(t *testing.T) {
	l := one(ratelimit.Service{All: ratelimit.Limit{Mode: haechi.Shadow, Rates: []gcra.Rate{{Events: 1, Per: time.Second}}}})
	admit(t, l, connect("203.0.113.1"), 1, start())
	if v := l.Inspect(connect("203.0.113.1"), start()); v.Refuses() || !v.Shadow || v.Rule != "limit/service" {
		t.Errorf("%+v", v)
	}
}

// TestPace: a second's worth passes at once, then bytes wait, and what would wait too
// long is refused and not charged.
func TestPace(t *testing.T) {
	l := one(ratelimit.Service{In: 100 << 10, Out: 10 << 10, Pause: time.Second})
	a := actor("203.0.113.1")
	pace := func(out bool, size int, at time.Duration) haechi.Verdict {
		return l.Pace("svc", &a, out, size, start().Add(at))
	}
	for range 10 {
		if v := pace(false, 10<<10, 0); v.Action != haechi.Pass {
			t.Fatalf("%+v", v)
		}
	}
	if v := pace(false, 50<<10, 0); v.Action != haechi.Throttle || v.Delay.Round(time.Millisecond) != 500*time.Millisecond || v.Refuses() {
		t.Errorf("%+v", v)
	}
	v := pace(false, 60<<10, 0)
	if v.Action != haechi.Deny || v.Rule != "limit/bytes-in" || v.Reason != haechi.ReasonRateLimit || v.Observed != 210<<10 || v.Threshold != 100<<10 || v.Window != time.Second || v.Ref == "" {
		t.Errorf("%+v", v)
	}
	if v := pace(false, 40<<10, 0); v.Action != haechi.Throttle || v.Delay.Round(10*time.Millisecond) != 900*time.Millisecond {
		t.Errorf("the refused bytes were charged: %+v", v)
	}
	if v := pace(true, 10<<10, 0); v.Action != haechi.Pass {
		t.Errorf("the directions share a limit: %+v", v)
	}
	if v := pace(true, 20<<10, 0); v.Rule != "limit/bytes-out" || !v.Refuses() {
		t.Errorf("%+v", v)
	}
	b := actor("203.0.113.2")
	if v := l.Pace("svc", &b, true, 10<<10, start()); v.Action != haechi.Pass {
		t.Errorf("clients share a limit: %+v", v)
	}
	b.Allowed = true
	if v := l.Pace("svc", &b, true, 1<<20, start()); v.Action != haechi.Pass {
		t.Errorf("an allowed client: %+v", v)
	}
	if v := pace(true, 10<<10, 2*time.Second); v.Action != haechi.Pass {
		t.Errorf("later: %+v", v)
	}
}

func TestPaceInShadowAndOff(t *testing.T) {
	a := actor("203.0.113.1")
	shadow := one(ratelimit.Service{In: 1 << 10, Bytes: haechi.Shadow, Pause: time.Second})
	_ = shadow.Pace("svc", &a, false, 1<<10, start())
	if v := shadow.Pace("svc", &a, false, 1<<10, start()); !v.Shadow || v.Delay == 0 || v.Action != haechi.Deny {
		t.Errorf("%+v", v)
	}
	off := one(ratelimit.Service{In: 1 << 10, Bytes: haechi.Off})
	for range 10 {
		if v := off.Pace("svc", &a, false, 1<<20, start()); v != (haechi.Verdict{}) {
			t.Errorf("%+v", v)
		}
	}
}

// TestPaceAllocatesNothing while bytes pass.
func TestPaceAllocatesNothing(t *testing.T) {
	l := one(ratelimit.Service{In: 512 << 20})
	a := actor("203.0.113.1")
	if n := testing.AllocsPerRun(1000, func() { l.Pace("svc", &a, false, 16<<10, start()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
