package ratelimit_test

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/brick/gcra"
	"haechi/internal/inspect/ratelimit"
)

func start() time.Time { return time.Date(2026, 3, 1, 23, 59, 59, 0, time.UTC) }

func one(s ratelimit.Service) *ratelimit.Limiter {
	return ratelimit.New(ratelimit.Config{Services: map[string]ratelimit.Service{"svc": s}, Capacity: 20_000})
}

// strict is the documents' limits without pauses.
func strict() ratelimit.Service {
	s := ratelimit.Default()
	s.Pause = 0
	return s
}

func actor(addr string) haechi.Actor {
	a := netip.MustParseAddr(addr)
	return haechi.Actor{Addr: clientkey.Addr(a), Client: clientkey.Of(a, 0), Assurance: haechi.Handshaken}
}

func message(device string) *haechi.Request {
	a := actor("198.51.100.1")
	a.Device, a.Assurance = device, haechi.Authenticated
	return &haechi.Request{Kind: haechi.KindMessage, Service: "svc", Actor: &a}
}

func request(addr, class string) *haechi.Request {
	a := actor(addr)
	return &haechi.Request{Kind: haechi.KindRequest, Service: "svc", Actor: &a, Class: class}
}

// admit makes n calls that must pass.
func admit(t *testing.T, l *ratelimit.Limiter, r *haechi.Request, n int, now time.Time) {
	t.Helper()
	for i := range n {
		if v := l.Inspect(r, now); v != (haechi.Verdict{}) {
			t.Fatalf("call %d of %d: %+v", i+1, n, v)
		}
	}
}

func TestDeviceMinuteHourDay(t *testing.T) {
	for _, tt := range []struct {
		detail    string
		threshold float64
		step      time.Duration // between bursts of 300, so that only this window fills
		bursts    int           // full bursts before the refusal
		rest      int
	}{
		{"Rate limit exceeded: minute", 300, 0, 1, 0},
		{"Rate limit exceeded: hour", 10_000, time.Minute, 0, 0},
		{"Rate limit exceeded: day", 100_000, 108 * time.Second, 0, 0},
	} {
		l, r, now, sent := one(strict()), message("LOA.i/1"), start(), 0
		var v haechi.Verdict
		for v = l.Inspect(r, now); v == (haechi.Verdict{}); v = l.Inspect(r, now) {
			if sent++; sent%300 == 0 {
				now = now.Add(tt.step)
			}
		}
		if v.Action != haechi.Deny || v.Reason != haechi.ReasonRateLimit || v.Detail != tt.detail ||
			v.Rule != "limit/device" || v.Threshold != tt.threshold || v.Ref == "" || v.Delay <= 0 {
			t.Errorf("after %d messages: %+v, want %q", sent, v, tt.detail)
		}
		if float64(sent) < tt.threshold || v.Observed <= v.Threshold || v.Observed > v.Threshold+1 {
			t.Errorf("%s after %d messages: observed %v, threshold %v", tt.detail, sent, v.Observed, v.Threshold)
		}
		if again := l.Inspect(r, now.Add(v.Delay)); again != (haechi.Verdict{}) {
			t.Errorf("%s: refused at the retry time: %+v", tt.detail, again)
		}
	}
}

func TestEveryLimitAtItsEdge(t *testing.T) {
	s := strict()
	s.Classes = map[string]ratelimit.Limit{"login": {Rates: []gcra.Rate{{Events: 5, Per: time.Second, Burst: 10}}}}
	connect := request("203.0.113.9", "")
	connect.Kind = haechi.KindConnect
	for _, tt := range []struct {
		name, rule, detail string
		r                  *haechi.Request
		n                  int
	}{
		{"device", "limit/device", "minute", message("LOA.i/1"), 300},
		{"request", "limit/address", "second", request("203.0.113.7", ""), 100},
		{"connect", "limit/address", "second", connect, 100},
		{"class", "limit/class/login", "second", request("203.0.113.8", "login"), 10},
		{"class without a limit", "limit/address", "second", request("203.0.113.10", "page"), 100},
	} {
		l := one(s)
		admit(t, l, tt.r, tt.n, start())
		v := l.Inspect(tt.r, start())
		if !v.Refuses() || v.Rule != tt.rule || v.Detail != "Rate limit exceeded: "+tt.detail ||
			v.Observed != float64(tt.n+1) || v.Threshold != float64(tt.n) {
			t.Errorf("%s: call %d: %+v", tt.name, tt.n+1, v)
		}
	}
}

