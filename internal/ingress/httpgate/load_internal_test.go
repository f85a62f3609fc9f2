package httpgate

import (
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/brick/strain"
)

func who(addr string) *haechi.Actor {
	a := netip.MustParseAddr(addr)
	return &haechi.Actor{Addr: a, Client: clientkey.Of(a, 0), Assurance: haechi.Handshaken}
}

// The order in which clients are refused, at every edge of it.
func TestOrderOfRefusal(t *testing.T) {
	l := newLoad(Site{Service: "shop", Load: Load{InFlight: 100}}, time.Now())
	const now = 2 * time.Hour
	fresh, minute, quarter, long := who("192.0.2.1"), who("192.0.2.2"), who("192.0.2.3"), who("192.0.2.4")
	l.known.Met(l.hash.Prefix(minute.Client), now-time.Minute)
	l.known.Met(l.hash.Prefix(quarter.Client), now-5*time.Minute)
	l.known.Met(l.hash.Prefix(long.Client), now-11*time.Minute)
	proved := who("192.0.2.5")
	proved.Assurance = haechi.Authenticated
	allowed := who("192.0.2.6")
	allowed.Allowed = true
	type let struct{ fresh, minute, quarter, long, proved, allowed bool }
	for _, tt := range []struct {
		fill  float64
		under int
		want  let
	}{
		{0, 0, let{true, true, true, true, true, true}},
		{0.49, 10, let{true, true, true, true, true, true}},
		{0.51, 10, let{false, true, true, true, true, true}},
		{0.65, 10, let{false, true, true, true, true, true}},
		{0.70, 10, let{false, false, true, true, true, true}},
		{0.90, 10, let{false, false, false, true, true, true}},
		{1.24, 10, let{false, false, false, true, true, true}},
		{1.25, 10, let{false, false, false, false, true, true}},
		{1.50, 10, let{false, false, false, false, false, true}},
		{1.50, 99, let{false, false, false, false, false, true}},
		{0.10, 100, let{false, false, false, false, false, true}}, // the configured most
		{0.10, 106, let{false, false, false, false, false, true}},
		{0.10, 107, let{false, false, false, false, false, false}},
	} {
		st := strain.State{Fill: tt.fill, Under: tt.under, Age: 2 * time.Hour}
		got := let{l.admits(fresh, false, st, now), l.admits(minute, false, st, now), l.admits(quarter, false, st, now),
			l.admits(long, false, st, now), l.admits(proved, false, st, now), l.admits(allowed, false, st, now)}
		if got != tt.want {
			t.Errorf("fill %v, %d under way: %+v, want %+v", tt.fill, tt.under, got, tt.want)
		}
		if l.admits(fresh, true, st, now) != tt.want.proved {
			t.Errorf("fill %v: a trusted proxy is not let in like an authenticated client", tt.fill)
		}
	}
}

// After a start everybody is new: nobody is asked to be older than half the gate.
func TestTenureAfterAStart(t *testing.T) {
	if d := tenureFor(strain.State{Fill: 1, Age: 30 * time.Second}); d != 15*time.Second {
		t.Errorf("%v, want 15s", d)
	}
	if d := tenureFor(strain.State{Fill: 1, Age: time.Hour}); d != knownLong {
		t.Errorf("%v, want %v", d, knownLong)
	}
	if d := tenureFor(strain.State{Fill: 0.5, Age: time.Hour}); d != 0 {
		t.Errorf("%v at half full", d)
	}
}

func TestKinds(t *testing.T) {
	l := newLoad(Site{Service: "shop", Load: Load{InFlight: 100}}, time.Now())
	same := func(a, b string) bool { return l.kind("GET", a) == l.kind("GET", b) }
	if !same("/item/7/x", "/item/7/y") || same("/item/7", "/item/8") || same("/", "/item") || l.kind("GET", "/") == l.kind("POST", "/") || !same("", "") {
		t.Error("kinds are the method and two segments")
	}
	if n := testing.AllocsPerRun(100, func() { l.kind("GET", "/a/b/c/d") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What the servers have to do and who is known outlives a reload, unless the bounds do
// not.
func TestLoadOutlivesAReload(t *testing.T) {
	before := newLoad(Site{Service: "shop", Load: Load{InFlight: 100}}, time.Now())
	if next := newLoad(Site{Service: "shop", Load: Load{InFlight: 100}}, time.Now()); next.adopt(before) != before {
		t.Error("forgotten")
	}
	for _, s := range []Site{
		{Service: "other", Load: Load{InFlight: 100}}, {Service: "shop", Load: Load{InFlight: 50}},
		{Service: "shop", Load: Load{Mode: haechi.Shadow, InFlight: 100}}, {Service: "shop", Load: Load{Mode: haechi.Off}},
	} {
		if next := newLoad(s, time.Now()); next.adopt(before) == before {
			t.Errorf("%+v goes on with other bounds", s)
		}
	}
}
