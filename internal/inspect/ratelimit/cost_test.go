package ratelimit_test

import (
	"testing"
	"time"

	"haechi"
	"haechi/internal/inspect/ratelimit"
)

// spender has 200 ms in a second, 5 s at once.
func spender(mode haechi.Mode) *ratelimit.Limiter {
	return one(ratelimit.Service{Cost: ratelimit.Spend{Mode: mode, Time: 200 * time.Millisecond, Per: time.Second, Burst: 5 * time.Second}})
}

func TestCostAtItsEdge(t *testing.T) {
	l, a, now := spender(haechi.Enforce), actor("203.0.113.7"), start()
	for range 5 {
		if v := l.Afford("svc", &a, now); v != (haechi.Verdict{}) {
			t.Fatalf("within its budget: %+v", v)
		}
		l.Spend("svc", &a, time.Second, 0, now)
	}
	v := l.Afford("svc", &a, now)
	if !v.Refuses() || v.Rule != "limit/cost" || v.Reason != haechi.ReasonRateLimit || v.Ref == "" ||
		v.Observed != 5 || v.Threshold != 5 || v.Delay <= 0 || v.Delay > time.Millisecond {
		t.Errorf("over its budget: %+v", v)
	}
	if v := l.Afford("svc", &a, now.Add(v.Delay)); v != (haechi.Verdict{}) {
		t.Errorf("refused at the retry time: %+v", v)
	}
	other := actor("203.0.113.8")
	if v := l.Afford("svc", &other, now); v != (haechi.Verdict{}) {
		t.Errorf("another client pays: %+v", v)
	}
}

// What one request cost beyond all bounds is paid for in the time of a burst, not for
// hours.
func TestDebtIsBounded(t *testing.T) {
	l, a, now := spender(haechi.Enforce), actor("2001:db8::1"), start()
	l.Spend("svc", &a, 10*time.Hour, 0, now)
	neighbour := actor("2001:db8::2") // of the same /64
	v := l.Afford("svc", &neighbour, now)
	if !v.Refuses() || v.Delay > 26*time.Second || v.Delay < 24*time.Second {
		t.Errorf("%+v", v)
	}
}

func TestBytesCostToo(t *testing.T) {
	l, a, now := spender(haechi.Enforce), actor("203.0.113.7"), start()
	l.Spend("svc", &a, 0, 400<<20, now)
	if v := l.Afford("svc", &a, now); v.Refuses() {
		t.Errorf("400 MiB: %+v", v)
	}
	l.Spend("svc", &a, 0, 200<<20, now)
	if v := l.Afford("svc", &a, now); !v.Refuses() {
		t.Errorf("600 MiB: %+v", v)
	}
}

func TestCostModes(t *testing.T) {
	a, now := actor("203.0.113.7"), start()
	for mode, speaks := range map[haechi.Mode]bool{haechi.Off: false, haechi.Shadow: true} {
		l := spender(mode)
		l.Spend("svc", &a, time.Minute, 0, now)
		if v := l.Afford("svc", &a, now); v.Refuses() || v.Shadow != speaks {
			t.Errorf("%v: %+v", mode, v)
		}
	}
	l, friend := spender(haechi.Enforce), actor("203.0.113.7")
	friend.Allowed = true
	l.Spend("svc", &friend, time.Minute, 0, now)
	if v := l.Afford("svc", &a, now); v != (haechi.Verdict{}) {
		t.Errorf("an allowed client was counted: %+v", v)
	}
	l.Spend("unlimited", &a, time.Minute, 0, now)
	if v := l.Afford("unlimited", &a, now); v != (haechi.Verdict{}) {
		t.Errorf("%+v", v)
	}
}

func TestCostDoesNotAllocate(t *testing.T) {
	l, a, now := spender(haechi.Enforce), actor("203.0.113.7"), start()
	l.Spend("svc", &a, 1, 0, now)
	if n := testing.AllocsPerRun(100, func() { l.Afford("svc", &a, now); l.Spend("svc", &a, 1, 0, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