func TestSlash64IsOneClient(t *testing.T) {
	l, admitted := one(strict()), 0
	for i := range 10_000 {
		if v := l.Inspect(request(fmt.Sprintf("2001:db8:1:2::%x", i+1), ""), start()); !v.Refuses() {
			admitted++
		}
	}
	if admitted != 100 {
		t.Errorf("%d requests of 10,000 addresses in one /64 passed, want 100", admitted)
	}
	if v := l.Inspect(request("2001:db8:1:3::1", ""), start()); v.Refuses() {
		t.Errorf("the neighbouring /64 was refused: %+v", v)
	}
}

func TestTenThousandClientsAreTenThousandLimits(t *testing.T) {
	l := one(strict())
	for i := range 10_000 {
		if v := l.Inspect(request(fmt.Sprintf("10.1.%d.%d", i/250, i%250), ""), start()); v.Refuses() {
			t.Fatalf("client %d refused: %+v", i, v)
		}
	}
}

// TestOneBadDeviceBehindASharedAddress: fifty devices behind one address, one of
// them floods. The others' messages are counted by device, never by address.
func TestOneBadDeviceBehindASharedAddress(t *testing.T) {
	l, now := one(strict()), start()
	for range 5000 {
		l.Inspect(message("bad/1"), now)
	}
	for i := range 50 {
		admit(t, l, message(fmt.Sprintf("good/%d", i)), 100, now)
	}
	if v := l.Inspect(message("bad/1"), now); !v.Refuses() {
		t.Error("the bad device passes")
	}
}

// TestAClaimedDeviceBurnsNobodysQuota is F11.
func TestAClaimedDeviceBurnsNobodysQuota(t *testing.T) {
	l, now := one(strict()), start()
	claim := message("LOA.i/victim")
	claim.Actor.Assurance = haechi.Handshaken
	for range 1000 {
		l.Inspect(claim, now)
	}
	if v := l.Inspect(claim, now); !v.Refuses() || v.Rule != "limit/address" {
		t.Errorf("unproved messages are not held to the address limit: %+v", v)
	}
	admit(t, l, message("LOA.i/victim"), 300, now)
}

func TestPause(t *testing.T) {
	l, r := one(ratelimit.Default()), message("LOA.i/1") // pauses of up to 1 s; one message each 200 ms
	admit(t, l, r, 300, start())
	for i := range 5 {
		v := l.Inspect(r, start())
		if v.Refuses() || v.Action != haechi.Throttle || v.Delay != time.Duration(i+1)*200*time.Millisecond || v.Detail != "Rate limit exceeded: minute" {
			t.Errorf("message %d over the limit: %+v", i+1, v)
		}
	}
	if v := l.Inspect(r, start()); !v.Refuses() {
		t.Errorf("a wait of 1.2 s: %+v, want a refusal", v)
	}
	if v := l.Inspect(r, start().Add(time.Second)); v.Action != haechi.Throttle {
		t.Errorf("paused messages were not counted: %+v", v)
	}
}

func TestAllowedActorsAreNeitherLimitedNorCounted(t *testing.T) {
	l, r := one(strict()), request("203.0.113.7", "")
	r.Actor.Allowed = true
	admit(t, l, r, 10_000, start())
	r.Actor.Allowed = false
	admit(t, l, r, 100, start())
}

func TestModes(t *testing.T) {
	s := strict()
	s.Address.Mode, s.Device.Mode = haechi.Shadow, haechi.Off
	l, r := one(s), request("203.0.113.7", "")
	admit(t, l, r, 100, start())
	if v := l.Inspect(r, start()); v.Refuses() || !v.Shadow || v.Action != haechi.Deny || v.Ref == "" {
		t.Errorf("over a shadow limit: %+v", v)
	}
	admit(t, l, message("LOA.i/1"), 1000, start())
}

// TestTheNarrowestLimitCounts (F75): a route's own limit takes the place of its class's,
// and that the place of the address limit, be it stricter or laxer.
func TestTheNarrowestLimitCounts(t *testing.T) {
	s := strict()
	s.Address = ratelimit.Limit{Rates: []gcra.Rate{{Events: 20, Per: time.Second}}}
	s.Classes = map[string]ratelimit.Limit{"login": {Rates: []gcra.Rate{{Events: 5, Per: time.Second}}}, "asset": {Rates: []gcra.Rate{{Events: 50, Per: time.Second}}}}
	s.Routes = map[string]ratelimit.Limit{"/search": {Rates: []gcra.Rate{{Events: 2, Per: time.Second}}}, "/feed": {Rates: []gcra.Rate{{Events: 30, Per: time.Second}}}}
	for _, tt := range []struct {
		class, route, rule string
		n                  int
	}{
		{"", "", "limit/address", 20}, {"page", "", "limit/address", 20}, {"login", "", "limit/class/login", 5}, {"asset", "", "limit/class/asset", 50},
		{"asset", "/search", "limit/route/search", 2}, {"login", "/feed", "limit/route/feed", 30}, {"login", "/unknown", "limit/class/login", 5},
	} {
		l, r := one(s), request("203.0.113.7", tt.class)
		r.Route = tt.route
		admit(t, l, r, tt.n, start())
		if v := l.Inspect(r, start()); !v.Refuses() || v.Rule != tt.rule {
			t.Errorf("class %q, route %q: call %d: %+v, want %s", tt.class, tt.route, tt.n+1, v, tt.rule)
		}
		if tt.rule != "limit/address" { // the narrower limit is not charged to the wider one
			admit(t, l, request("203.0.113.7", ""), 20, start())
		}
	}
	connect := request("203.0.113.8", "login")
	connect.Kind = haechi.KindConnect
	admit(t, one(s), connect, 20, start())
}

func TestServicesCountOnTheirOwn(t *testing.T) {
	l := ratelimit.New(ratelimit.Config{Services: map[string]ratelimit.Service{"svc": strict(), "other": strict()}})
	r := request("203.0.113.7", "")
	admit(t, l, r, 100, start())
	r.Service = "other"
	admit(t, l, r, 100, start())
	r.Service = "unlimited"
	admit(t, l, r, 1000, start())
}

func TestConcurrentRequestsAdmitExactlyTheLimit(t *testing.T) {
	l := one(strict())
	var admitted atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r := request("203.0.113.7", "")
			for range 200 {
				if v := l.Inspect(r, start()); !v.Refuses() {
					admitted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if admitted.Load() != 100 {
		t.Errorf("%d admitted, want 100", admitted.Load())
	}
}

func TestPassingDoesNotAllocate(t *testing.T) {
	s := strict()
	s.Device.Rates = []gcra.Rate{{Events: 1_000_000, Per: time.Minute}}
	s.Address.Rates = s.Device.Rates
	l, m, r := one(s), message("LOA.i/1"), request("2001:db8::1", "page")
	now := start()
	l.Inspect(m, now)
	if n := testing.AllocsPerRun(100, func() { l.Inspect(m, now); l.Inspect(r, now) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func TestStatsNameEveryLimit(t *testing.T) {
	s := strict()
	s.Classes = map[string]ratelimit.Limit{"login": {Rates: []gcra.Rate{{Events: 1, Per: time.Hour}}}}
	l := one(s)
	for range 5 {
		l.Inspect(request("203.0.113.7", "login"), start())
	}
	got := fmt.Sprint(l.Stats())
	want := "[{svc limit/device refused 0} {svc limit/device without room 0} {svc limit/address refused 0} " +
		"{svc limit/address without room 0} {svc limit/class/login refused 4} {svc limit/class/login without room 0}]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func BenchmarkInspect(b *testing.B) {
	l, m, now := one(strict()), message("LOA.i/1"), start()
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		l.Inspect(m, now)
	}
}
